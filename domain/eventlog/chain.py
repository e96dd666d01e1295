"""Chains: events of one stream or of one workspace, each of which contains the leaf hash of the one before it.

Dense counts and these hashes prove that no event between the first and the last was left out or altered, once the last
is known to be in the log. A chain proves nothing about events after its last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from provenstore.domain.errors import IntegrityViolated, InvalidProof
from provenstore.domain.eventlog.envelope import parse_fields
from provenstore.domain.transparency.checkpoint import Checkpoint
from provenstore.domain.transparency.merkle import leaf_hash, verify_inclusion

_LINKS: Final = {"stream": ("version", "prev"), "workspace": ("number", "workspace_prev")}
"""By kind: the field that counts, and the field with the previous event's leaf hash."""


@dataclass(slots=True)
class Chain:
    """Checks events in order, in constant memory, and rejects the first that does not follow."""

    place: str
    """Name of the list in error messages."""
    kind: Literal["stream", "workspace"]
    name: str
    count: int = 0
    leaf: bytes | None = None
    """The leaf hash of the newest event, or None before the first."""
    time: str = ""

    def take(self, state: bytes) -> Mapping[str, Any]:
        """Return the fields of the next event; InvalidProof, with the event's place, if the bytes do not follow.

        Steps: 1 the bytes are an event, 2 of this chain, 3 with the next count, 4 with the leaf hash of the event
        before it, and 5 not older.
        """
        place = f"{self.place}[{self.count}]"
        try:
            fields = parse_fields(state)  # 1
        except IntegrityViolated as exc:
            raise InvalidProof(place, exc.message) from exc
        what, prev = _LINKS[self.kind]
        if fields[self.kind] != self.name:  # 2
            raise InvalidProof(place, f"is of the {self.kind} {fields[self.kind][:99]!r}, not of {self.name!r}")
        if fields[what] != self.count + 1:  # 3
            raise InvalidProof(place, f"has {what} {fields[what]} where {self.count + 1} is due")
        if fields[prev] != (self.leaf and self.leaf.hex()):  # 4
            raise InvalidProof(place, "names another event as the one before it")
        if fields["time"] < self.time:  # 5
            raise InvalidProof(place, "is older than the event before it")
        self.count, self.leaf, self.time = self.count + 1, leaf_hash(state), fields["time"]
        return fields

    def verify_end(self, index: int, proof: Iterable[bytes], checkpoint: Checkpoint) -> None:
        """Check that the newest event is leaf `index` under `checkpoint`; InvalidProof if not, or if it is empty."""
        if self.leaf is None:
            raise InvalidProof(self.place, "is empty")
        if index + 1 < self.count:  # an early index would claim that others stand before the log began
            raise InvalidProof(f"{self.place}.index", f"{index} leaves no room for {self.count} events")
        try:
            verify_inclusion(self.leaf, index, checkpoint.size, tuple(proof), checkpoint.root)
        except InvalidProof as exc:
            raise InvalidProof(f"{self.place}, the last event", exc.message) from None
