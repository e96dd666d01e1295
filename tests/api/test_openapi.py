"""The description of the API: it changes only on purpose, and the API does as it says, whatever it is asked."""

import json
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from provenstore.api.http.app import create_app
from provenstore.api.settings import load_settings
from tests.api.conftest import Api, Tenant

GOLDEN = Path(__file__).with_name("openapi.json")

DOCUMENTED_503 = {("GET", "/v1/files"), ("GET", "/readyz")}
"""What may be unavailable on purpose: a list that waits for a position which never comes."""


def described(tmp_path: Path) -> str:
    app = create_app(load_settings(data_dir=tmp_path))
    return json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"


def test_description_is_the_golden_one(tmp_path: Path) -> None:
    """A change of the API shows in tests/api/openapi.json; `make openapi` writes it anew."""
    assert described(tmp_path) == GOLDEN.read_text("utf-8")


def test_every_route_needs_a_key_but_those_that_cannot(tmp_path: Path) -> None:
    """Only health and signed URLs are open."""
    paths = json.loads(described(tmp_path))["paths"]
    opened = {path for path, how in paths.items() for one in how.values() if "security" not in one}
    assert opened == {"/healthz", "/readyz", "/v1/signed/{token}"}


@pytest.fixture
def api_schema(api: Api, tenant: Tenant) -> schemathesis.schemas.BaseSchema:
    """The API with an admin's key for the whole ledger."""
    client = api.client()
    tenant.stored(client)
    loaded = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    loaded.config.update(headers={"Authorization": client.headers["Authorization"]})
    return loaded


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_api_does_as_described(case: schemathesis.Case) -> None:
    """Whatever is sent, the answer has a described status, type and form, and is no failure of ours."""
    answer = case.call()
    checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
    waits = answer.status_code == 503 and (case.method, case.path) in DOCUMENTED_503
    case.validate_response(answer, checks=checks if waits else [not_a_server_error, *checks])


def test_health(api: Api) -> None:
    """Health says that the process lives, readiness what answers; neither needs a key."""
    client = httpx.Client(base_url=api.url)
    with client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz").json()
    assert ready == {"status": "ok", "checks": {"database": "ok", "store": "ok", "projections": "ok"}}
