"""A decision reads as what was decided, in every event that is recorded and in those of the first release."""

import ast
from pathlib import Path

import pytest

from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.event_types import Fact, reads_as_granted
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.decided import KEPT, read_decision

DOMAIN = Path(__file__).parents[2] / "domain"


def successes() -> set[str]:
    """Return every decision that the domain writes on an event whose outcome is ok."""
    found = set()
    for path in DOMAIN.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {"Fact", "replace"}:
                said = {one.arg: one.value for one in call.keywords}
                if "outcome" not in said and isinstance(said.get("decision"), ast.Constant):
                    found.add(ast.literal_eval(said["decision"]))
    return found


def test_no_success_bears_a_decision_that_reads_as_a_refusal() -> None:
    """A deletion that went through is not called `hold-refuses-delete`."""
    found = successes()
    assert len(found) > 15
    assert {one for one in found if not reads_as_granted(one)} == set()


def test_a_success_cannot_be_given_the_decision_of_a_refusal() -> None:
    """Also not by code that is yet to be written."""
    for decision in ("hold-refuses-delete/1", "link-denied/2", "owner-forbids-reading/1"):
        with pytest.raises(InvalidInput, match="decision"):
            Fact(fe.SoftDeleted(), decision=decision)
        Fact(fe.AccessDenied(operation="x", code="y", count=1), outcome="denied", decision=decision)
    Fact(fe.SoftDeleted(), decision="delete-not-held/1")


def test_what_the_first_release_recorded_is_read_as_what_was_decided() -> None:
    """Of a success only; what was refused keeps the code of its rule."""
    assert read_decision("file.soft_deleted.v1", "hold-refuses-delete/1") == "delete-not-held/1"
    assert read_decision("file.purge_requested.v1", "purge-second-person/1") == "purge-not-held-nor-retained/1"
    assert read_decision("file.purge_approved.v1", "purge-second-person/1") == "purge-second-person/1"
    assert read_decision("file.access_denied.v1", "hold-refuses-delete/1") == "hold-refuses-delete/1"
    assert read_decision("file.stored.v1", None) is None


def test_every_name_of_a_success_is_written_and_is_no_rule() -> None:
    """The names in the table are those that the domain writes."""
    assert {f"{name}/1" for name in KEPT} <= successes()
    assert KEPT.keys().isdisjoint(KEPT.values())
