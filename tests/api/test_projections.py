"""Read models over HTTP: operators see, stop and rebuild them, auditors see rows of any moment, others nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest

from provenstore.api.acts import projections as acts
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.wiring import PROJECTIONS as PROJECTION_MODELS
from provenstore.api.wiring import open_services
from provenstore.domain.errors import InvalidInput, NotFound, Refused
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor, draft
from provenstore.domain.eventlog.event_log import Append
from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Fact
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.system.projection_events import PROJECTIONS, EventSkipped
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.uploads.initiation import NewFile
from provenstore.projections.files.index import FileIndex
from read_models import until
from tests.api.conftest import ROOT, Api, Tenant

INDEX = "/v1/projections/file_index"


def settled(client: httpx.Client) -> dict[str, Any]:
    """Return the file index once nothing is being built."""
    for _ in range(400):
        found: dict[str, Any] = client.get(INDEX).json()
        if found["build"] is None or found["build"]["status"] != "building":
            return found
        time.sleep(0.05)
    raise AssertionError("the build does not end")


def test_where_read_models_stand(tenant: Tenant) -> None:
    """With how far they are behind; a name that nobody knows is not found."""
    tenant.stored(tenant.client("service"))
    operator = tenant.api.client("operator")
    tenant.api.services.wait_for(tenant.api.services.ledger.log.position())
    listed = operator.get("/v1/projections").json()
    (found,) = [one for one in listed["projections"] if one["name"] == "file_index"]
    assert (found["status"], found["version"], found["lag"]) == (
        "running",
        FileIndex.version,
        {"events": 0, "seconds": 0},
    )
    assert found["position"] == listed["position"]
    assert operator.get("/v1/projections/nobody").status_code == 404
    assert operator.get("/v1/projections/nobody").json()["detail"] == "there is no read model 'nobody'"


def test_a_rebuild_and_a_comparison(tenant: Tenant) -> None:
    """Both begin at once and end by themselves; normally nothing differs."""
    tenant.stored(tenant.client("service"))
    operator = tenant.api.client("operator")
    before = settled(operator)["generation"]
    answer = operator.post(f"{INDEX}/rebuild")
    assert (answer.status_code, answer.json()["build"]["purpose"]) == (202, "rebuild")
    after = settled(operator)
    assert (after["build"]["status"], after["generation"] > before) == ("done", True)
    operator.post(f"{INDEX}/rebuild", json={"compare": True})
    compared = settled(operator)
    assert (compared["build"]["differences"], compared["generation"]) == (0, after["generation"])
    assert operator.get(f"{INDEX}/differences").json() == {"count": 0, "differences": []}
    assert operator.delete(f"{INDEX}/rebuild").status_code == 409


def test_one_is_paused_and_goes_on(tenant: Tenant) -> None:
    """Lists that wait for it say so at once; whoever stopped it is shown."""
    operator, service = tenant.api.client("operator", actor="op-1"), tenant.client("service")
    assert operator.post(f"{INDEX}/resume").status_code == 409
    assert operator.post(f"{INDEX}/retry").status_code == 409
    assert operator.post(f"{INDEX}/skip", json={"reason": "x"}).status_code == 409
    try:
        paused = operator.post(f"{INDEX}/pause").json()
        assert (paused["status"], paused["stopped_by"], paused["error"]) == ("paused", "op-1", None)
        tenant.stored(service)
        answer = service.get("/v1/files", params={"fresh": True})
        assert (answer.status_code, "is paused" in answer.json()["detail"]) == (503, True)
        assert operator.get(INDEX).json()["lag"]["events"] > 0
        assert tenant.api.anonymous().get("/readyz").status_code == 200
        operator.post(f"{INDEX}/park")
        assert tenant.api.anonymous().get("/readyz").status_code == 503
        assert operator.post(f"{INDEX}/resume").status_code == 409
    finally:
        assert operator.post(f"{INDEX}/retry").json()["status"] == "running"
    assert len(service.get("/v1/files", params={"fresh": True}).json()["files"]) == 1


def test_rows_of_a_moment(tenant: Tenant) -> None:
    """Of a file alone, before and after it was deleted."""
    service, auditor = tenant.client("service"), tenant.api.client("auditor")
    tenant.stored(service)
    file_id = tenant.stored(service)
    before = tenant.history(file_id)[-1]["position"]
    service.delete(f"/v1/files/{file_id}")
    found = auditor.get(f"{INDEX}/rows", params={"at": str(before), "key": file_id}).json()
    assert [one["view"] for one in found["rows"]] == ["file_index"]
    assert (found["position"], found["rows"][0]["row"]["status"], found["more"]) == (before, "stored", False)
    newest = str(tenant.api.services.ledger.log.position())
    now = auditor.get(f"{INDEX}/rows", params={"at": newest, "key": file_id}).json()
    assert now["rows"][0]["row"]["status"] == "soft_deleted"
    assert auditor.get(f"{INDEX}/rows", params={"at": newest, "limit": 1}).json()["more"]


def test_a_file_of_a_moment(tenant: Tenant, make_tenant: Callable[..., Tenant]) -> None:
    """By position or time; before it was there it is not found."""
    service, reader = tenant.client("service"), tenant.api.client("auditor")
    file_id = tenant.stored(service)
    history = tenant.history(file_id)
    service.delete(f"/v1/files/{file_id}")
    service.get(f"/v1/files/{file_id}/content")

    def status(at: object, **asked: str) -> Any:
        answer = reader.get(f"/v1/files/{file_id}", params={"at": str(at), **asked})
        return answer.json().get("status") if answer.status_code == 200 else answer.json()["code"]

    assert status(history[0]["position"]) == "initiated"
    assert status(history[-1]["event"]["time"], view="full") == "stored"
    assert status(tenant.api.services.ledger.log.position()) == "soft_deleted"
    assert status(history[0]["position"] - 1) == "not-found"
    stranger = make_tenant().client("service")
    assert stranger.get(f"/v1/files/{file_id}", params={"at": history[-1]["event"]["time"]}).status_code == 404


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("0", "is not a position between 1 and"),
        ("999999999", "is not a position between 1 and"),
        ("2001-01-01T00:00:00Z", "is before the first event"),
        ("2999-01-01T00:00:00Z", "is in the future"),
        ("2026-11-21T08:00:00", "is a time without a zone"),
        ("yesterday", "is neither a position nor a time"),
    ],
)
def test_moments_that_there_are_none_of(tenant: Tenant, at: str, words: str) -> None:
    """Refused with a sentence, for files as for rows."""
    file_id = tenant.new(tenant.client("service")).json()["file"]["id"]
    for answer in (
        tenant.api.client("auditor").get(f"/v1/files/{file_id}", params={"at": at}),
        tenant.api.client("auditor").get(f"{INDEX}/rows", params={"at": at}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")
        assert words in answer.json()["detail"]


@pytest.mark.parametrize("limit", ["0", "1000000"])
def test_pages_have_their_limits(api: Api, limit: str) -> None:
    """Of rows as of lists."""
    assert api.client("auditor").get(f"{INDEX}/rows", params={"at": "1", "limit": limit}).status_code == 422


def test_who_may_do_what(api: Api, tenant: Tenant) -> None:
    """Operators act and see no row, auditors the other way round; a key for one workspace does neither."""
    operator, auditor = api.client("operator"), api.client("auditor")
    assert operator.get(f"{INDEX}/rows", params={"at": "1"}).status_code == 403
    for answer in (auditor.get(INDEX), auditor.post(f"{INDEX}/pause"), auditor.post(f"{INDEX}/rebuild")):
        assert answer.status_code == 403
    for role in ("operator", "auditor", "admin"):
        for path in ("/v1/projections", INDEX, f"{INDEX}/differences", f"{INDEX}/rows?at=1"):
            assert tenant.client(role).get(path).status_code == 403
    assert api.client("service").post(f"{INDEX}/skip", json={"reason": "x"}).status_code == 403


class Invented(EventData):
    """A type that only a newer release knows."""

    TYPE: ClassVar[str] = "file.invented.v9"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A ledger of this module's own, since a read model is parked in it."""
    folder: Path = tmp_path_factory.mktemp("parked") / "data"
    REGISTRY.register(Invented)  # the database learns of it with the migrations
    with open_services(load_settings(data_dir=folder), sweep=False) as opened:
        del REGISTRY._types[Invented.TYPE]
        opened.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        yield opened


def stranger(services: Services) -> int:
    """Append an event of a type that is unknown afterwards, and return its position once the file index is parked."""
    acts.act(services, ROOT, "file_index", "pause")
    REGISTRY.register(Invented)
    stream = f"file:{uuid4()}"
    one = draft(Fact(Invented()), event_id=uuid4(), stream=stream, workspace="acme", origin=ROOT.origin, salts={})
    (sealed,) = services.ledger.log.append(Append([one])).events
    del REGISTRY._types[Invented.TYPE]
    acts.act(services, ROOT, "file_index", "resume")
    until(lambda: services.control.one("file_index").live.status == "parked")
    return sealed.position


def test_a_poison_event_is_shown_and_skipped(services: Services) -> None:
    """As it is stored; the skip is an event with its reason, and a rebuild, a comparison and moments honour it."""
    position = stranger(services)
    found: Any = acts.projection(services, ROOT, "file_index")
    assert (found["error"], found["error_position"]) == ("UnknownEventType", position)
    assert (found["event"]["position"], found["event"]["type"]) == (position, "file.invented.v9")
    assert '"type":"file.invented.v9"' in found["event"]["state"]
    assert found["lag"]["events"] == 1
    acts.act(services, ROOT, "file_index", "retry")
    until(lambda: services.control.one("file_index").live.status == "parked")
    with pytest.raises(InvalidInput, match="reason"):
        acts.skip(services, ROOT, "file_index", "")
    acts.skip(services, ROOT, "file_index", "of a release that was taken back")
    services.wait_for(services.ledger.log.position())
    (event,) = services.ledger.log.events([PROJECTIONS])
    assert isinstance(event.data, EventSkipped)
    assert (event.data.projection, event.data.position, event.actor) == ("file_index", position, ROOT.actor)
    assert set(event.private) == {"reason"}
    for compare in (True, False):
        acts.rebuild(services, ROOT, "file_index", compare=compare)
        until(lambda: services.control.one("file_index").build.status != "building")  # type: ignore[union-attr]  # there is
        build = services.control.one("file_index").build
        assert build is not None
        assert (build.status, build.differences) == ("done", 0 if compare else None)
    assert acts.rows(services, ROOT, "file_index", at=str(position), limit=10)["position"] == position
    with pytest.raises(Refused, match="not parked at an event"):
        acts.skip(services, ROOT, "file_index", "again")


def unreadable(services: Services, stream: str) -> int:
    """Append bytes that no reader takes for an event, as somebody with the writer's password can; their position."""
    one = draft(
        Fact(EventSkipped(projection="x", projection_version=1, position=1, event="y")),
        event_id=uuid4(),
        stream=stream,
        workspace="system",
        origin=ROOT.origin,
        salts={},
    )
    head, number, prev, moment, version, last = one.fragments
    # Canonical JSON, which append() takes, but with a cause that is no id.
    assert b'"cause":null' in number
    number = number.replace(b'"cause":null', b'"cause":"x"')
    forged = replace(one, fragments=(head, number, prev, moment, version, last))
    (sealed,) = services.ledger.log.append(Append([forged])).events
    return sealed.position


def stopped(services: Services, name: str) -> bool:
    return services.control.one(name).live.error_position is not None


@pytest.mark.parametrize("stream", ["file:1", PROJECTIONS])
def test_bytes_that_are_no_event_stop_no_read_model_for_good(tmp_path: Path, stream: str) -> None:
    """An operator lets each go on without them, also where they stand among the decisions; verify names them."""
    with open_services(load_settings(data_dir=tmp_path / "data"), sweep=False) as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        position = unreadable(services, stream)
        names = [one.name for one in PROJECTION_MODELS]
        for name in names:
            until(partial(stopped, services, name))
            assert services.control.one(name).live.error_position == position
            acts.skip(services, ROOT, name, "not an event")
        for name in names:
            services.wait_for(services.ledger.log.position(), name)
        assert acts.rows(services, ROOT, "file_index", at=str(position), limit=10)["position"] == position
        assert [one for one in verify_log(services.ledger.log).findings if one.position == position]


def test_an_erasure_is_not_skipped(services: Services) -> None:
    """Rows could keep what must be forgotten."""
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="misc")
    file = services.ledger.initiate(ROOT, new)
    asked = services.ledger.request_erasure(ROOT, Wanted(file=file.id, fields=("filename",)), "asked for")
    second = Caller(Actor("second", "person", "cli"), frozenset({"approver"}), None)
    services.ledger.approve_erasure(second, UUID(asked.id), "agreed")
    begun, erasing = services.ledger.log.events([f"file:{file.id}"])
    assert services.ledger.log.erased([erasing.id]) == {erasing.id: [(begun.position, "filename")]}
    with pytest.raises(Refused, match="is not skipped"):
        services.ledger.skip_event(ROOT, "file_index", 3, erasing.position, "too hard")


def test_unknown_read_models(services: Services) -> None:
    """Not found, whatever is asked."""
    refused: list[Callable[[], object]] = [
        lambda: acts.rebuild(services, ROOT, "nobody", compare=False),
        lambda: acts.act(services, ROOT, "nobody", "pause"),
        lambda: acts.act(services, ROOT, "nobody", "retry"),
        lambda: acts.differences(services, ROOT, "nobody"),
        lambda: acts.rows(services, ROOT, "nobody", at="1", limit=1),
        lambda: acts.cancel(services, ROOT, "nobody"),
    ]
    for act in refused:
        with pytest.raises(NotFound):
            act()
