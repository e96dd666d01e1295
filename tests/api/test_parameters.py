"""A query parameter that a route does not know is refused on every route, by its name."""

import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from provenstore.api.http.app import create_app
from provenstore.api.http.description import described
from provenstore.api.http.parameters import declared_parameters
from provenstore.api.settings import load_settings
from tests.api.conftest import Api, Tenant

APP = create_app(load_settings())
ROUTES = [
    (method, found.route.path)
    for found in iter_route_contexts(APP.routes)
    if isinstance(found.route, APIRoute)
    for method in sorted(found.route.methods or ())
]
DESCRIBED: dict[str, dict[str, Any]] = json.loads(described())["paths"]


def test_no_route_is_left_out() -> None:
    """All routes of the description are asked below; the description itself takes no parameters at all."""
    asked = {(method.lower(), path.replace(":path", "")) for method, path in ROUTES}
    assert {(method, path) for path, how in DESCRIBED.items() for method in how} <= asked
    assert len(ROUTES) > 70


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_unknown_parameter_is_refused(api: Api, method: str, path: str) -> None:
    """Whatever the method, and whatever else is wrong with the request."""
    client = api.client("admin")
    at = path.replace("{place:path}", "000")
    for name in ("file_id", "event_id", "key_id", "hold"):
        at = at.replace(f"{{{name}}}", str(uuid4()))
    at = at.replace("{number}", "1").replace("{act}", "pause")
    answer = client.request(method, at.replace("{", "").replace("}", ""), params={"surprise": "60"})
    assert answer.status_code == 422, answer.text
    if method != "HEAD":
        assert (answer.json()["field"], answer.json()["code"]) == ("surprise", "invalid-input")


def test_every_declared_parameter_is_known() -> None:
    """What the description says of a route and what the refusal goes by are the same."""
    for found in iter_route_contexts(APP.routes):
        route = found.route
        if isinstance(route, APIRoute) and (how := DESCRIBED.get(route.path.replace(":path", ""))):
            for method in route.methods or ():
                if method.lower() in how:
                    said = how[method.lower()].get("parameters", [])
                    assert {one["name"] for one in said if one["in"] == "query"} <= declared_parameters(route)


def test_the_present_is_not_answered_for_the_past(tenant: Tenant) -> None:
    """A workspace has no `at`, and says so."""
    answer = tenant.client("admin").get(f"/v1/workspaces/{tenant.id}", params={"at": "60"})
    assert (answer.status_code, answer.json()["field"]) == (422, "at")


def test_a_key_in_the_place_of_a_name_is_not_repeated(tenant: Tenant) -> None:
    """Neither is a name as long as the URL."""
    for name in ("pvs_" + "0" * 32 + "_" + "A" * 43, "x" * 500):
        answer = tenant.client("admin").get("/v1/files", params={name: ""})
        assert answer.status_code == 422
        assert name not in answer.text
