"""One batch of the log into read models: read once, folded in memory, written once, the position moved, or nothing.

A crash at any point leaves a read model at the position where it stood, with the rows it had there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection, Cursor

from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.errors import IntegrityViolated, UnknownEventType
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosure, Disclosures, Erased, Values
from provenstore.domain.eventlog.event_types import RawData
from provenstore.projections.engine.fold import Keyed, Projection, Row, fold_keyed
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.status import ReadModelStatus, move

MAX_BATCH = 1_000
"""Events of one batch: large enough that the commit costs little, small enough that no transaction lasts long."""


class LogReader(Protocol):
    """What a read model needs of the `EventLog`."""

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events with positions above `after`, in order and without gaps."""

    def position(self) -> int:
        """Return the newest position, 0 for an empty log."""

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        """Return the private values of these events."""

    def erased(self, event_ids: Sequence[UUID]) -> Erased:
        """Return which private values these events erased."""


class Overtaken(Exception):
    """The read model no longer stands where this batch began; nothing was written."""


class _Disclosed(Mapping[str, Json]):
    """The private values of one event, each read when it is asked for: most folds ask for few."""

    __slots__ = ("_found", "_read")

    def __init__(self, found: Mapping[str, Disclosure]) -> None:
        """Hold what is stored, without what was erased."""
        self._found = {name: one.value for name, one in found.items() if one.value is not None}
        self._read: dict[str, Json] = {}

    def __getitem__(self, name: str) -> Json:
        """Return one value; KeyError for one that is not there or was erased."""
        if name not in self._read:
            self._read[name] = parse_canonical(self._found[name])
        return self._read[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return one value, or `default`; without the exception by which a mapping finds that out otherwise."""
        return self[name] if name in self._found else default

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._found)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._found)


class EventBatch:
    """Events in a row, read once for all read models that stand before them. Not safe between threads."""

    def __init__(self, log: LogReader, after: int, limit: int = MAX_BATCH) -> None:
        """Read up to `limit` events after a position; IntegrityViolated for a gap."""
        self._log = log
        self._values: dict[UUID, Values] = {}
        self.after = after
        self.events = log.read(after, limit)
        if [event.position for event in self.events] != list(range(after + 1, after + len(self.events) + 1)):
            raise IntegrityViolated("the log was read with a gap", position=after)
        self.erasing = [event for event in self.events if event.data.ERASES]
        self._erased: Erased | None = None

    def values(self, events: Iterable[Event]) -> Mapping[UUID, Values]:
        """Return the private values of these events of the stretch, and perhaps of others; each is asked for once."""
        missing = [event.id for event in events if event.private and event.id not in self._values]
        if missing:
            found = self._log.disclosures(missing)
            self._values.update((event_id, _Disclosed(found.get(event_id, {}))) for event_id in missing)
        return self._values

    def erased(self, limit: int) -> Sequence[tuple[int, str]]:
        """Return the private values that its first `limit` events erased, as `Projection.forget` takes them."""
        ids = [event.id for event in self.erasing if event.position <= self.after + limit]
        if ids and self._erased is None:
            self._erased = self._log.erased([event.id for event in self.erasing])
        known = self._erased or {}
        return [value for event_id in ids for value in known.get(event_id, ())]


def advance(
    connection: Connection[Any],
    log: LogReader,
    projection: Projection[Row],
    place: ReadModelStatus,
    limit: int = MAX_BATCH,
) -> int:
    """Fold up to `limit` events after `place` into `projection` and return how many there were; as `take`."""
    stretch = EventBatch(log, place.position, limit)
    if stretch.events:
        take(connection, projection, place, stretch)
    return len(stretch.events)


def take(
    connection: Connection[Any],
    projection: Projection[Row],
    place: ReadModelStatus,
    stretch: EventBatch,
    *,
    limit: int = MAX_BATCH,
    skipped: Collection[int] = (),
) -> int:
    """Fold the first `limit` events of a stretch, which begins at `place`, and return the position after them.

    `connection` is in autocommit, of the role that owns the read models. Events at positions `skipped` are left out.
    Overtaken, UnknownEventType, and whatever reading, folding or writing raises: then nothing was written.
    """
    events = stretch.events[:limit]
    keyed = keys_of(projection, events, skipped)
    # Asked before the transaction, which then lasts no longer than the rows take.
    if projection.private:
        stretch.values(event for event, _ in keyed)
    erased = stretch.erased(len(events))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(queries("engine/projection")["utc"])
        # 1. Rows as they stand at `place`: nobody else writes them, and (2) fails if somebody did.
        write(cursor, projection, place.generation, stretch, keyed=keyed, erased=erased)
        if erased:
            cursor.execute(queries("engine/projection")["forget_differences"], {"name": place.name})
        # 2. The fence: a runner that lost its lead, or a swapped generation, rolls (1) back.
        if not move(cursor, place, events[-1].position):
            raise Overtaken
    return events[-1].position


def write(
    cursor: Cursor[Any],
    projection: Projection[Row],
    generation: int,
    stretch: EventBatch,
    *,
    keyed: Keyed,
    erased: Sequence[tuple[int, str]],
) -> None:
    """Bring the rows of a generation from before `keyed`, events of the stretch, to after them."""
    keys = sorted({key for _, found in keyed for key in found})
    before = projection.load(cursor, generation, keys) if keys and not projection.adds else {}
    # All rows at once, then what they must not say any more.
    values = stretch.values(event for event, _ in keyed) if projection.private else {}
    after = fold_keyed(projection, before, keyed, values)
    if after:
        projection.save(cursor, generation, before, after)
    if erased:
        projection.forget(cursor, generation, erased)


def keys_of(projection: Projection[Row], events: Iterable[Event], skipped: Collection[int] = ()) -> Keyed:
    """Return the events that concern rows, with their keys, without those at positions `skipped`.

    UnknownEventType for one whose type this release does not know: what it says must not be passed over in silence.
    """
    found = []
    for event in events:
        if event.position in skipped:
            continue
        if isinstance(event.data, RawData):
            raise UnknownEventType(position=event.position)
        if keys := projection.keys(event):
            found.append((event, keys))
    return found
