"""A file's history proves itself whole: nothing left out, altered, moved or added before its ends."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from note_keys import LOG, WITNESS
from proven_log import NAME, ProvenLog
from provenstore.domain.canonical import canonical
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import PrivateValue
from provenstore.domain.proofs.history_proof import HistoryProof, StreamProof, verify_history

LIFE = ProvenLog()
PROOF = LIFE.history()
DOCUMENT = json.loads(PROOF.encode())
ACCESSES = LIFE.of(f"access:{LIFE.file}")


def _with(kind: str, stream: StreamProof | None) -> HistoryProof:
    streams = {**PROOF.streams, kind: stream} if stream else {k: v for k, v in PROOF.streams.items() if k != kind}
    return replace(PROOF, streams=streams)


def _events(kind: str, change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> HistoryProof:
    return _with(kind, replace(PROOF.streams[kind], events=change(PROOF.streams[kind].events)))


def test_whole_history_verifies() -> None:
    """All three streams, and the private value that is shown."""
    verified = verify_history(HistoryProof.parse(PROOF.encode()), [LOG])
    for kind, events in verified.events.items():
        assert [one.leaf for one in events] == [one.leaf for one in LIFE.of(f"{kind}:{LIFE.file}")]
    assert {kind: len(events) for kind, events in verified.events.items()} == {"file": 4, "parts": 2, "access": 3}
    assert verified.disclosed == {LIFE.events[0].id: {"filename": "a.pdf"}}
    assert verified.checkpoint.size == len(LIFE.events)
    assert "a.pdf" not in repr(verified)


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        (_events("file", lambda all_: all_[1:]), r"streams.file\[0\]: has version 2 where 1 is due"),
        (_events("file", lambda all_: all_[:1] + all_[2:]), r"streams.file\[1\]: has version 3 where 2 is due"),
        (_events("file", lambda all_: all_[:-1]), "streams.file, the last event: proof: leads"),
        (_events("file", lambda _: ()), "streams.file: is empty"),
        (_events("access", lambda all_: (all_[1], all_[0], all_[2])), r"streams.access\[0\]: has version 2"),
        (_events("access", lambda all_: (*all_[:2], all_[1])), r"streams.access\[2\]: has version 2 where 3 is due"),
        (
            _events("access", lambda all_: (all_[0].replace(b'"size":7', b'"size":8'), *all_[1:])),
            r"streams.access\[1\]: names another event as the one before",
        ),
        (
            _events("access", lambda all_: (*all_[:2], all_[2].replace(b'"size":7', b'"size":8'))),
            "streams.access, the last event: proof: leads",
        ),
        (_events("parts", lambda all_: (b"{}", *all_[1:])), r"streams.parts\[0\]: the stored bytes are not an env"),
        (_with("parts", PROOF.streams["access"]), r"streams.parts\[0\]: is of the stream 'access:"),
        (_with("access", replace(PROOF.streams["access"], index=1)), "streams.access.index: 1 leaves no room for 3"),
        (_with("access", replace(PROOF.streams["access"], index=10)), "streams.access, the last event: proof"),
        (_with("file", None), "streams.file: is missing"),
        (replace(PROOF, file=UUID(int=1)), r"streams.file\[0\]: is of the stream"),
    ],
)
def test_history_that_is_not_whole_is_refused(proof: HistoryProof, says: str) -> None:
    """Each stream is a chain from its first event to one that is in the log."""
    with pytest.raises(InvalidProof, match=says):
        verify_history(proof, [LOG])


@pytest.mark.parametrize(
    ("kind", "kept", "says"),
    [
        ("access", 1, r"streams.access: has 1 events, fewer than the 2 that streams.file\[3\] saw"),
        ("access", 0, r"streams.access: has 0 events, fewer than the 2 that streams.file\[3\] saw"),
        ("parts", 1, r"streams.parts: has 1 events, fewer than the 2 that streams.file\[2\] saw"),
        ("parts", 0, r"streams.parts: has 0 events, fewer than the 2"),
    ],
)
def test_streams_may_not_end_before_what_the_lifecycle_saw(kind: str, kept: int, says: str) -> None:
    """With their shorter ends honestly proven: the deletion has sealed how many accesses there were."""
    events = LIFE.of(f"{kind}:{LIFE.file}")[:kept]
    with pytest.raises(InvalidProof, match=says):
        verify_history(_with(kind, LIFE.end(events) if events else None), [LOG])


def test_end_after_the_last_head_may_be_left_out() -> None:
    """And this is why: nothing in the log says yet that it is there."""
    verified = verify_history(_with("access", LIFE.end(ACCESSES[:2])), [LOG])
    assert len(verified.events["access"]) == 2


def _resealed(index: int, type_: str, data: dict[str, Any]) -> HistoryProof:
    """Return the history of a log whose keeper sealed other data in one event before signing."""
    life = ProvenLog()
    event = life.events[index]
    fields = event.to_json()
    data = {**fields["data"], **data}
    life.events[index] = replace(event, state=canonical({**fields, "type": type_, "data": data}))
    return life.history()


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ({"leaf": "0" * 64, "version": 2}, r"streams.access\[1\]: is not the event that streams.file\[3\] saw"),
        ({"leaf": ACCESSES[0].leaf.hex(), "version": 1}, r"streams.access\[1\]: is older than streams.file\[3\]"),
        (None, r"streams.access\[0\]: is older than streams.file\[3\]"),
        ({"leaf": "0" * 64}, r"streams.file\[3\]\S*: "),
        ("head", r"streams.file\[3\]\S*: "),
        ({"leaf": "0" * 64, "version": True}, r"streams.file\[3\].data.access_head: is not the head"),
    ],
)
@pytest.mark.parametrize("type_", ["file.soft_deleted.v1", "file.soft_deleted.v99"])
def test_head_that_is_not_the_streams_is_refused(head: object, type_: str, says: str) -> None:
    """Also if the log's own keeper wrote it, or a later release did: the events themselves disagree."""
    with pytest.raises(InvalidProof, match=says):
        verify_history(_resealed(8, type_, {"access_head": head}), [LOG])


@pytest.mark.parametrize(
    ("event", "value", "says"),
    [
        (LIFE.events[0].id, replace(NAME, value=b'"b.pdf"'), r"disclosures.*\.filename: is not the value"),
        (LIFE.events[3].id, NAME, r"disclosures.*\.filename: is not the value"),
        (UUID(int=7), NAME, "disclosures.*: is of no event of this history"),
    ],
)
def test_private_value_of_nothing_is_refused(event: UUID, value: PrivateValue, says: str) -> None:
    """A history brings no values but its own."""
    with pytest.raises(InvalidProof, match=says):
        verify_history(replace(PROOF, disclosures={event: (value,)}), [LOG])


def test_only_the_logs_key_counts() -> None:
    """As for every checkpoint."""
    with pytest.raises(InvalidProof, match="note: "):
        verify_history(PROOF, [WITNESS])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"file": "x"}, "proof.file: is not an id"),
        ({"file": str(LIFE.file).upper()}, "proof.file: is not an id in its one spelling"),
        ({"streams": []}, "proof.streams: is not an object"),
        ({"streams": {"actor": DOCUMENT["streams"]["file"]}}, "proof.streams.actor: is no stream of a file"),
        ({"streams": {"file": {}}}, "proof.streams.file.events: is missing"),
        ({"streams": {"file": {**DOCUMENT["streams"]["file"], "events": [1]}}}, r"proof.streams.file.events\[0\]: is"),
        ({"streams": {"file": {**DOCUMENT["streams"]["file"], "index": -1}}}, "proof.streams.file.index: is not an"),
        ({"streams": {"file": {**DOCUMENT["streams"]["file"], "proof": ["AA"]}}}, r"proof.streams.file.proof\[0\]"),
        ({"disclosures": {"x": {}}}, "proof.disclosures: is not an id"),
        ({"checkpoint": 1}, "proof.checkpoint: is not text"),
    ],
)
def test_malformed_document_is_refused(changes: dict[str, Any], place: str) -> None:
    """And the place is named."""
    with pytest.raises(InvalidInput, match=place):
        HistoryProof.parse(json.dumps({**DOCUMENT, **changes}).encode())
