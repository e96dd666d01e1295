"""Checking a log as it is published, whoever keeps it: checkpoint, tiles, and entries where they may be read.

One verification over one small port, whether what is published lies in a folder, in a bucket or behind a URL. Nothing
is believed but the keys that were handed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from provenstore.domain.errors import Forbidden, IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import StoredRow
from provenstore.domain.proofs.tree_check import EXTENDS, ROOTS, SIGNATURES, Head, TreeCheck, in_order
from provenstore.domain.proofs.verification import GUARDS, PERSONS, Finding, Verifier
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import HASH_BYTES, leaf_hash
from provenstore.domain.transparency.note import NoteVerifier
from provenstore.domain.transparency.tile import EntryBundle, Tile, bundles_between, parse_entries

_OF_STRETCHES = frozenset({ROOTS, EXTENDS})


class LogSource(Protocol):
    """Where a log is published, in the paths of C2SP tlog-tiles. Unavailable where it does not answer."""

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint, a signed note; NotFound where there is none."""

    def tile(self, tile: Tile) -> bytes | None:
        """Return the bytes of a tile, or None where it is missing."""

    def entries(self, bundle: EntryBundle) -> bytes | None:
        """Return the bytes of a bundle, or None where it is missing; Forbidden where they may not be read."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was checked, what was found, and by number the steps that were not taken, and why."""

    checked: int
    """Events that were read, each by itself and in its chains."""
    findings: tuple[Finding, ...]
    unchecked: dict[int, str]
    checkpoint: Checkpoint | None = None
    unsigned: int = 0
    """Events behind the newest checkpoint: that nothing is wrong with them is vouched for by nothing but themselves."""

    @property
    def first(self) -> Finding | None:
        """The finding at the lowest position; one of a stretch, as roots tell it, only where there is no other."""
        return min(self.findings, key=lambda one: (one.step in _OF_STRETCHES, one.position, one.step), default=None)


def verify_published(
    source: LogSource,
    verifiers: Sequence[NoteVerifier],
    given: Sequence[Head] = (),
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Check a published log up to its checkpoint, a bundle at a time; `given` are heads known from elsewhere.

    From where on entries may not be read, tiles and root alone.
    """
    unchecked = {
        3: "what is published has no columns",
        7: "what is published has no private values",
        8: "what is published has no counters",
        GUARDS: "what is published has no database",
    }
    # 1. The checkpoint, signed by a key that was handed in: without it nothing else is worth looking at.
    try:
        checkpoint = open_checkpoint(source.checkpoint(), verifiers)
    except (InvalidInput, InvalidProof) as exc:
        nothing = dict.fromkeys((*range(1, 14), GUARDS), "the checkpoint cannot be believed")
        del nothing[SIGNATURES]
        return Checked(0, (Finding(SIGNATURES, 0, "", "", exc.message, "checkpoint"),), nothing)
    # 2. The leaves: hashes of the entries or, where those may not be read, as the lowest tiles have them.
    own = Head(checkpoint.size, checkpoint.root, "the checkpoint")
    tree = TreeCheck(source.tile, checkpoint.size, in_order([own], sorted(given, key=lambda head: head.size)))
    walk, shut_from = _Walk(source, tree), None
    for bundle in bundles_between(0, checkpoint.size):
        if shut_from is None and not walk.entries(bundle):
            shut_from = bundle.begin + 1
        if shut_from is not None:
            walk.leaves(bundle)
        if on_progress is not None:
            on_progress(bundle.begin + bundle.width, checkpoint.size)
    if shut_from is not None:
        why = "may not be read" if shut_from == 1 else f"may not be read from position {shut_from:,} on"
        unchecked.update(dict.fromkeys((1, 2, 4, 5, 6, 9, PERSONS), f"the entries {why}"))
    # 3. Tiles and roots, recomputed from them; the events among themselves, as far as they were read.
    findings = (*walk.findings, *tree.finish(), *walk.events.finish().findings)
    return Checked(walk.read, findings, unchecked, checkpoint)


class _Walk:
    """Feeds what is published to the two checks."""

    def __init__(self, source: LogSource, tree: TreeCheck) -> None:
        self._source, self._tree = source, tree
        self.events = Verifier()
        self.findings: list[Finding] = []
        self.read = 0

    def entries(self, bundle: EntryBundle) -> bool:
        """Take a bundle of entries; False where none may be read."""
        try:
            found = self._source.entries(bundle)
        except Forbidden:
            return False
        if found is None:
            self._find(bundle, "the entries are missing")
            self.leaves(bundle)
            return True
        try:
            states = parse_entries(found, bundle.width)
        except InvalidInput as exc:
            self._find(bundle, exc.message)
            self.leaves(bundle)
            return True
        self.read += len(states)
        for position, state in enumerate(states, start=bundle.begin + 1):
            leaf = leaf_hash(state)
            event = self._event(bundle, position, state)
            self._tree.take(position, leaf, event.stream if event else "")
            if event is not None:
                self.events.take(_row(event, leaf))
        return True

    def leaves(self, bundle: EntryBundle) -> None:
        """Take the leaves of a bundle from its tile."""
        hashes = self._source.tile(Tile(0, bundle.number, bundle.width)) or b""
        for at in range(0, len(hashes) - HASH_BYTES + 1, HASH_BYTES):
            self._tree.take(bundle.begin + at // HASH_BYTES + 1, hashes[at : at + HASH_BYTES])

    def _event(self, bundle: EntryBundle, position: int, state: bytes) -> Event | None:
        try:
            return Event.parse(position, state)
        except IntegrityViolated as exc:
            self.findings.append(Finding(2, position, "", "", exc.message, bundle.path))
            return None

    def _find(self, bundle: EntryBundle, problem: str) -> None:
        self.findings.append(Finding(1, bundle.begin + 1, "", "", problem, bundle.path))


def _row(event: Event, leaf: bytes) -> StoredRow:
    """Return an event as the database would have it; its columns are its own."""
    return StoredRow(
        position=event.position,
        state=event.state,
        leaf=leaf,
        id=event.id,
        type=event.type,
        stream=event.stream,
        version=event.version,
        workspace=event.workspace,
        number=event.number,
        time=event.time,
    )
