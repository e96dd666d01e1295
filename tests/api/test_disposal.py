"""Disposal over HTTP and in the background: two persons set a policy, runs destroy what is due, reports say what."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from provenstore.api.background.completer import Round
from provenstore.api.background.disposal_terms import terms_of
from provenstore.api.background.disposer import Disposer
from provenstore.api.background.sweeper import Sweeper
from provenstore.domain.errors import StoreUnavailable, WrongStore
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.removal.policy_disposal import Run
from tests.api.conftest import Api, Tenant


def agree(tenant: Tenant, category: str = "misc", days: int | None = 30) -> dict[str, Any]:
    """Let two persons agree to a policy."""
    records, approver = tenant.client("records"), tenant.client("approver")
    at = f"/v1/workspaces/{tenant.id}/disposal/requests"
    asked = records.post(at, json={"category": category, "after_days": days, "reason": "schedule"})
    assert asked.status_code == 201, asked.text
    agreed = approver.post(f"{at}/{asked.json()['id']}/approve", json={"reason": "agreed"})
    assert agreed.status_code == 200, agreed.text
    found: dict[str, Any] = agreed.json()
    return found


def deleted(tenant: Tenant, **said: Any) -> str:
    service = tenant.client("service")
    file_id = tenant.stored(service, **said)
    assert service.delete(f"/v1/files/{file_id}").status_code == 200
    return file_id


def get(client: httpx.Client, tenant: Tenant, what: str = "", **asked: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/workspaces/{tenant.id}/disposal{what}", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def status(tenant: Tenant, file_id: str) -> str:
    found: str = tenant.api.client().get(f"/v1/files/{file_id}").json()["status"]
    return found


def dispose(tenant: Tenant, disposer: Disposer | None = None) -> Round:
    disposer = disposer or Disposer(tenant.api.services)
    return disposer.dispose_all(workspace=tenant.id, going=lambda: True)


def test_a_temporary_file_expires_and_is_destroyed(tenant: Tenant) -> None:
    """By the built-in policy, a week later; its space is free then, and its view and certificate name the policy."""
    auditor = tenant.client("auditor")
    file_id = tenant.stored(tenant.client("service"), category="temp")
    tenant.api.clock.ahead = timedelta(hours=25)
    tenant.api.sweep()
    tenant.api.clock.ahead = timedelta(days=6)
    tenant.api.sweep()
    assert status(tenant, file_id) == "expired"
    tenant.api.clock.ahead = timedelta(days=9)
    tenant.api.sweep()
    file = auditor.get(f"/v1/files/{file_id}").json()
    assert (file["status"], file["purge"]["policy"]) == ("purged", "temp/built-in/1")
    assert auditor.get(f"/v1/files/{file_id}/certificate").json()["policy"] == "temp/built-in/1"
    used = tenant.api.client().get(f"/v1/workspaces/{tenant.id}").json()["used"]
    assert used == {"bytes": 0, "files": 0}
    (report,) = get(auditor, tenant, "/runs")["runs"]
    assert (report["files"], report["bytes"], report["policies"]) == (1, 7, ["temp/built-in/1"])


def test_two_persons_set_a_policy(tenant: Tenant) -> None:
    """disposal-policy-by-two: the one who asked does not approve, and services neither ask nor approve."""
    at = f"/v1/workspaces/{tenant.id}/disposal/requests"
    alone, second = tenant.api.client(workspace=tenant.id), tenant.client("approver")
    asked = alone.post(at, json={"category": "misc", "reason": "schedule"}).json()
    assert (asked["category"], asked["after_days"]) == ("misc", 90)
    refused = alone.post(f"{at}/{asked['id']}/approve")
    assert (refused.status_code, refused.json()["rule"]) == (403, "disposal-policy-by-two")
    assert tenant.client("service").post(at, json={"category": "misc", "reason": "r"}).status_code == 403
    waiting = get(alone, tenant)
    assert [one["category"] for one in waiting["policies"]] == ["export", "temp", "temp_processing"]
    assert waiting["requests"] == [asked]
    assert (asked["reason"], asked["requested_by_reach"]) == ("schedule", tenant.id)
    agreed = second.post(f"{at}/{asked['id']}/approve", json={"reason": "agreed"}).json()
    assert agreed == get(alone, tenant)
    (policy,) = (one for one in agreed["policies"] if not one["built_in"])
    assert (policy["policy"], policy["after_days"], agreed["requests"]) == ("misc/1", 90, [])
    assert (policy["reason"], policy["approval_reason"]) == ("schedule", "agreed")
    assert policy["requested_at"] == asked["requested_at"] < policy["approved_at"]
    unnamed = next(one for one in get(tenant.client("operator"), tenant)["policies"] if not one["built_in"])
    assert (unnamed["reason"], unnamed["approval_reason"]) == (None, None), "an operator sees no reasons"
    assert second.post(f"{at}/{asked['id']}/approve").status_code == 404


def test_a_request_is_rejected(tenant: Tenant) -> None:
    """Nothing of it is in force."""
    at = f"/v1/workspaces/{tenant.id}/disposal/requests"
    records = tenant.client("records")
    asked = records.post(at, json={"category": "misc", "after_days": None, "reason": "r"}).json()
    answer = tenant.client("approver").post(f"{at}/{asked['id']}/reject", json={"reason": "too soon"})
    assert (answer.status_code, answer.json()["requests"]) == (200, [])


def test_what_is_asked_for_is_checked(tenant: Tenant, make_tenant: Callable[[], Tenant]) -> None:
    """Days, category and reason; and a foreign workspace does not exist."""
    at = f"/v1/workspaces/{tenant.id}/disposal/requests"
    records = tenant.client("records")
    good = {"category": "misc", "after_days": 30, "reason": "r"}
    for wrong in ({"after_days": 0}, {"after_days": 40_000}, {"category": "nonsense"}, {"reason": ""}):
        assert records.post(at, json={**good, **wrong}).status_code == 422
    due = f"/v1/workspaces/{tenant.id}/disposal/due"
    assert records.get(due, params={"after_days": 0}).status_code == 422
    assert records.get(due, params={"cursor": "nonsense"}).json()["field"] == "cursor"
    elsewhere = make_tenant().client("records")
    assert [elsewhere.get(due).status_code, elsewhere.post(at, json=good).status_code] == [404, 404]


def test_the_preview_says_what_would_be_destroyed_and_when(tenant: Tenant) -> None:
    """Sums of each policy, and a file's time; a policy that is only supposed changes nothing."""
    records = tenant.client("records")
    due, held = deleted(tenant), deleted(tenant)
    records.post(f"/v1/files/{held}/legal-holds", json={"name": "n", "reason": "r"})
    assert get(records, tenant, "/due")["policies"] == []
    supposed = get(records, tenant, "/due", category="misc", after_days=30)
    assert supposed["files"] == get(records, tenant, "/due", after_days=30)["files"]
    assert get(records, tenant, "/due", category="temp", after_days=30)["files"] == []
    assert [one["file_id"] for one in supposed["files"]] == [due]
    (one,) = supposed["policies"]
    assert (one["due_files"], one["later_files"], one["later_bytes"], one["kept_files"]) == (0, 1, 7, 1)
    agree(tenant)
    found = get(records, tenant, "/due")
    assert [(one["file_id"], one["policy"]) for one in found["files"]] == [(due, "misc/1")]
    assert found["files"][0]["due_at"] == found["policies"][0]["next_at"]
    assert get(records, tenant, "/due", before=found["now"])["files"] == []
    views = [records.get(f"/v1/files/{one}", params={"view": "full"}).json() for one in (due, held)]
    at = found["files"][0]["due_at"]
    since = found["files"][0]["removed_at"]
    assert [one["planned_disposal"] for one in views] == [{"policy": "misc/1", "days_since": since, "at": at}, None]
    assert found["files"][0]["filename"] == "report.pdf"
    operator = tenant.client("operator")
    assert get(operator, tenant, "/due")["files"][0]["filename"] is None, "who may not list files sees no names"
    tenant.api.clock.ahead = timedelta(days=31)
    assert get(records, tenant, "/due")["policies"][0]["due_files"] == 1
    assert status(tenant, due) == "soft_deleted"


def test_a_rejected_purge_gives_the_file_its_days_again(tenant: Tenant) -> None:
    """Preview, view and run agree on when; until then the file can be restored."""
    agree(tenant)
    records, approver = tenant.client("records"), tenant.client("approver")
    file_id = deleted(tenant)
    earlier = get(records, tenant, "/due")["files"][0]
    assert earlier["days_since"] == earlier["removed_at"]
    before = earlier["due_at"]
    records.post(f"/v1/files/{file_id}/purge", json={"reason": "old"}).raise_for_status()
    approver.post(f"/v1/files/{file_id}/purge/reject", json={"reason": "still needed"}).raise_for_status()
    found = get(records, tenant, "/due")
    file, policy = found["files"][0], found["policies"][0]
    after, since = file["due_at"], file["days_since"]
    assert after > before
    assert file["removed_at"] == earlier["removed_at"] < since
    assert datetime.fromisoformat(since) + timedelta(days=policy["after_days"]) == datetime.fromisoformat(after)
    assert policy["not_before"] < after
    planned = records.get(f"/v1/files/{file_id}", params={"view": "full"}).json()["planned_disposal"]
    assert planned == {"policy": "misc/1", "days_since": since, "at": after}
    services = tenant.api.services
    terms = terms_of(services, tenant.id)
    due = [
        services.jobs.list(datetime.fromisoformat(at), kinds=["dispose"], file=file_id, terms=terms).jobs
        for at in (before, after)
    ]
    assert [len(jobs) for jobs in due] == [0, 1]


def test_runs_are_bounded_and_workspaces_take_turns(make_tenant: Callable[[], Tenant]) -> None:
    """None waits for the end of another one's many files."""
    many, few = sorted((make_tenant(), make_tenant()), key=lambda one: str(one.id))
    for tenant in (many, few):
        agree(tenant)
    files = [deleted(many) for _ in range(5)] + [deleted(few)]
    api: Api = many.api
    api.clock.ahead = timedelta(days=31)
    order: list[str] = []
    disposing = api.services.ledger.disposing
    begin = disposing.begin

    def noted(workspace: str) -> Run:
        order.append(workspace)
        return begin(workspace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disposing, "begin", noted)
        found = Disposer(api.services, files=2).dispose_all(going=lambda: True)
    assert [one for one in order if one in {many.id, few.id}] == [many.id, few.id, many.id, many.id]
    assert (found.failed, [status(many, one) for one in files]) == (0, ["purged"] * 6)
    reports = get(many.client("auditor"), many, "/runs")["runs"]
    assert [(one["files"], one["more"]) for one in reports] == [(2, True), (2, True), (1, False)]
    page = get(many.client("auditor"), many, "/runs", limit=2)
    assert get(many.client("auditor"), many, "/runs", after=page["next"])["runs"] == reports[2:]


def test_a_read_model_that_stands_still_keeps_no_run_going(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it still calls due was destroyed by the run before; the rest waits until it has seen that."""
    for _ in range(2):
        deleted(tenant, category="temp")
    tenant.api.clock.ahead = timedelta(days=8)
    services = tenant.api.services
    services.wait_for(services.ledger.log.position())
    due = list(services.jobs.ready(services.clock.now(), ("dispose",), tenant.id, terms=terms_of(services, tenant.id)))
    terms = terms_of(services, tenant.id)
    monkeypatch.setattr("provenstore.api.acts.disposal.terms_of", lambda *_: terms)
    monkeypatch.setattr(services.jobs, "ready", lambda *_, **__: iter(due))
    asked = iter(range(50))
    done = Disposer(services, files=1).dispose_all(workspace=tenant.id, going=lambda: next(asked, None) is not None)
    assert (len(due), done.done, done.stopped) == (2, 1, False)


def test_a_run_ends_when_it_is_asked_to(tenant: Tenant) -> None:
    """What it has done is reported, and the rest is left for the next one."""
    agree(tenant)
    for _ in range(3):
        deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)
    asked = iter([True, True, True, False, False])
    found = Disposer(tenant.api.services).dispose_all(workspace=tenant.id, going=lambda: next(asked))
    assert (found.done, found.stopped) == (2, True)
    (report,) = get(tenant.client("auditor"), tenant, "/runs")["runs"]
    assert (report["files"], report["more"]) == (2, True)
    assert Disposer(tenant.api.services, seconds=0).dispose_all(workspace=tenant.id, going=lambda: False).done == 0


@pytest.mark.parametrize("error", [WrongStore("another"), StoreUnavailable("it is away")])
def test_a_store_that_is_not_the_recorded_one_ends_the_run(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Nothing is recorded, and no file's attempts are counted."""
    agree(tenant)
    file_id = deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)

    def wrong() -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tenant.api.services.ledger.identity, "require", wrong)
        with pytest.raises(type(error)):
            dispose(tenant)
    assert tenant.types(file_id)[-1] == "soft_deleted"
    assert get(tenant.client("auditor"), tenant, "/runs")["runs"] == []
    assert dispose(tenant).done == 1


def test_what_failed_is_a_job_and_tried_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the same round; the others are destroyed meanwhile, and an operator may hurry."""
    agree(tenant)
    bad, good = deleted(tenant), deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)
    services, operator = tenant.api.services, tenant.client("operator")
    ready = services.ledger.purging.require_ready

    def refusing(file: Any) -> None:
        if file.id == UUID(bad):
            raise StoreUnavailable("not this one")
        ready(file)

    with monkeypatch.context() as patch:
        patch.setattr(services.ledger.purging, "require_ready", refusing)
        assert dispose(tenant) == Round(1, 1)
        assert dispose(tenant) == Round(0, 0)
    (report,) = get(tenant.client("auditor"), tenant, "/runs")["runs"]
    assert (report["files"], report["failed"], status(tenant, good)) == (1, 1, "purged")
    (job,) = operator.get("/v1/jobs", params={"kind": "dispose"}).json()["jobs"]
    assert (job["file_id"], job["attempts"], job["last_code"]) == (bad, 1, "store-unavailable")
    assert operator.post("/v1/jobs/run").json()["failed"] == 0  # it forgets no attempts
    assert operator.get("/v1/jobs", params={"kind": "dispose"}).json()["jobs"] == [job]
    assert operator.post(f"/v1/jobs/{bad}/retry").json()["status"] == "purged"
    assert len(get(tenant.client("auditor"), tenant, "/runs")["runs"]) == 2


def test_a_round_by_hand_disposes_too(tenant: Tenant) -> None:
    """POST /v1/jobs/run, within the reach of the key."""
    agree(tenant)
    file_id = deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)
    assert tenant.client("operator").post("/v1/jobs/run").json() == {"done": 1, "failed": 0, "stopped": False}
    assert status(tenant, file_id) == "purged"


def test_what_a_death_left_is_finished_by_the_next_round(tenant: Tenant) -> None:
    """As every purge; no report counts it, its own events say under which policy."""
    agree(tenant)
    file_id = deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)
    ledger = tenant.api.services.ledger
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.purging, "_start", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ledger.disposing.dispose(SYSTEM, ledger.disposing.begin(tenant.id), UUID(file_id))
    assert tenant.types(file_id)[-1] == "purge_requested"
    tenant.api.clock.ahead = timedelta(days=90)  # the policy's purge does not age
    tenant.api.sweep()
    assert (status(tenant, file_id), tenant.types(file_id)[-1]) == ("purged", "purged")


def test_the_sweeper_disposes(tenant: Tenant) -> None:
    """In a thread of its own, as long as this process leads."""
    agree(tenant)
    file_id = deleted(tenant)
    tenant.api.clock.ahead = timedelta(days=31)
    Sweeper(tenant.api.services)._dispose()
    assert status(tenant, file_id) == "purged"


def test_only_what_is_deleted_takes_a_look_at_policies(tenant: Tenant) -> None:
    """A workspace without anything deleted costs nothing."""
    tenant.stored(tenant.client("service"), category="temp")
    services = tenant.api.services
    services.wait_for(services.ledger.log.position())
    assert terms_of(services, tenant.id) == []


def test_the_audit_says_what_a_policy_was_and_became(tenant: Tenant) -> None:
    """Requests, approvals with what they replaced, and reports."""
    agree(tenant, "temp", 30)
    entries = (
        tenant.client("auditor").get("/v1/audit", params={"workspace": tenant.id, "fresh": "true"}).json()["entries"]
    )
    approved = next(one for one in entries if one["type"] == "workspace.disposal_policy_approved.v1")
    assert approved["action"] == "administer"
    assert approved["reason"] == "agreed"
    assert approved["details"]["was"] == {"policy": "temp/built-in/1", "after_days": 7}
    assert approved["details"]["became"] == {"policy": "temp/1", "after_days": 30}
