"""A log whose database goes away right after a commit, so that whatever is asked of it after that fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from provenstore.adapters.postgres.database import ConnectionLost, Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.sealing import Batch
from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.event_log import Appended


class CutDatabase:
    """Passes connections on until it is away."""

    def __init__(self, real: Database) -> None:
        """Stand before `real`."""
        self._real = real
        self.away = False

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Lend a connection of the real database."""
        if self.away:
            raise DatabaseUnavailable
        with self._real.connection() as connection:
            yield connection

    def prune(self) -> None:
        """Do as the real one."""
        self._real.prune()


class CutLog(PostgresEventLog):
    """The log; with `cut` its database goes away after an append."""

    def __init__(self, real: Database) -> None:
        """Work on `real`, and do not wait long for what has gone away."""
        self.cut_database = CutDatabase(real)
        self._left = 0
        self._lose = False
        super().__init__(cast(Database, self.cut_database), patience=0.05)

    def cut(self, after: int, *, lose: bool = False) -> None:
        """Go away once `after` appends from now are committed; with `lose` the reply to the last of them is lost."""
        self._left, self._lose = after, lose

    def heal(self) -> bool:
        """Be there again; tell whether the database had gone away."""
        was, self.cut_database.away, self._left = self.cut_database.away, False, 0
        return was

    def _send(self, batch: Batch, *, prune: bool) -> Sequence[Appended | Exception]:
        answers = super()._send(batch, prune=prune)
        if self._left and all(isinstance(one, Appended) for one in answers):
            self._left -= 1
            if not self._left:
                self.cut_database.away = True
                if self._lose:
                    raise ConnectionLost
        return answers
