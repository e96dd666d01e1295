"""The connection string of an external database, with nothing in it left to files of the home directory.

libpq would look for passwords in ~/.pgpass and for certificates in ~/.postgresql. Each is named in the string or is not
used; what would come from the environment is taken out of it by `surroundings`.
"""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from provenstore.domain.errors import Misconfigured

NOWHERE: Final = "/dev/null/none"
"""A path that no file can have, not even root's."""

_FILES: Final = ("passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl")


def self_contained(conninfo: str, setting: str) -> str:
    """Return a connection string that takes nothing from the home directory; Misconfigured, with the name of the
    `setting` and never its value, for what is no connection string.
    """
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise Misconfigured(f"{setting} is not a connection string of PostgreSQL") from None
    return make_conninfo(conninfo, **{name: NOWHERE for name in _FILES if name not in given})
