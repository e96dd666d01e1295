"""How read models reach their database, and what may go wrong there, said in the words of the domain."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from provenstore.domain.errors import DatabaseUnavailable


class Pool(Protocol):
    """Connections of one role, lent one at a time."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend a connection for the length of a block."""


class NotMade(DatabaseUnavailable):
    """Read models are being built."""

    advice = "this release has not made its own yet"


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable for a database that does not answer, NotMade for one without read models.

    So is one whose read models are those of another release: this one's are being built beside them.
    """
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as exc:
        raise NotMade from exc
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as exc:
        raise DatabaseUnavailable from exc


@contextmanager
def autocommit(pool: Pool) -> Iterator[psycopg.Connection[Any]]:
    """Lend a connection for statements that need not belong together; errors as `translated` says.

    Of a pool in autocommit: there a statement is one exchange, where a transaction would make it three.
    """
    with translated(), pool.connection() as connection, translated():
        yield connection


@contextmanager
def transaction(pool: Pool) -> Iterator[psycopg.Connection[Any]]:
    """Lend a connection with a transaction on it; errors as `translated` says, whatever the pool makes of them."""
    with translated(), pool.connection() as connection, translated(), connection.transaction():
        yield connection


def storable(text: str) -> bool:
    """Return whether PostgreSQL can hold `text`: no NUL, no lone surrogate."""
    return "\0" not in text and text.encode("utf-8", "replace").decode("utf-8") == text
