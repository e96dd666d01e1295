"""Whatever part of a command refuses it by right, by state or by rule, an event says so, and only one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from custody import ADMIN, APPROVER, AUDITOR, RECORDS, SERVICE, Custody
from provenstore.domain.errors import InvalidInput, Refused
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.workspace_events import Limits

Act = Callable[[Custody, UUID], Any]

ON_THE_FILE: list[tuple[str, Caller, Act]] = [
    ("link revoked", SERVICE, lambda on, file: on.ledger.revoke_link(SERVICE, file, uuid4(), None)),
    ("hold released", APPROVER, lambda on, file: on.ledger.release_hold(APPROVER, file, "no-such-hold")),
    ("certificate", AUDITOR, lambda on, file: on.ledger.certificate(AUDITOR, file)),
    ("purge approved", APPROVER, lambda on, file: on.ledger.approve_purge(APPROVER, file, None, None)),
    ("purge withdrawn", RECORDS, lambda on, file: on.ledger.withdraw_purge(RECORDS, file, "another", None)),
    ("aborted", SERVICE, lambda on, file: on.ledger.abort_upload(SERVICE, file, "over")),
    ("parts listed", SERVICE, lambda on, file: on.ledger.parts(SERVICE, file)),
]

AT_HOME: list[tuple[str, Act]] = [
    ("key shown", lambda on, _: on.ledger.key_list.one(ADMIN, uuid4())),
    ("key revoked", lambda on, _: on.ledger.revoke_key(ADMIN, uuid4(), None)),
    ("keys listed", lambda on, _: on.ledger.key_list.page(ADMIN, "nowhere", after=None, limit=1)),
    (
        "key issued",
        lambda on, _: on.ledger.issue_key(ADMIN, actor="x", kind="person", roles=("admin",), scope="nowhere"),
    ),
    ("workspace made", lambda on, _: on.ledger.create_workspace(ADMIN, ws.CreateWorkspace(id="acme"))),
    ("workspace shown", lambda on, _: on.ledger.describe_workspace(ADMIN, "nowhere")),
    (
        "workspace changed",
        lambda on, _: on.ledger.change_workspace(ADMIN, "nowhere", ws.SetQuota(max_bytes=1, max_files=None)),
    ),
    (
        "category made",
        lambda on, _: on.ledger.change_workspace(
            ADMIN, "acme", ws.RegisterCategory(category="misc", template="x/", limits=Limits())
        ),
    ),
    ("policy approved", lambda on, _: on.ledger.approve_disposal_policy(ADMIN, "acme", "no-such", None)),
    ("policy rejected", lambda on, _: on.ledger.reject_disposal_policy(ADMIN, "acme", "no-such", None)),
    ("policies listed", lambda on, _: on.ledger.disposing.policies(ADMIN, "nowhere")),
    ("runs listed", lambda on, _: on.ledger.disposing.runs(ADMIN, "nowhere")),
    ("erasure shown", lambda on, _: on.ledger.find_erasure(ADMIN, uuid4())),
    ("erasure asked", lambda on, _: on.ledger.request_erasure(ADMIN, Wanted(workspace="nowhere", subject="x"), "r")),
    ("audit searched", lambda on, _: on.ledger.searchable(ADMIN, "nowhere")),
    ("list proven", lambda on, _: on.ledger.proving.open_list(ADMIN, "nowhere")),
    ("event proven", lambda on, _: on.ledger.proving.event(ADMIN, uuid4())),
]


@pytest.mark.parametrize(("act", "by"), [pytest.param(act, by, id=name) for name, by, act in ON_THE_FILE])
def test_on_a_file_within_reach(custody: Custody, act: Act, by: Caller) -> None:
    """denials-recorded: beside the file's accesses."""
    file = custody.stored()
    before = custody.log.position()
    with pytest.raises(Refused):
        act(custody, file.id)
    assert [(one.type, one.outcome) for one in custody.log.read(before, 9)] == [("file.access_denied.v1", "denied")]


@pytest.mark.parametrize("act", [pytest.param(act, id=name) for name, act in AT_HOME])
def test_at_home(custody: Custody, act: Act) -> None:
    """refusals-at-home: of what is no file within reach."""
    before = custody.log.position()
    with pytest.raises(Refused):
        act(custody, uuid4())
    left = custody.log.read(before, 9)
    assert [(one.type, one.stream) for one in left] == [("request.refused.v1", "refusals:system")]


def test_an_erasure_that_is_over_is_refused_on_record(custody: Custody) -> None:
    """By its state: it was taken back."""
    erasure = _asked(custody)
    custody.ledger.reject_erasure(ADMIN, erasure)
    before = custody.log.position()
    with pytest.raises(Refused):
        custody.ledger.approve_erasure(APPROVER, erasure)
    assert [one.type for one in custody.log.read(before, 9)] == ["request.refused.v1"]


def _asked(custody: Custody) -> UUID:
    wanted = Wanted(file=custody.stored().id, fields=("filename",))
    return UUID(custody.ledger.request_erasure(ADMIN, wanted, "asked").id)


def test_what_is_refused_for_its_form_leaves_nothing(custody: Custody) -> None:
    """A value that nothing can have is the caller's mistake, and no attempt."""
    before = custody.log.position()
    with pytest.raises(InvalidInput):
        custody.ledger.issue_key(ADMIN, actor="no id at all", kind="person", roles=("admin",), scope=None)
    assert custody.log.position() == before
