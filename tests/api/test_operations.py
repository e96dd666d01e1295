"""Operators see how the object store does; nobody else does, and no call names a file."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from provenstore.api.background.sweeper import Sweeper
from provenstore.domain.errors import DatabaseUnavailable
from tests.api.conftest import Api, Tenant


def until(found: Callable[[], Any]) -> Any:
    """Return what is found, as soon as it is: calls are written within a second."""
    deadline = time.monotonic() + 20
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer


def calls(tenant: Tenant, request: str, kind: str) -> list[dict[str, Any]]:
    asked = {"request": request, "kind": kind}
    answer = tenant.api.client("operator").get("/v1/operations/calls", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["calls"]
    return found


def test_calls_are_found_by_the_request_they_were_made_for(tenant: Tenant) -> None:
    """Up and down, with bytes and outcome, by the X-Request-Id of the answer."""
    service = tenant.client("service")
    file_id = tenant.new(service, size=7).json()["file"]["id"]
    at = f"/v1/files/{file_id}/content"
    sent, whole, some = (
        service.put(at, content=b"content"),
        service.get(at),
        service.get(at, headers={"Range": "bytes=0-3"}),
    )
    assert (sent.status_code, whole.content, some.content) == (200, b"content", b"cont")
    up, down, half = (one.headers["X-Request-Id"] for one in (sent, whole, some))
    (put,) = until(lambda: calls(tenant, up, "put"))
    (get,) = until(lambda: calls(tenant, down, "get"))
    (part,) = until(lambda: calls(tenant, half, "get"))
    assert (put["provider"], put["outcome"], put["status"], put["bytes"]) == ("local", "ok", "ok", 7)
    assert (get["outcome"], get["bytes"], part["bytes"]) == ("ok", 7, 4)
    path = service.get(f"/v1/files/{file_id}").json()["path"]
    assert path not in str([put, get, part])
    assert file_id not in str([put, get, part])


def test_figures_of_a_time(tenant: Tenant) -> None:
    """By store and kind; what lies outside of the time is not in."""
    operator = tenant.api.client("operator")
    tenant.stored(tenant.client("service"))
    asked = {"provider": "local", "kind": "put"}
    (figure,) = until(lambda: operator.get("/v1/operations", params=asked).json()["figures"])
    assert (figure["provider"], figure["kind"]) == ("local", "put")
    assert 0 < figure["p50_ms"] <= figure["p95_ms"]
    assert figure["calls"] >= figure["refused"] + figure["failed"]
    assert 0 < figure["success"] <= 1
    whole = operator.get("/v1/operations").json()
    assert {"since", "before", "missing", "figures"} == whole.keys()
    assert any(one["kind"] == "put" for one in whole["figures"])
    past = operator.get("/v1/operations", params={"before": "2001-01-02T00:00:00Z"}).json()
    assert (past["since"], past["figures"]) == ("2001-01-01T00:00:00.000000Z", [])


def test_figures_are_for_operators_of_the_whole_ledger(api: Api, tenant: Tenant) -> None:
    """Calls belong to no workspace, and say how much goes on in all of them."""
    for at in ("/v1/operations", "/v1/operations/calls"):
        assert api.client("operator").get(at).status_code == 200
        assert api.client("admin").get(at).status_code == 200
        for client in (api.client("service"), api.client("auditor"), tenant.client("operator")):
            assert client.get(at).status_code == 403
        assert api.anonymous().get(at).status_code == 401


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "presign_get"}, "kind"),
        ({"since": "2026-11-20T00:00:00"}, "since"),
        ({"since": "2026-11-20T00:00:00Z", "before": "2026-11-19T00:00:00Z"}, "before"),
        ({"limit": 0}, "limit"),
        ({"outcome": "bad"}, "outcome"),
        ({"key": "x"}, "key"),
    ],
)
def test_bad_questions_are_refused(api: Api, asked: dict[str, Any], field: str) -> None:
    """With the name of what is wrong."""
    answer = api.client("operator").get("/v1/operations/calls", params=asked)
    assert (answer.status_code, answer.json()["field"].partition(".")[0]) == (422, field)


def test_whoever_leads_forgets_what_is_old(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many days as the settings say, and not before; a database that is away ends no round."""
    services = tenant.api.services
    tenant.api.clock.ahead = timedelta(days=-31)
    service = tenant.client("service")
    file_id = tenant.stored(service)
    request = service.get(f"/v1/files/{file_id}/content").headers["X-Request-Id"]

    def found() -> tuple[Any, ...]:
        from provenstore.projections.operations.store_calls import Calls

        now = services.clock.now()
        asked = Calls(since=now - timedelta(days=40), before=now + timedelta(days=40))
        return services.operations.newest(asked, request=request)

    until(found)
    sweeper = Sweeper(services)
    tenant.api.clock.ahead = timedelta(days=-2)
    sweeper._settle()
    assert found()
    tenant.api.clock.ahead = timedelta()
    sweeper._settle()
    assert not found()
    monkeypatch.setattr(services.operations, "_pool", _Away())
    with pytest.raises(DatabaseUnavailable):
        sweeper._settle()


class _Away:
    """A pool without a database."""

    def connection(self) -> Any:
        raise DatabaseUnavailable
