"""Usage of a workspace and of the ledger: what adds up, how full a quota is, and about what it costs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest

from provenstore.api.acts.usage import micros
from provenstore.api.settings import Settings, load_settings
from provenstore.domain.errors import Misconfigured
from tests.api.conftest import Api, Tenant

MONTH = f"{datetime.now(UTC):%Y-%m}"


def usage(client: httpx.Client, path: str, **asked: Any) -> dict[str, Any]:
    answer = client.get(path, params={"fresh": True, **asked})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_a_workspace_uses(make_tenant: Callable[..., Tenant]) -> None:
    """Files and bytes until they are purged, what was given out, and the quota that is left."""
    tenant = make_tenant(max_bytes=25, max_files=10)
    service = tenant.client("service")
    kept, gone = tenant.stored(service, b"0123456789"), tenant.stored(service, b"0123456789")
    for _ in range(2):
        service.get(f"/v1/files/{kept}/content")
    service.delete(f"/v1/files/{gone}")
    found = usage(service, f"/v1/workspaces/{tenant.id}/usage")
    assert (found["workspace"], found["groups"], found["next"]) == (tenant.id, [], None)
    sums = {name: value for name, value in found["usage"].items() if value and name != "cost"}
    expected = {"new_files": 2, "new_bytes": 20, "files": 1, "bytes": 10, "deleted_files": 1, "deleted_bytes": 10}
    assert sums == {**expected, "downloads": 2, "served_bytes": 20}
    assert found["quota"] == {
        "level": "normal", "percent": 80, "bytes": 20, "files": 2, "max_bytes": 25, "max_files": 10,
    }  # fmt: skip
    tenant.stored(service, b"01")
    assert usage(service, f"/v1/workspaces/{tenant.id}/usage")["quota"]["level"] == "high"
    tenant.api.client().patch(f"/v1/workspaces/{tenant.id}", json={"max_bytes": 21})
    assert usage(service, f"/v1/workspaces/{tenant.id}/usage")["quota"]["level"] == "over_quota"


def test_groups_of_a_workspace(tenant: Tenant) -> None:
    """By owner, category, provider and month, page by page, each once; the total stands beside them."""
    ann, bob = (tenant.client("service", actor=f"{name}-{tenant.id}") for name in ("ann", "bob"))
    for client, category in ((ann, "misc"), (ann, "book_content"), (bob, "misc")):
        tenant.stored(client, b"12345", category=category)
    path = f"/v1/workspaces/{tenant.id}/usage"
    found = {
        by: {one["key"]: one["usage"]["bytes"] for one in usage(ann, path, by=by)["groups"]}
        for by in ("owner", "category", "provider", "month")
    }
    assert found["owner"] == {f"ann-{tenant.id}@{tenant.id}": 10, f"bob-{tenant.id}@{tenant.id}": 5}
    assert found["category"] == {"misc": 10, "book_content": 5}
    assert (found["provider"], found["month"]) == ({"local": 15}, {MONTH: 15})
    first = usage(ann, path, by="owner", limit=1)
    assert (first["next"], first["usage"]["files"]) == (f"ann-{tenant.id}@{tenant.id}", 3)
    last = usage(ann, path, by="owner", limit=1, after=first["next"])
    assert [one["key"] for one in last["groups"]] == [f"bob-{tenant.id}@{tenant.id}"]
    assert last["next"] is None
    assert usage(ann, path, month="2020-01")["usage"]["new_files"] == 0
    assert usage(ann, path, month=MONTH)["usage"]["cost"] is None


def test_the_whole_ledger(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """Each workspace once, also one without files, with its quota; for keys of the whole ledger alone."""
    full, empty = make_tenant(max_bytes=100), make_tenant()
    full.stored(full.client("service"), b"x" * 95)
    operator = api.client("operator")
    found: dict[str, Any] = {}
    after = ""
    while True:
        page = usage(operator, "/v1/usage", by="workspace", after=after, limit=3)
        for one in page["groups"]:
            assert one["key"] not in found
            found[one["key"]] = one
        if page["next"] is None:
            break
        after = page["next"]
    assert (found[full.id]["usage"]["files"], found[full.id]["quota"]["level"]) == (1, "warning")
    assert (found[empty.id]["usage"]["files"], found[empty.id]["quota"]["level"]) == (0, "normal")
    together = usage(operator, "/v1/usage")
    assert together["usage"]["bytes"] == sum(one["usage"]["bytes"] for one in found.values())
    assert full.client("admin").get("/v1/usage").status_code == 403
    assert full.client("service").get(f"/v1/workspaces/{empty.id}/usage").status_code == 404
    assert operator.get("/v1/workspaces/nobody-here/usage").status_code == 404


def test_what_it_costs(bucket_tenant: Tenant) -> None:
    """What is kept and what was given out this month, at the prices of its provider; the local folder is free."""
    client = bucket_tenant.client("service")
    file_id = bucket_tenant.stored(client, b"x" * 1_000_000)
    client.get(f"/v1/files/{file_id}/content")
    path = f"/v1/workspaces/{bucket_tenant.id}/usage"
    cost = usage(client, path)["usage"]["cost"]
    assert cost == {
        "currency": "USD", "month": MONTH, "stored_micros": 19, "served_micros": 9, "total_micros": 28,
    }  # fmt: skip
    bucket_tenant.api.clock.ahead = timedelta(days=40)
    assert usage(client, path)["usage"]["cost"]["served_micros"] == 0


def test_money_is_exact() -> None:
    """A GiB at its price to the millionth, halves to even, at any size."""
    assert micros(2**30, Fraction("0.02")) == 20_000
    assert micros(2**60, Fraction("0.02")) == 20_000 * 2**30
    assert [micros(count * 2**29, Fraction("0.000001")) for count in (1, 3)] == [0, 2]


def test_prices_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """By provider; a negative one, or one that is no number, is an error that names the setting."""
    monkeypatch.setenv("PROVENSTORE_PRICES", '{"minio": {"stored": "0.005", "served": 0}}')
    assert load_settings().prices["minio"].stored == Decimal("0.005")
    assert "spaces" not in load_settings().prices
    for wrong in ('{"minio": {"stored": "-1", "served": 0}}', '{"minio": {"stored": "free"}}', "{}{"):
        monkeypatch.setenv("PROVENSTORE_PRICES", wrong)
        with pytest.raises(Misconfigured, match="PROVENSTORE_PRICES"):
            load_settings()
    assert Settings.model_fields["prices"].default["spaces"].served == Decimal("0.01")


@pytest.mark.parametrize("asked", [{"by": "colour"}, {"by": "workspace"}, {"month": "2026-13"}, {"limit": 0}, {"x": 1}])
def test_bad_questions_are_refused(tenant: Tenant, asked: dict[str, Any]) -> None:
    """With the name of what is wrong."""
    answer = tenant.client("auditor").get(f"/v1/workspaces/{tenant.id}/usage", params=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(asked)))
