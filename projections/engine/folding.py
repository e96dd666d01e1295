"""One step of whoever folds: a batch for each of some read models, and what to do when one of them cannot take it.

Those that stand at the same position share what is read of the log. A batch that fails is halved until the event at
fault stands alone; its read model is parked before it, and harms no other.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import psycopg
import structlog

from provenstore.domain.errors import ProvenstoreError, Unavailable
from provenstore.projections.engine.batch import LogReader, Overtaken, take
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.prefetch import Prefetch
from provenstore.projections.engine.skips import Skips
from provenstore.projections.engine.status import ReadModelStatus, move, park

LOST: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a standby that has not been promoted yet
    Unavailable,
)
"""The database is away or busy: the same batch may work later, on a new connection."""

POISON: Final = (
    psycopg.DatabaseError,
    ProvenstoreError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What an event, a fold or a table can be at fault for, once `LOST` is sorted out; it would fail again."""

_log = structlog.get_logger(__name__)


class Folding:
    """Folds batches into read models on one connection, and remembers how large they may be."""

    def __init__(
        self, log: LogReader, projections: Mapping[str, Projection[Any]], decided: Callable[[], Skips], batch: int
    ) -> None:
        """Fold `projections`, by name, over `log`, up to `batch` events at a time, without those `decided` to skip.

        In that order: whoever has waited for one finds in those before it what the same events have changed.
        """
        self._ahead = Prefetch(log)
        self._projections = projections
        self._order = {name: number for number, name in enumerate(projections)}
        self._batch = batch
        self._decided = decided
        self._limits: dict[str, int] = {}
        self._skips: Skips = {}
        self.parked: set[str] = set()
        """What could not take an event since it was last begun anew."""

    def begin_anew(self, name: str) -> None:
        """Forget what went wrong with a read model before, and learn which events it is to skip."""
        self.parked.discard(name)
        self._limits.pop(name, None)
        self._skips = self._decided()

    def close(self) -> None:
        """Forget what was read of the log for the next step."""
        self._ahead.close()

    def step(
        self, connection: psycopg.Connection[Any], standing: Sequence[ReadModelStatus], upto: int | None = None
    ) -> Mapping[str, int]:
        """Fold one batch into each, no event beyond `upto`, and return how far those have come that moved.

        What cannot take an event is parked. Raises what says that the database is away.
        """
        moved: dict[str, int] = {}
        groups: defaultdict[int, list[ReadModelStatus]] = defaultdict(list)
        for place in sorted(standing, key=lambda one: self._order[one.name]):
            groups[place.position].append(place)
        for position, group in groups.items():
            limit = max(self._limits.get(place.name, self._batch) for place in group)
            limit = limit if upto is None else min(limit, upto - position)
            moved |= self._advance(connection, group, limit) if limit > 0 else {}
        return moved

    def _advance(
        self, connection: psycopg.Connection[Any], group: Sequence[ReadModelStatus], limit: int
    ) -> dict[str, int]:
        moved: dict[str, int] = {}
        position = group[0].position
        try:
            private = any(self._projections[place.name].private for place in group)
            stretch = self._ahead.stretch(position, limit, private=private)
        except LOST:
            raise
        except POISON as exc:
            return {place.name: self._unread(connection, place, limit, exc) for place in group}
        for place in group if stretch.events else ():
            own = min(limit, self._limits.get(place.name, self._batch))
            try:
                moved[place.name] = take(
                    connection, self._projections[place.name], place, stretch, limit=own, skipped=self._skipped(place)
                )
            except Overtaken:
                continue
            except psycopg.errors.ProgramLimitExceeded as exc:
                self._fail(connection, place, own, exc)
            except LOST:
                raise
            except POISON as exc:
                self._fail(connection, place, own, exc)
            else:
                self._limits[place.name] = min(self._batch, own * 2)
                continue
            moved[place.name] = position
        return moved

    def _unread(self, connection: psycopg.Connection[Any], place: ReadModelStatus, limit: int, error: Exception) -> int:
        """Leave out an event that cannot even be read where that was decided, else try less or park; the position."""
        if limit > 1 or place.position + 1 not in self._skipped(place):
            self._fail(connection, place, limit, error)
            return place.position
        with connection.transaction(), connection.cursor() as cursor:
            # Where somebody else has moved it meanwhile, the next step begins there.
            move(cursor, place, place.position + 1)
        return place.position + 1

    def _skipped(self, place: ReadModelStatus) -> Collection[int]:
        return self._skips.get((place.name, place.version), ())

    def _fail(self, connection: psycopg.Connection[Any], place: ReadModelStatus, limit: int, error: Exception) -> None:
        """Try less next time; if it was a single event, park the read model before it."""
        if limit > 1:
            self._limits[place.name] = limit // 2
            return
        if place.position + 1 not in self._skipped(place):
            # Somebody may have decided to go on without it while this was folded, or for the live rows beside a build.
            self._skips = self._decided()
            if place.position + 1 in self._skipped(place):
                return
        self._limits.pop(place.name, None)
        if park(connection, place, error):
            self.parked.add(place.name)
            _log.error(
                "projections.parked",
                action="projections.fail_build" if place.shadow else "projections.park",
                projection=place.name,
                position=place.position + 1,
                error=type(error).__name__,
            )
