"""Receipts and proofs over HTTP: what is handed out verifies by itself, and shows nobody what they may not see."""

import json
import threading
from uuid import UUID, uuid4

import httpx
import pytest

from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.api.acts import log, proofs
from provenstore.domain.errors import InvalidProof
from provenstore.domain.proofs.history_proof import HistoryProof, verify_history
from provenstore.domain.proofs.proof_document import parse_document
from provenstore.domain.proofs.range_document import RangeProof, verify_range_document
from provenstore.domain.proofs.receipt import Receipt, verify_receipt
from provenstore.domain.proofs.tlog_proof import FORMAT, TlogProof
from provenstore.domain.proofs.workspace_proof import WorkspaceProof, verify_workspace
from tests.api.conftest import Api, Tenant


def keys(api: Api) -> tuple[Ed25519Verifier, ...]:
    return tuple(Ed25519Verifier.parse(key) for key in log.keys(api.services))


def test_receipt_of_what_was_just_stored(api: Api, tenant: Tenant) -> None:
    """It is refused until a checkpoint covers it; then it proves the file's newest event, with what it may show."""
    client = tenant.client("service")
    file_id = tenant.stored(client)
    refused = client.get(f"/v1/files/{file_id}/receipt")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    log.bring_up(api.services)
    answer = client.get(f"/v1/files/{file_id}/receipt")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    found = verify_receipt(Receipt.parse(answer.content), keys(api))
    assert (found.event.stream, found.event.type) == (f"file:{file_id}", "file.stored.v1")
    initiated = tenant.history(file_id)[0]["event"]["id"]
    first = client.get(f"/v1/events/{initiated}/receipt")
    shown = verify_receipt(Receipt.parse(first.content), keys(api)).disclosed
    assert shown["filename"] == "report.pdf"
    assert "address" not in shown


def test_waiting_for_the_checkpoint(api: Api, tenant: Tenant) -> None:
    """`wait` answers as soon as the checkpoint is there, and 503 when the time is over."""
    client = tenant.client("service")
    file_id = tenant.stored(client)
    at = f"/v1/files/{file_id}/receipt"
    assert client.get(at, params={"wait": 0.2}).status_code == 503
    signing = threading.Timer(0.3, log.bring_up, [api.services])
    signing.start()
    answer = client.get(at, params={"wait": 20})
    signing.join()
    assert answer.status_code == 200
    assert client.get(at, params={"wait": 31}).status_code == 422


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        ("text/plain", True),
        (FORMAT, True),
        ("application/json;q=0.1, text/plain;q=0.5", True),
        ("application/json, text/plain", False),
        ("*/*", False),
        ("text/plain;q=none", False),
        ("", False),
    ],
)
def test_receipt_in_the_format_of_other_logs(api: Api, tenant: Tenant, accept: str, text: bool) -> None:
    """Text where it is preferred, and then it proves the same event; JSON otherwise."""
    client = tenant.client("service")
    file_id = tenant.stored(client)
    log.bring_up(api.services)
    answer = client.get(f"/v1/files/{file_id}/receipt", headers={"Accept": accept})
    if not text:
        Receipt.parse(answer.content)
        return
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    proof = TlogProof.parse(answer.content)
    assert proof.extra is not None
    assert proof.verify(proof.extra, keys(api)).size > proof.index
    assert json.loads(proof.extra)["stream"] == f"file:{file_id}"


def test_what_is_read_of_the_audit_is_recorded(api: Api, tenant: Tenant) -> None:
    """A receipt that says no more than the file leaves no trace; one with an address, and every proof, does."""
    service, auditor = tenant.client("service"), tenant.client("auditor")
    file_id = tenant.stored(service)
    assert service.get(f"/v1/files/{file_id}/content").status_code == 200
    accessed = tenant.history(file_id)[-1]["event"]
    assert accessed["type"] == "file.accessed.v1"
    log.bring_up(api.services)
    before = api.services.ledger.log.position()
    assert service.get(f"/v1/files/{file_id}/receipt").status_code == 200
    assert api.services.ledger.log.position() == before
    ledger_auditor = api.client("auditor")
    before = api.services.ledger.log.position()
    for path in (
        f"/v1/files/{file_id}/receipt",
        f"/v1/events/{accessed['id']}/receipt",
        f"/v1/files/{file_id}/history?proof=full",
        f"/v1/workspaces/{tenant.id}/proof",
    ):
        assert auditor.get(path).status_code == 200, path
    assert ledger_auditor.get("/log/proof/range?from=0&to=1").status_code == 200
    read = [event.to_json()["data"] for event in api.services.ledger.log.read(before, 10)]
    assert [(one["what"], one["file"]) for one in read] == [
        ("receipt", file_id),
        ("receipt", file_id),
        ("proof", file_id),
        ("proof", None),
        ("proof", None),
    ]


def test_event_of_another_tenant_is_as_a_missing_one(api: Api, tenant: Tenant) -> None:
    """Neither a file's event nor any other tells a stranger that it is there."""
    file_id = tenant.stored(tenant.client("service"))
    mine = [one["event"]["id"] for one in tenant.history(file_id)][-1]
    others = [api.services.ledger.log.read(0, 1)[0].id, mine]
    home = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": home})
    stranger = api.client("admin", home)
    missing = stranger.get(f"/v1/events/{uuid4()}/receipt")
    for event in others:
        foreign = stranger.get(f"/v1/events/{event}/receipt")
        bodies = [{**one.json(), "request_id": None} for one in (foreign, missing)]
        assert (foreign.status_code, bodies[0]) == (404, bodies[1])
        assert foreign.headers.keys() == missing.headers.keys()


def test_foreign_files_and_workspaces_are_as_missing_ones(api: Api, tenant: Tenant) -> None:
    """Receipt, history and list answer a stranger as if there were none, and leave nothing with the owner."""
    file_id, home = tenant.stored(tenant.client("service")), f"t-{uuid4().hex[:20]}"
    log.bring_up(api.services)
    api.client().post("/v1/workspaces", json={"id": home})
    stranger = api.client("admin", home)
    for path, mine, nobodys in (
        ("/v1/files/{}/receipt", file_id, str(uuid4())),
        ("/v1/files/{}/history?proof=full", file_id, str(uuid4())),
        ("/v1/workspaces/{}/proof", tenant.id, "never-made"),
    ):
        foreign, missing = (stranger.get(path.format(name)) for name in (mine, nobodys))
        assert (foreign.status_code, missing.status_code) == (404, 404), path
        assert {**foreign.json(), "request_id": None} == {**missing.json(), "request_id": None}
    assert "access_denied" not in tenant.types(file_id)


def test_ledger_audit_needs_its_role(api: Api, tenant: Tenant) -> None:
    """Events that belong to no file are for those who search the audit, ranges for auditors of the whole ledger."""
    log.bring_up(api.services)
    created = api.services.ledger.log.events([f"workspace:{tenant.id}"])[0].id
    assert tenant.client("service").get(f"/v1/events/{created}/receipt").status_code == 403
    assert tenant.client("auditor").get(f"/v1/events/{created}/receipt").status_code == 200
    for client, status in ((tenant.client("auditor"), 403), (api.client("service"), 403), (api.client("auditor"), 200)):
        assert client.get("/log/proof/range?from=0").status_code == status


def test_whole_history(api: Api, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lifecycle, parts and accesses, over many pages; one event less is not whole, and services see what they may."""
    monkeypatch.setattr("provenstore.domain.access.provable_events.PAGE", 2)
    service = tenant.client("service")
    file_id = tenant.stored(service)
    for _ in range(5):
        assert service.get(f"/v1/files/{file_id}/content").status_code == 200
    tenant.client("records").delete(f"/v1/files/{file_id}", params={"reason": "over"})
    log.bring_up(api.services)
    service.get(f"/v1/files/{file_id}/history")  # behind the checkpoint
    answer = service.get(f"/v1/files/{file_id}/history", params={"proof": "full"})
    proof = HistoryProof.parse(answer.content)
    found = verify_history(proof, keys(api))
    assert {kind: len(events) for kind, events in found.events.items()} == {"file": 4, "access": 5}
    assert not any("reason" in values for values in found.disclosed.values())
    assert any(values.get("filename") == "report.pdf" for values in found.disclosed.values())
    less = json.loads(answer.content)
    del less["streams"]["access"]["events"][2]
    with pytest.raises(InvalidProof, match=r"streams\.access\[2\]"):
        verify_history(HistoryProof.parse(json.dumps(less).encode()), keys(api))
    private = tenant.client("auditor").get(f"/v1/files/{file_id}/history", params={"proof": "full"}).content
    seen = verify_history(HistoryProof.parse(private), keys(api)).disclosed
    assert any(values.get("reason") == "over" for values in seen.values())


def test_history_without_a_checkpoint(api: Api, tenant: Tenant) -> None:
    """A file that no checkpoint covers yet has no proof; later."""
    client = tenant.client("service")
    log.bring_up(api.services)
    file_id = tenant.stored(client)
    assert client.get(f"/v1/files/{file_id}/history?proof=full").status_code == 503


def pages(client: httpx.Client, workspace: str, limit: int, **first: int) -> list[dict[str, object]]:
    found, asked = [], {"limit": limit, **first}
    while True:
        answer = client.get(f"/v1/workspaces/{workspace}/proof", params=asked)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        if found[-1]["next"] is None:
            return found
        asked = {"limit": limit, "through": found[-1]["through"], "after": found[-1]["next"]}


def test_whole_list_of_a_workspace(api: Api, tenant: Tenant) -> None:
    """Its pages are one proof; a list from which one event was left out is refused, and the place named."""
    client = tenant.client("auditor")
    tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    found = pages(client, tenant.id, 2)
    assert len(found) > 2
    document = proofs.whole_list(iter(found))  # type: ignore[arg-type]  # as JSON
    verified = verify_workspace(WorkspaceProof.parse(document), keys(api))
    assert verified.through == found[0]["through"]
    less = json.loads(document)
    del less["events"][3]
    with pytest.raises(InvalidProof, match=r"events\[3\]"):
        verify_workspace(WorkspaceProof.parse(json.dumps(less).encode()), keys(api))
    shorter = proofs.whole_list(iter(pages(client, tenant.id, 2, through=3)))  # type: ignore[arg-type]  # as JSON
    assert verify_workspace(WorkspaceProof.parse(shorter), keys(api)).through == 3


def test_list_beyond_what_is_signed(api: Api, tenant: Tenant) -> None:
    """Numbers without a checkpoint come later, numbers that nobody gave never; nothing lies behind the last page."""
    client = tenant.client("auditor")
    at = f"/v1/workspaces/{tenant.id}/proof"
    log.bring_up(api.services)
    through = client.get(at).json()["through"]
    assert client.get(at, params={"through": through + 1}).status_code == 503
    assert client.get(at, params={"through": 10**6}).json()["field"] == "through"
    assert client.get(at, params={"through": through, "after": through}).json()["field"] == "after"


def test_range_of_the_log(api: Api, tenant: Tenant) -> None:
    """The entries between two sizes recompute to the root; one fewer, or another one, does not."""
    tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    client = api.client("auditor")
    size = log.checkpoint(api.services).size
    far = max(0, size - 1_000)  # of one answer; other tests share this log
    for begin, end in ((0, 1), (far + 3, size - 1), (size - 1, size), (far, size)):
        answer = client.get("/log/proof/range", params={"from": begin, "to": end})
        proof = RangeProof.parse(answer.content)
        found = verify_range_document(proof, keys(api))
        assert [event.position for event in found.events] == list(range(begin + 1, end + 1))
    parse_document("range", answer.content, ("checkpoint", "events", "from", "proof", "to"), 10**7)
    for change in ({"events": proof.events[1:]}, {"events": (proof.events[1], *proof.events[1:])}, {"begin": 1}):
        told = {name: getattr(proof, name) for name in ("begin", "end", "events", "proof", "checkpoint")}
        with pytest.raises(InvalidProof):
            verify_range_document(RangeProof(**{**told, **change}), keys(api))
    for asked in ({"from": 5, "to": 5}, {"from": 0, "to": size + 1}, {"from": size}):
        assert client.get("/log/proof/range", params=asked).status_code == 422
    UUID(str(found.events[0].id))
