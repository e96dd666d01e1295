"""Checking a log against itself: that every event is what was sealed, and that none is missing, moved or slipped in.

Pure over what a reader hands in, one event at a time, in constant memory per stream and per erased value whose erasure
is still to come. The steps are numbered; each finding names the step it breaks.
What this cannot show is on docs/explanation/verification.md.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import MAX_EVENT_BYTES, Event
from provenstore.domain.eventlog.event_log import Disclosures, EventLog, QuotaUse, StoredRow
from provenstore.domain.eventlog.quota import UNLIMITED
from provenstore.domain.privacy.erasure import erases
from provenstore.domain.proofs.purge_check import PurgeCheck
from provenstore.domain.proofs.two_person_check import TwoPersonCheck
from provenstore.domain.transparency.merkle import leaf_hash

STEPS = (
    "1 positions are dense from 1",
    "2 each event's bytes are an envelope in canonical form, and their hash is the recorded leaf",
    "3 the recorded columns say what the bytes say",
    "4 versions are dense in each stream, and each event names its predecessor's leaf",
    "5 numbers are dense in each workspace, and each event names its predecessor's leaf",
    "6 times never go back",
    "7 a private value is what the leaf committed to, or is erased by a later event of its stream or file that says so",
    "8 quota counters are the sum of their events",
)

PERSONS = 15
"""The step, after those of the tree and of objects, in which every act of two persons is judged."""

PURGES = 16
"""The step of `domain.proofs.purge_check`."""

GUARDS = 17
"""The step in which a database's functions and grants are held against its migrations."""

MAX_FINDINGS = 1_000
"""A log broken in more places than this needs no longer list."""

_BEFORE_ALL = -(2**62)
"""Below every position that a row could have been given."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed."""

    step: int
    position: int
    stream: str
    event_id: str
    problem: str
    tile: str = ""
    """The path of the tile in which it shows, where one does."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, and what was found."""

    checked: int
    findings: tuple[Finding, ...]
    steps: tuple[str, ...] = STEPS

    @property
    def ok(self) -> bool:
        """Whether everything is as it was sealed."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The finding at the lowest position."""
        return min(self.findings, key=lambda finding: (finding.position, finding.step), default=None)


_Last = tuple[int, str | None, int]
"""Count, leaf (hex) and position of the newest event of a stream or workspace."""


_NOTHING = QuotaUse(0, 0, None, None)


@dataclass(frozen=True, slots=True)
class _Erased:
    """A value that is gone, and waits for the event that is said to have erased it."""

    row: StoredRow
    field: str
    actor: str
    """Of the event that held it."""


@dataclass(slots=True)
class Verifier:
    """Takes the rows of a log in order of position, and says at the end what is wrong with them."""

    _findings: list[Finding] = field(default_factory=list)
    _checked: int = 0
    _position: int = 0
    _time: datetime | None = None
    _streams: dict[str, _Last] = field(default_factory=dict)
    _workspaces: dict[str, _Last] = field(default_factory=dict)
    _quota: dict[tuple[str, str], QuotaUse] = field(default_factory=dict)
    _erased: dict[UUID, list[_Erased]] = field(default_factory=dict)
    _persons: TwoPersonCheck = field(default_factory=TwoPersonCheck)
    _purges: PurgeCheck = field(default_factory=PurgeCheck)

    def take(self, row: StoredRow, disclosed: Disclosures | None = None) -> None:
        """Check one row against everything before it; `disclosed` holds its private values."""
        if row.position != self._position + 1:
            gone = f"positions {self._position + 1} to {row.position - 1} are missing"
            self._find(1, row, gone if row.position > self._position else "the position occurs twice")
        self._position = row.position
        self._checked += 1
        event = self._event(row)
        self._check_erasures(row, event)
        if event is None:
            return
        self._check_columns(row, event)
        self._check_chains(row, event)
        if self._time is not None and event.time < self._time:
            self._find(6, row, "the time lies before that of the event before it")
        self._time = event.time
        if disclosed is not None:
            self._check_private(row, event, disclosed)
        self._count_quota(event)
        for problem in self._persons.take(event):
            self._find(PERSONS, row, problem)
        for problem in self._purges.take(event):
            self._find(PURGES, row, problem)

    def _event(self, row: StoredRow) -> Event | None:
        """Step 2."""
        if leaf_hash(row.state) != row.leaf:
            self._find(2, row, "the bytes are not those that were hashed")
        if len(row.state) > MAX_EVENT_BYTES:
            self._find(2, row, f"the bytes are more than {MAX_EVENT_BYTES}")
        try:
            return Event.parse(row.position, row.state)
        except IntegrityViolated as exc:
            self._find(2, row, exc.message)
            # Later events still name the recorded leaf; without these the first fault would hide under its followers.
            self._streams[row.stream] = (row.version, row.leaf.hex(), row.position)
            self._workspaces[row.workspace] = (row.number, row.leaf.hex(), row.position)
            return None

    def _check_columns(self, row: StoredRow, event: Event) -> None:
        """Step 3."""
        for name in ("id", "type", "stream", "version", "workspace", "number", "time"):
            if getattr(row, name) != getattr(event, name):
                self._find(3, row, f"column {name} does not say what the bytes say")

    def _check_chains(self, row: StoredRow, event: Event) -> None:
        """Steps 4 and 5. What follows a broken link is compared with what really stands before it."""
        for step, chains, name, count, named in (
            (4, self._streams, event.stream, event.version, event.prev),
            (5, self._workspaces, event.workspace, event.number, event.workspace_prev),
        ):
            last, leaf, position = chains.get(name, (0, None, 0))
            what = "version" if step == 4 else "number"
            if count != last + 1:
                self._find(step, row, f"{what} {count} follows {last}")
            elif named != leaf:
                self._find(step, row, f"the event names another predecessor than the one at position {position}")
            chains[name] = (count, row.leaf.hex(), row.position)

    def _check_private(self, row: StoredRow, event: Event, disclosed: Disclosures) -> None:
        """Step 7."""
        held = disclosed.get(event.id, {})
        for name, promised in event.private.items():
            value = held.get(name)
            if value is None:
                self._find(7, row, f"private value {name} is missing without an erasure")
            elif value.salt is not None and value.value is not None:
                if hashlib.sha256(value.salt + value.value).hexdigest() != promised:
                    self._find(7, row, f"private value {name} is not the one committed to")
            elif value.erased_by is None:
                self._find(7, row, f"private value {name} is erased by nobody")
            else:
                self._erased.setdefault(value.erased_by, []).append(_Erased(row, name, event.actor.id))
        for name in held.keys() - event.private.keys():
            self._find(7, row, f"private value {name} was never committed to")

    def _check_erasures(self, row: StoredRow, event: Event | None) -> None:
        """Step 7, for values of earlier events; an erasure that is itself broken is a finding already."""
        for erased in self._erased.pop(row.id, ()):
            if event is not None and not _erases(event, erased):
                self._find(7, erased.row, f"private value {erased.field} is erased by an event that does not say so")

    def _count_quota(self, event: Event) -> None:
        change = event.data.quota_change(event.workspace)
        if change is None:
            return
        key = (change.workspace, change.counter)
        use = self._quota.get(key, _NOTHING)
        self._quota[key] = QuotaUse(
            use.bytes + change.bytes,
            use.files + change.files,
            use.max_bytes if change.max_bytes is None else _limit(change.max_bytes),
            use.max_files if change.max_files is None else _limit(change.max_files),
        )

    def finish(
        self, *, newest: int | None = None, counters: Mapping[tuple[str, str], QuotaUse] | None = None
    ) -> Report:
        """Close the check; `newest` is the position the log must reach, `counters` what the database counts."""
        if newest is not None and self._position < newest:
            problem = f"the log ends at {self._position}, not at {newest}"
            self._findings.append(Finding(1, self._position + 1, "", "", problem))
        for waiting in self._erased.values():
            for erased in waiting:
                self._find(7, erased.row, f"private value {erased.field} is erased by no later event of the log")
        for key in sorted(self._quota.keys() | counters.keys()) if counters is not None else ():
            if counters is not None and counters.get(key, _NOTHING) != self._quota.get(key, _NOTHING):
                problem = f"counter {key[1]!r} of workspace {key[0]!r} is not the sum of its events"
                self._findings.append(Finding(8, self._position, f"workspace:{key[0]}", "", problem))
        return Report(self._checked, tuple(self._findings))

    def _find(self, step: int, row: StoredRow, problem: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(step, row.position, row.stream, str(row.id), problem))


def verify_log(
    log: EventLog,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    page: int = 1000,
    values: bool = True,
    also: Callable[[StoredRow], None] | None = None,
) -> Report:
    """Check a whole log up to its position now, with counters and, unless not wanted, private values, in pages.

    `on_progress` hears how many positions are done, and of how many; `also` is shown every row.
    """
    verifier, after = Verifier(), _BEFORE_ALL
    newest, counters = log.counters()
    while rows := [row for row in log.rows(after, page) if row.position <= newest]:
        disclosed = log.disclosures([row.id for row in rows]) if values else None
        for row in rows:
            verifier.take(row, disclosed)
            if also is not None:
                also(row)
        after = rows[-1].position
        if on_progress is not None:
            on_progress(after, newest)
    return verifier.finish(newest=newest, counters=counters)


def verify_rows(rows: Iterable[StoredRow], *, newest: int | None = None) -> Report:
    """Check rows without private values and counters, as an export has them."""
    verifier = Verifier()
    for row in rows:
        verifier.take(row)
    return verifier.finish(newest=newest)


def _erases(event: Event, erased: _Erased) -> bool:
    return erases(event, stream=erased.row.stream, actor=erased.actor, field=erased.field, position=erased.row.position)


def _limit(value: int) -> int | None:
    return None if value == UNLIMITED else value
