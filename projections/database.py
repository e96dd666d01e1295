"""What may go wrong between a read model and its database, said in the words of the domain."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from provenstore.domain.errors import DatabaseUnavailable


class NotMade(DatabaseUnavailable):
    """The read models have not been made yet: the first runner does so when it starts."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable for a database that does not answer, NotMade for one without read models."""
    try:
        yield
    except psycopg.errors.UndefinedTable as exc:
        raise NotMade from exc
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as exc:
        raise DatabaseUnavailable from exc
