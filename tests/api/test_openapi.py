"""The description of the API: it changes only on purpose, and the API does as it says, whatever it is asked."""

import json
from pathlib import Path
from typing import Any

import httpx
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

from provenstore.api import log
from provenstore.api.http.description import described
from tests.api.conftest import Api, Tenant

GOLDEN = Path(__file__).with_name("openapi.json")

CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]

MAY_BE_UNAVAILABLE = {
    ("get", path) for path in ("/v1/files", "/v1/audit", "/v1/usage", "/v1/workspaces/{workspace}/usage")
}
"""Lists that wait for a position which never comes."""


def test_description_is_the_golden_one() -> None:
    """A change of the API shows in tests/api/openapi.json; `make openapi` writes it anew."""
    assert described() == GOLDEN.read_text("utf-8")


def test_every_route_needs_a_key_but_those_that_cannot() -> None:
    """Only health and signed URLs are open."""
    paths = json.loads(described())["paths"]
    opened = {path for path, how in paths.items() for one in how.values() if "security" not in one}
    assert opened == {"/healthz", "/readyz", "/v1/signed/{token}"}


OPERATIONS = [(path, method) for path, how in json.loads(GOLDEN.read_text("utf-8"))["paths"].items() for method in how]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_api_does_as_described(api: Api, tenant: Tenant, path: str, method: str) -> None:
    """Whatever is sent, the answer has a described status, type and form, and is no failure of ours."""
    client = api.client("admin", tenant.id)
    file_id = tenant.stored(client)
    log.bring_up(api.services)
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    known = {"file_id": file_id, "workspace": tenant.id}

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=schema[path][method].as_strategy(), existing=booleans())
    def ask(case: "schemathesis.Case[Any]", existing: bool) -> None:
        if existing:
            case.path_parameters = {**(case.path_parameters or {}), **known}
        answer = case.call(headers={"Authorization": client.headers["Authorization"]})
        waits = answer.status_code == 503 and (method, path) in MAY_BE_UNAVAILABLE
        case.validate_response(answer, checks=CONFORMANCE if waits else [not_a_server_error, *CONFORMANCE])

    ask()


def test_health(api: Api) -> None:
    """Health says that the process lives, readiness what answers; neither needs a key."""
    client = httpx.Client(base_url=api.url)
    with client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz").json()
    assert ready["checks"] == {"database": "ok", "store": "ok", "projections": "ok"}
    assert ready["status"] == "ok"
    assert {name: one["limit"] for name, one in ready["load"].items()} == {"uploads": 256, "connections": 1_000}
