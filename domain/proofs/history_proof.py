"""The proof of a file's whole history: its lifecycle, its parts and its accesses, each a chain with its end in the log.

Beside the ends, which one checkpoint proves, the lifecycle itself says how far the other streams went at its turning
points: `Stored` has sealed the head of the parts, `SoftDeleted`, `FileExpired` and `Purged` that of the accesses. So
nothing can be left out before those. What came after the last event shown, the proof does not show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from pydantic import ValidationError

from provenstore.domain.canonical import Json, canonical
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.eventlog.chain import Chain
from provenstore.domain.eventlog.envelope import Event, PrivateValue
from provenstore.domain.eventlog.event_types import StreamHead
from provenstore.domain.proofs.proof_document import (
    disclosures_json,
    disclosures_of,
    hashes_json,
    hashes_of,
    index_of,
    items_of,
    members_of,
    parse_document,
    text_of,
    verify_disclosures,
    within,
)
from provenstore.domain.proofs.receipt import parse_event
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.note import NoteVerifier

MAX_HISTORY_PROOF_BYTES = 512 * 1024 * 1024
"""Some 500,000 events, held in memory."""

STREAMS = ("file", "parts", "access")
"""The streams of a file, by what stands before its id; the lifecycle first."""

_HEADS = {"parts_head": "parts", "access_head": "access"}
"""Of a lifecycle event's data: which field has sealed the head of which stream."""

_MEMBERS = ("checkpoint", "disclosures", "file", "streams")


@dataclass(frozen=True, slots=True)
class StreamProof:
    """The exact bytes of a stream's events, all of them; index and inclusion proof of the last."""

    events: tuple[bytes, ...]
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class HistoryProof:
    """A file's streams by kind (those that have events), a signed note, and private values by event id."""

    file: UUID
    streams: Mapping[str, StreamProof]
    checkpoint: bytes
    disclosures: Mapping[UUID, tuple[PrivateValue, ...]] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the JSON document, in canonical form."""
        document: dict[str, Json] = {
            "checkpoint": self.checkpoint.decode(),
            "disclosures": {str(event): disclosures_json(values) for event, values in self.disclosures.items()},
            "file": str(self.file),
            "streams": {kind: _stream_json(stream) for kind, stream in self.streams.items()},
        }
        return canonical(document)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the JSON document without believing it; InvalidInput, naming the place, where it is none."""
        document = parse_document("proof", raw, _MEMBERS, MAX_HISTORY_PROOF_BYTES)
        streams = members_of("proof.streams", document["streams"])
        shown = members_of("proof.disclosures", document["disclosures"])
        return cls(
            file=_uuid_of("proof.file", document["file"]),
            streams={kind: _stream_of(within("proof.streams", kind), kind, one) for kind, one in streams.items()},
            checkpoint=text_of("proof.checkpoint", document["checkpoint"]).encode(),
            disclosures={
                _uuid_of("proof.disclosures", event): disclosures_of(f"proof.disclosures.{event}", values)
                for event, values in shown.items()
            },
        )


def _stream_json(stream: StreamProof) -> Json:
    return {
        "events": [one.decode() for one in stream.events],
        "index": stream.index,
        "proof": hashes_json(stream.proof),
    }


def _stream_of(place: str, kind: str, value: object) -> StreamProof:
    if kind not in STREAMS:
        raise InvalidInput(place, "is no stream of a file")
    members = members_of(place, value, ("events", "index", "proof"))
    events = enumerate(items_of(f"{place}.events", members["events"]))
    return StreamProof(
        tuple(text_of(f"{place}.events[{at}]", one).encode() for at, one in events),
        index_of(f"{place}.index", members["index"]),
        hashes_of(f"{place}.proof", members["proof"]),
    )


def _uuid_of(place: str, value: object) -> UUID:
    text = text_of(place, value)
    try:
        found = UUID(text)
    except ValueError:
        raise InvalidInput(place, "is not an id") from None
    if str(found) != text:
        raise InvalidInput(place, "is not an id in its one spelling")
    return found


# -- checked -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerifiedHistory:
    """What is proven: these are all events of the file's streams up to the last of each, in the log at the checkpoint.

    Positions are 0: where an event stands in the log is known of the last of each stream alone.
    """

    file: UUID
    events: Mapping[str, tuple[Event, ...]]
    checkpoint: Checkpoint
    disclosed: Mapping[UUID, Mapping[str, Json]] = field(repr=False)


def verify_history(proof: HistoryProof, verifiers: Sequence[NoteVerifier]) -> VerifiedHistory:
    """Check a file's history against the keys of the log; InvalidProof, naming the place, where it is not whole."""
    # 1. The checkpoint is signed by the log that it names.
    checkpoint = open_checkpoint(proof.checkpoint, verifiers)
    # 2. Each stream is a chain from its first event to one that is in the log, and has the heads that were sealed.
    check = HistoryCheck(proof.file)
    events = {}
    for kind in (kind for kind in STREAMS if kind in proof.streams):
        stream = proof.streams[kind]
        for state in stream.events:
            check.take(kind, state)
        check.end(kind, stream.index, stream.proof, checkpoint)
        place = f"streams.{kind}"
        events[kind] = tuple(parse_event(f"{place}[{at}]", state) for at, state in enumerate(stream.events))
    # 3. The lifecycle is there, and what it has sealed of the other streams is what they say.
    check.finish()
    # 4. Private values are those that events of this history committed to.
    by_id = {event.id: event for stream in events.values() for event in stream}
    disclosed = {}
    for event_id, values in proof.disclosures.items():
        if event_id not in by_id:
            raise InvalidProof(f"disclosures.{event_id}", "is of no event of this history")
        disclosed[event_id] = verify_disclosures(f"disclosures.{event_id}", by_id[event_id], values)
    return VerifiedHistory(proof.file, {kind: events[kind] for kind in proof.streams}, checkpoint, disclosed)


@dataclass(frozen=True, slots=True)
class _SealedHead:
    """What an event of the lifecycle has sealed of another stream: its head then, or that it was empty."""

    place: str
    time: str
    version: int
    leaf: str


class HistoryCheck:
    """Takes a history event by event, the lifecycle first, and refuses the first that does not fit."""

    def __init__(self, file: UUID) -> None:
        """Check the streams of a file."""
        self._file = file
        self._chains: dict[str, Chain] = {}
        self._sealed: dict[str, list[_SealedHead]] = {kind: [] for kind in _HEADS.values()}

    def take(self, kind: str, state: bytes) -> None:
        """Take the next event of a stream; InvalidProof where it is not the next, or not the one that was sealed."""
        place = f"streams.{kind}"
        chain = self._chains.setdefault(kind, Chain(place, "stream", f"{kind}:{self._file}"))
        fields = chain.take(state)
        if kind == STREAMS[0]:
            self._take_heads(f"{place}[{chain.count - 1}]", fields)
            return
        place, leaf = f"{place}[{chain.count - 1}]", chain.leaf.hex() if chain.leaf is not None else ""
        for head in self._sealed[kind]:
            if head.version == chain.count and leaf != head.leaf:
                raise InvalidProof(place, f"is not the event that {head.place} saw as the newest")
            if head.version == chain.count - 1 and fields["time"] < head.time:
                raise InvalidProof(place, f"is older than {head.place}, which did not see it")

    def _take_heads(self, place: str, fields: Mapping[str, Any]) -> None:
        # From the bytes, not from the typed data: a release that does not know the type must see its heads, too.
        for name, kind in _HEADS.items():
            if name in fields["data"]:
                head = _head_of(f"{place}.data.{name}", fields["data"][name])
                version, leaf = (0, "") if head is None else (head.version, head.leaf)
                self._sealed[kind].append(_SealedHead(place, fields["time"], version, leaf))

    def end(self, kind: str, index: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> None:
        """Check that the last event of a stream is in the log at `index`, under a checkpoint; InvalidProof."""
        place = f"streams.{kind}"
        chain = self._chains.get(kind) or Chain(place, "stream", f"{kind}:{self._file}")
        chain.verify_end(index, proof, checkpoint)

    def finish(self) -> None:
        """Check that there is a lifecycle, and that no stream ends before what was sealed of it; InvalidProof."""
        if STREAMS[0] not in self._chains:
            raise InvalidProof("streams.file", "is missing")
        for kind, heads in self._sealed.items():
            count = self._chains[kind].count if kind in self._chains else 0
            for head in heads:
                if head.version > count:
                    problem = f"has {count} events, fewer than the {head.version} that {head.place} saw"
                    raise InvalidProof(f"streams.{kind}", problem)


def _head_of(place: str, value: object) -> StreamHead | None:
    try:
        return None if value is None else StreamHead.model_validate(value, strict=True)
    except ValidationError:
        raise InvalidProof(place, "is not the head of a stream") from None
