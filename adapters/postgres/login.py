"""The first connection to an external PostgreSQL: whether the settings let us in at all.

A pool would only say after a while that it got no connection. The password is never part of what libpq says.
"""

import re
from typing import Final

import psycopg

from provenstore.domain.errors import DatabaseUnavailable, Misconfigured

_SECONDS: Final = 10

_REFUSED: Final = re.compile(
    r"password authentication failed|no password supplied|authentication failed|no pg_hba\.conf entry"
    r"|(?:role|database) \".*\" does not exist|permission denied for database|is not permitted to log in"
)
"""What PostgreSQL says of a login that no waiting would mend; libpq gives no SQLSTATE for a failed connection."""


def require_login(conninfo: str, setting: str) -> None:
    """Connect once with what `setting` says.

    Misconfigured where it is no connection string, or where the server refuses user, password or database;
    DatabaseUnavailable where no server answers, or one that does not take connections now.
    """
    try:
        psycopg.connect(conninfo, connect_timeout=_SECONDS).close()
    except psycopg.ProgrammingError:
        raise Misconfigured(f"{setting} is not a PostgreSQL connection string") from None
    except psycopg.OperationalError as exc:
        found = _REFUSED.search(str(exc))
        if found is not None:
            raise Misconfigured(f"the database refuses the login of {setting}: {found[0]}") from None
        raise DatabaseUnavailable from exc
