"""Every refusal of a known caller leaves an event: each operation of the description is asked for what it refuses."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from provenstore.adapters.postgres.event_store import PostgresEventLog
from tests.api.conftest import ROOT, Api, Tenant

DOCUMENT: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("openapi.json").read_text("utf-8"))
OPERATIONS: Final = [(path, method) for path, how in DOCUMENT["paths"].items() for method in how]
REFUSED: Final = frozenset({403, 404, 409, 410})


@dataclass(frozen=True)
class Unrecorded:
    """Refusals that leave nothing, and why."""

    statuses: frozenset[int]
    because: str


NONE: Final = Unrecorded(frozenset(), "")
UNRECORDED: Final[Mapping[str, Unrecorded]] = {
    "/v1/signed/{token}": Unrecorded(REFUSED, "takes no key: a link that opens nothing is refused to a stranger"),
    "/log/checkpoint": Unrecorded(frozenset({404}), "before the first one; who follows a log asks again and again"),
    "/log/proof/consistency": Unrecorded(frozenset({404}), "before the first checkpoint, likewise"),
    "/log/tile/{place}": Unrecorded(frozenset({404}), "beyond the edge of the tree, which moves; shows nobody"),
    "/log/tile/entries/{place}": Unrecorded(frozenset({404}), "beyond the edge of the log; a reading is recorded"),
}

ROLES: Final = ("admin", "operator", "service")

INSTEAD: Final[Mapping[tuple[str, str], Any]] = {("/v1/workspaces/{workspace}", "patch"): {"max_files": 9}}
"""Bodies in the place of an example that changes nothing."""


def place(name: str, tenant: Tenant, ids: Mapping[str, str]) -> str:
    """Return what stands for a place of a path: an id of `ids`, else one that is nowhere."""
    words = {
        "workspace": tenant.id,
        "category": "misc",
        "name": "no_such_model",
        "number": "1",
        "kind": "file",
        "prefix": uuid4().hex[:12],
        "act": "pause",
        "place": "0/999999",
    }
    return ids.get(name) or words.get(name) or str(uuid4())


def ask(client: httpx.Client, path: str, method: str, tenant: Tenant, ids: Mapping[str, str]) -> httpx.Response:
    """Ask for an operation by its examples."""
    operation = DOCUMENT["paths"][path][method]
    at = re.sub(r"{([a-z_]+)}", lambda found: place(found[1], tenant, ids), path)
    query = {
        one["name"]: one["example"]
        for one in operation.get("parameters", [])
        if one["in"] == "query" and one.get("required")
    }
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = INSTEAD.get((path, method), content["application/json"].get("example"))
        if isinstance(body, dict) and "workspace" in body:
            body = {**body, "workspace": tenant.id}
        return client.request(method, at, params=query, json=body)
    return client.request(method, at, params=query, content=b"content" if content else None)


def asked_by(api: Api, role: str, scope: str | None) -> tuple[httpx.Client, str]:
    """Return a client of a fresh actor, whose refusals are merged with nobody's, and the actor."""
    actor = f"a-{uuid4()}"
    issued = api.services.ledger.issue_key(
        ROOT,
        actor=actor,
        kind="person",
        roles=(role,),  # type: ignore[arg-type]  # one of ROLES
        scope=scope,
    )
    return api.anonymous({"Authorization": f"Bearer {issued.key}"}), actor


def refusals_of(api: Api, actor: str, after: int) -> list[str]:
    """Return the types of the events that say that an actor was refused."""
    return [
        event.type
        for event in api.services.ledger.log.read(after, 100)
        if event.actor.id == actor and event.outcome == "denied"
    ]


@pytest.fixture
def other(api: Api) -> Tenant:
    """Another tenant, whose things are foreign."""
    name = f"t-{uuid4().hex[:20]}"
    assert api.client().post("/v1/workspaces", json={"id": name}).status_code == 201
    return Tenant(api, name)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_refusal_of_a_known_caller_is_on_record(
    api: Api, tenant: Tenant, other: Tenant, path: str, method: str
) -> None:
    """Of what is nowhere, what is foreign, what no role allows, and what a state refuses; each in one event."""
    foreign = {"file_id": other.stored(other.client("service")), "workspace": other.id}
    stored = {"file_id": tenant.stored(tenant.client("service"))}
    nowhere: dict[str, str] = {}
    cases = ((tenant.id, nowhere), (tenant.id, foreign), (tenant.id, stored), (None, {"workspace": "nowhere"}))
    for role, (scope, ids) in product(ROLES, cases):
        client, actor = asked_by(api, role, scope)
        before = api.services.ledger.log.position()
        answer = ask(client, path, method, tenant, ids)
        if answer.status_code in REFUSED - UNRECORDED.get(path, NONE).statuses:
            left = refusals_of(api, actor, before)
            assert len(left) == 1, (role, scope, ids, answer.status_code, answer.text, left)


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if "{workspace}" in one[0]])
def test_what_can_name_no_workspace_is_as_one_that_is_nowhere(api: Api, tenant: Tenant, path: str, method: str) -> None:
    """For a key of the whole ledger and of one workspace alike, also with a character that no database takes."""
    for scope, name in product((None, tenant.id), ("%00", "No%20Such%20Thing", "nowhere")):
        answer = ask(asked_by(api, "admin", scope)[0], path, method, tenant, {"workspace": name})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), (scope, name, answer.text)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/keys", "/v1/jobs"])
def test_what_can_name_no_workspace_is_nowhere_for_lists_too(api: Api, tenant: Tenant, path: str) -> None:
    """As a condition of a list."""
    for scope, name in product((None, tenant.id), ("\0", "No Such Thing", "nowhere")):
        answer = asked_by(api, "admin", scope)[0].get(path, params={"workspace": name})
        assert answer.status_code == 404, (scope, name, answer.text)


NAMING: Final = re.compile("{(workspace|file_id|erasure)}")
COMMANDS: Final = [(path, method) for path, method in OPERATIONS if method != "get" and NAMING.search(path)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams whose events are read."""
    found: list[str] = []
    told, events = PostgresEventLog.events_with_private_values, PostgresEventLog.events

    def telling(log: PostgresEventLog, stream: str) -> Any:
        found.append(stream)
        return told(log, stream)

    def eventing(log: PostgresEventLog, streams: Sequence[str], **how: Any) -> Any:
        found.extend(streams)
        return events(log, streams, **how)

    monkeypatch.setattr(PostgresEventLog, "events_with_private_values", telling)
    monkeypatch.setattr(PostgresEventLog, "events", eventing)
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_caller_is_authorised_before_anything_is_read(
    api: Api, tenant: Tenant, other: Tenant, read: list[str], command: tuple[str, str]
) -> None:
    """authorised-before-read: of a foreign thing, and of a workspace's by a key that has none of the roles."""
    path, method = command
    ids = {"file_id": other.stored(other.client("service")), "workspace": other.id}
    wanted = {"workspace": other.id, "subject": "report.pdf", "reason": "asked to"}
    ids["erasure"] = other.client("privacy").post("/v1/erasures", json=wanted).json()["id"]
    strangers = [("admin", tenant.id)] if "{file_id}" in path else [("admin", tenant.id), ("operator", other.id)]
    for role, scope in strangers:
        client, _ = asked_by(api, role, scope)
        read.clear()
        answer = ask(client, path, method, tenant, ids)
        streams = {f"file:{ids['file_id']}", f"workspace:{other.id}", f"erasure:{ids['erasure']}"}
        assert answer.status_code >= 400, role
        assert not streams & set(read), role


def test_who_has_no_role_is_not_told_what_there_is(api: Api, tenant: Tenant) -> None:
    """authorised-before-read: a key, an erasure or an event of its own workspace is as one that is nowhere."""
    tenant.stored(tenant.client("service"))
    wanted = {"workspace": tenant.id, "subject": "report.pdf", "reason": "asked to"}
    erasure = tenant.client("privacy").post("/v1/erasures", json=wanted).json()["id"]
    key = tenant.client("auditor").get("/v1/keys").json()["keys"][0]["id"]
    event = tenant.client("auditor").get("/v1/audit", params={"fresh": True}).json()["entries"][0]["id"]
    operator = tenant.client("operator")
    for method, path, there in (
        ("GET", "/v1/events/{}/receipt", event),
        ("GET", "/v1/keys/{}", key),
        ("DELETE", "/v1/keys/{}", key),
        ("GET", "/v1/erasures/{}", erasure),
        ("POST", "/v1/erasures/{}/approve", erasure),
        ("POST", "/v1/erasures/{}/reject", erasure),
    ):
        answers = [operator.request(method, path.format(one)).status_code for one in (there, uuid4())]
        assert answers == [403, 403], (method, path)


def test_what_is_not_on_record_is_described() -> None:
    """The list of exceptions has nothing that is gone."""
    assert set(UNRECORDED) <= set(DOCUMENT["paths"])
