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
from provenstore.domain.chain import Chain
from provenstore.domain.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.envelope import Event, PrivateValue
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.event_types import StreamHead
from provenstore.domain.note import NoteVerifier
from provenstore.domain.proof_document import (
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
from provenstore.domain.receipt import parse_event

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
    # 2. Each stream is a chain from its first event to one that is in the log.
    events = {kind: _verify_stream(proof.file, kind, stream, checkpoint) for kind, stream in proof.streams.items()}
    # 3. The lifecycle is there, and what it has sealed of the other streams is what they say.
    if "file" not in events:
        raise InvalidProof("streams.file", "is missing")
    for at, event in enumerate(events["file"]):
        _verify_heads(f"streams.file[{at}]", event, events)
    # 4. Private values are those that events of this history committed to.
    by_id = {event.id: event for stream in events.values() for event in stream}
    disclosed = {}
    for event_id, values in proof.disclosures.items():
        if event_id not in by_id:
            raise InvalidProof(f"disclosures.{event_id}", "is of no event of this history")
        disclosed[event_id] = verify_disclosures(f"disclosures.{event_id}", by_id[event_id], values)
    return VerifiedHistory(proof.file, events, checkpoint, disclosed)


def _verify_stream(file: UUID, kind: str, stream: StreamProof, checkpoint: Checkpoint) -> tuple[Event, ...]:
    chain = Chain(f"streams.{kind}", "stream", f"{kind}:{file}")
    for state in stream.events:
        chain.take(state)
    chain.verify_end(stream.index, stream.proof, checkpoint)
    return tuple(parse_event(f"{chain.place}[{at}]", state) for at, state in enumerate(stream.events))


def _verify_heads(place: str, event: Event, events: Mapping[str, Sequence[Event]]) -> None:
    """Hold each head that a lifecycle event has sealed against the stream as it is shown."""
    # From the bytes, not from the typed data: a release that does not know the type must see its heads, too.
    data: dict[str, Any] = event.to_json()["data"]
    for name, kind in _HEADS.items():
        if name not in data:
            continue
        stream, head = events.get(kind, ()), _head_of(f"{place}.data.{name}", data[name])
        version = head.version if head else 0
        if version > len(stream):
            raise InvalidProof(
                f"streams.{kind}", f"has {len(stream)} events, fewer than the {version} that {place} saw"
            )
        if head and stream[version - 1].leaf.hex() != head.leaf:
            raise InvalidProof(f"streams.{kind}[{version - 1}]", f"is not the event that {place} saw as the newest")
        if version < len(stream) and stream[version].time < event.time:
            raise InvalidProof(f"streams.{kind}[{version}]", f"is older than {place}, which did not see it")


def _head_of(place: str, value: object) -> StreamHead | None:
    try:
        return None if value is None else StreamHead.model_validate(value, strict=True)
    except ValidationError:
        raise InvalidProof(place, "is not the head of a stream") from None
