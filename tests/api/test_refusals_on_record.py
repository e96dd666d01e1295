"""Every refusal of a known caller leaves an event: each operation of the description is asked for what it refuses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

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
        body = content["application/json"].get("example")
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


def test_what_is_not_on_record_is_described() -> None:
    """The list of exceptions has nothing that is gone."""
    assert set(UNRECORDED) <= set(DOCUMENT["paths"])
