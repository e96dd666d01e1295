"""The description of the API: it changes only on purpose, and the API does as it says, whatever it is asked."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from examples import examples
from provenstore.api.acts import log
from provenstore.api.http.description import described
from tests.api.conftest import Api, Tenant

GOLDEN = Path(__file__).with_name("openapi.json")
DOCUMENT: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))

CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]

MAY_BE_UNAVAILABLE = {
    ("get", path) for path in ("/v1/files", "/v1/audit", "/v1/usage", "/v1/workspaces/{workspace}/usage")
}
"""Lists that wait for a position which never comes."""


def test_description_is_the_golden_one() -> None:
    """A change of the API shows in tests/api/openapi.json; `make openapi` writes it anew."""
    assert described() == GOLDEN.read_text("utf-8")


def test_the_golden_one_is_served(api: Api) -> None:
    """So what holds of that file holds of what clients read."""
    assert api.anonymous().get("/openapi.json").json() == DOCUMENT


def test_every_route_needs_a_key_but_those_that_cannot() -> None:
    """Only health and signed URLs are open."""
    paths = DOCUMENT["paths"]
    opened = {path for path, how in paths.items() for one in how.values() if "security" not in one}
    assert opened == {"/healthz", "/readyz", "/v1/signed/{token}"}


VERBS = (
    "abort|approve|cancel|change|complete|control|create|delete|describe|download|erase|find|get|list|place|preview|rebuild|reject|"
    "release|request|restore|retry|revoke|run|search|set|skip|update|upload|verify|withdraw"
)


def each_operation() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, how in DOCUMENT["paths"].items():
        for method, operation in how.items():
            yield f"{method} {path}", operation


def test_everything_is_described() -> None:
    """Every field, parameter and operation has words; a new one gets them in api/contract/glossary.py."""
    schemas = DOCUMENT["components"]["schemas"]
    fields = {f"{name}.{field}": one for name, shape in schemas.items() for field, one in _properties(shape)}
    assert not [name for name, one in fields.items() if not one.get("description")]
    for place, operation in each_operation():
        assert operation["description"], place
        assert not [one["name"] for one in operation.get("parameters", []) if not one.get("description")], place


def _properties(shape: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(shape.get("properties", {}).items())


def test_operations_have_names_for_methods() -> None:
    """Verb first, unique: a generator makes methods of them."""
    names = [operation["operationId"] for _, operation in each_operation()]
    assert len(names) == len(set(names))
    assert not [one for one in names if not re.fullmatch(rf"(?:{VERBS})(?:_[a-z]+)+", one)]


def test_requests_and_answers_have_examples() -> None:
    """Each is one that its schema allows."""
    document = DOCUMENT
    shapes = {"components": document["components"]}
    for place, operation in each_operation():
        for one in (operation.get("requestBody", {}), *operation["responses"].values()):
            for kind, media in one.get("content", {}).items():
                if kind.endswith("json"):
                    schema = {**media["schema"], **shapes}
                    assert "example" in media, place
                    jsonschema_rs.validator_for(schema).validate(media["example"])


def test_parameters_have_examples() -> None:
    """Each is one that its schema allows."""
    document = DOCUMENT
    for place, operation in each_operation():
        for one in operation.get("parameters", []):
            schema = {**one["schema"], "components": document["components"]}
            assert "example" in one, (place, one["name"])
            found = jsonschema_rs.validator_for(schema, validate_formats=True)
            assert found.is_valid(one["example"]), (place, one["name"], one["example"])


METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


def test_every_method_is_declared_or_refused(api: Api) -> None:
    """What the description does not have is 405, with all that it has in Allow (RFC 9110 §15.5.6)."""
    client = api.client("admin")
    for path, how in DOCUMENT["paths"].items():
        at = re.sub(r"{[a-z_]+}", lambda found: SOMETHING.get(found[0], "x"), path)
        # Also by a path with a place where this one has a word.
        also = [
            other for one, other in DOCUMENT["paths"].items() if re.fullmatch(re.sub(r"{[a-z_]+}", "[^/]+", one), at)
        ]
        declared = {method.upper() for one in (how, *also) for method in one}
        for method in set(METHODS) - declared:
            answer = client.request(method, at)
            assert answer.status_code == 405, (method, path, answer.text)
            allowed = set(answer.headers["Allow"].split(", "))
            assert declared <= allowed, (method, path)
            assert method not in allowed, (method, path)


SOMETHING = {"{file_id}": str(uuid4()), "{event_id}": str(uuid4()), "{number}": "1"}
"""Places that paths have in them."""


def test_examples_of_requests_are_taken(tenant: Tenant) -> None:
    """As they stand, but for the workspace and who asks."""
    paths = DOCUMENT["paths"]

    def said(path: str, method: str = "post") -> Any:
        return paths[path][method]["requestBody"]["content"]["application/json"]["example"]

    admin, records = tenant.api.client(), tenant.client("records")
    assert admin.post("/v1/keys", json={**said("/v1/keys"), "workspace": tenant.id}).status_code == 201
    made = admin.post("/v1/files", json={**said("/v1/files"), "workspace": tenant.id})
    assert made.status_code == 201, made.text
    file_id = made.json()["file"]["id"]
    changed = admin.patch(f"/v1/files/{file_id}", json=said("/v1/files/{file_id}", "patch"))
    assert changed.status_code == 200, changed.text
    held = records.post(f"/v1/files/{file_id}/legal-holds", json=said("/v1/files/{file_id}/legal-holds"))
    assert held.status_code in {200, 201}, held.text
    name = f"t-{uuid4().hex[:20]}"
    assert admin.post("/v1/workspaces", json={**said("/v1/workspaces"), "id": name}).status_code == 201


OPERATIONS = [(path, method) for path, how in DOCUMENT["paths"].items() for method in how]
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
"""Of the golden document, which is the served one: read once for all operations."""


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_api_does_as_described(api: Api, tenant: Tenant, path: str, method: str) -> None:
    """Whatever is sent, the answer has a described status, type and form, and is no failure of ours."""
    client = api.client("admin", tenant.id)
    file_id = tenant.stored(client)
    log.bring_up(api.services)
    known = {"file_id": file_id, "workspace": tenant.id}

    @settings(max_examples=examples(4, 12), suppress_health_check=list(HealthCheck), database=None)
    @given(case=SCHEMA[path][method].as_strategy(), existing=booleans())
    def ask(case: "schemathesis.Case[Any]", existing: bool) -> None:
        if existing:
            case.path_parameters = {**(case.path_parameters or {}), **known}
        answer = case.call(base_url=api.url, headers={"Authorization": client.headers["Authorization"]})
        waits = answer.status_code == 503 and (method, path) in MAY_BE_UNAVAILABLE
        case.validate_response(answer, checks=CONFORMANCE if waits else [not_a_server_error, *CONFORMANCE])

    ask()


def test_health(api: Api) -> None:
    """Health says that the process lives, readiness what answers; neither needs a key."""
    client = httpx.Client(base_url=api.url)
    with client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz").json()
    assert ready["checks"] == dict.fromkeys(("database", "store", "projections", "proofs", "schema"), "ok")
    assert ready["status"] == "ok"
    assert {name: one["limit"] for name, one in ready["load"].items()} == {"uploads": 256, "connections": 1_000}
