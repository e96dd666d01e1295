"""A workspace's list proves itself whole, without a word about its neighbours."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from note_keys import LOG, WITNESS
from proven_log import ProvenLog
from provenstore.domain.canonical import canonical
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.eventlog.chain import Chain
from provenstore.domain.proofs.workspace_proof import WorkspaceProof, verify_workspace

LIFE = ProvenLog()
PROOF = LIFE.workspace()
DOCUMENT = json.loads(PROOF.encode())


def test_whole_list_verifies() -> None:
    """Though other tenants' events stand between its own."""
    verified = verify_workspace(WorkspaceProof.parse(PROOF.encode()), [LOG])
    assert (verified.workspace, verified.through) == ("acme", 9)
    assert verified.checkpoint.size == 11
    assert b"other" not in PROOF.encode()


@pytest.mark.parametrize("left_out", range(8))
def test_event_left_out_is_found(left_out: int) -> None:
    """Whichever; the last one alone would be an earlier list, with another proof."""
    events = PROOF.events[:left_out] + PROOF.events[left_out + 1 :]
    with pytest.raises(InvalidProof, match=rf"events\[{left_out}\]: has number {left_out + 2} where {left_out + 1}"):
        verify_workspace(replace(PROOF, events=events), [LOG])


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda p: replace(p, events=p.events[:-1]), "events, the last event: proof: leads"),
        (lambda p: replace(p, events=()), "events: is empty"),
        (lambda p: replace(p, events=(*p.events, p.events[-1])), r"events\[9\]: has number 9 where 10"),
        (lambda p: replace(p, workspace="other"), r"events\[0\]: is of the workspace 'acme', not of 'other'"),
        (
            lambda p: replace(p, events=(LIFE.events[6].state, *p.events[1:])),
            r"events\[0\]: is of the workspace 'other', not of 'acme'",
        ),
        (
            lambda p: replace(p, events=(p.events[0].replace(b"pdf", b"PDF"), *p.events[1:])),
            r"events\[1\]: names another event",
        ),
        (lambda p: replace(p, index=8), "events, the last event: proof"),
        (lambda p: replace(p, index=3), "events.index: 3 leaves no room for 9"),
        (lambda p: replace(p, proof=p.proof[1:]), "events, the last event: proof"),
        (lambda p: replace(p, checkpoint=LIFE.checkpoint(10)), "events, the last event: proof"),
        (lambda p: replace(p, checkpoint=LIFE.checkpoint(9)), "events, the last event: index: 9 is not below"),
    ],
)
def test_list_that_is_not_whole_is_refused(alter: Callable[[WorkspaceProof], WorkspaceProof], says: str) -> None:
    """And the first event that is wrong is named."""
    with pytest.raises(InvalidProof, match=says):
        verify_workspace(alter(PROOF), [LOG])


def test_only_the_logs_key_counts() -> None:
    """As for every checkpoint."""
    with pytest.raises(InvalidProof, match="note: "):
        verify_workspace(PROOF, [WITNESS])


def test_chain_goes_on_from_where_an_earlier_proof_ended() -> None:
    """So that next month's auditor reads only what is new, and what was proven before is its beginning."""
    first = Chain("events", "workspace", "acme")
    for state in PROOF.events[:4]:
        first.take(state)
    rest = Chain("events", "workspace", "acme", first.count, first.leaf, first.time)
    for state in PROOF.events[4:]:
        fields = rest.take(state)
    assert (rest.count, fields["number"]) == (9, 9)
    with pytest.raises(InvalidProof, match=r"events\[4\]: names another event"):
        Chain("events", "workspace", "acme", 4, bytes(32)).take(PROOF.events[4])


@pytest.mark.parametrize(
    ("time", "says"),
    [("2026-11-21T11:00:00.000000Z", "is older"), ("2027", "spelling"), ("+026-11-21T12:00:00.000000Z", "spelling")],
)
def test_time_that_goes_back_is_refused(time: str, says: str) -> None:
    """Even where the keeper of the log linked and signed it so."""
    chain = Chain("events", "workspace", "acme")
    chain.take(PROOF.events[0])
    back = canonical({**json.loads(PROOF.events[1]), "time": time})
    with pytest.raises(InvalidProof, match=rf"events\[1\]: .*{says}"):
        chain.take(back)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"workspace": 1}, "proof.workspace: is not text"),
        ({"events": {}}, "proof.events: is not a list"),
        ({"events": ["", None]}, r"proof.events\[1\]: is not text"),
        ({"index": "9"}, "proof.index: is not an integer"),
        ({"proof": [""]}, r"proof.proof\[0\]: is 0 bytes long"),
        ({"checkpoint": []}, "proof.checkpoint: is not text"),
        ({"more": 1}, "proof.more: is not a member"),
    ],
)
def test_malformed_document_is_refused(changes: dict[str, Any], place: str) -> None:
    """And the place is named."""
    with pytest.raises(InvalidInput, match=place):
        WorkspaceProof.parse(json.dumps({**DOCUMENT, **changes}).encode())
