"""A key that has ended opens nothing: at once here, within a second from every other process, at once by its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from provenstore.api.http.api_key_cache import ApiKeyCache
from provenstore.api.services import Services
from provenstore.api.settings import Settings
from provenstore.api.wiring import open_services
from tests.api.conftest import ROOT, Api, Tenant

BEYOND = 1.5
"""Seconds: what is trusted for one, and what this machine needs besides."""


@pytest.fixture
def elsewhere(api: Api, settings: Settings) -> Iterator[Services]:
    """Another server on the same ledger."""
    with open_services(settings, sweep=False) as services:
        yield services


@contextmanager
def trusting(api: Api, keys: ApiKeyCache, *, heard: bool) -> Iterator[None]:
    """Let the server use `keys`, and hear hints or not."""
    before, hearers = api.app.state.keys, api.services.on_growth
    kept = list(hearers)
    api.app.state.keys = keys
    hearers[:] = [keys.clear] if heard else []
    try:
        yield
    finally:
        api.app.state.keys = before
        hearers[:] = kept
        before.clear()


def key_of(api: Api, tenant: Tenant) -> tuple[UUID, httpx.Client]:
    issued = api.services.ledger.issue_key(
        ROOT, actor=f"svc-{uuid4()}", kind="service", roles=("service",), scope=tenant.id
    )
    return UUID(issued.id), api.anonymous({"Authorization": f"Bearer {issued.key}"})


def seconds_until_refused(client: httpx.Client, path: str) -> float:
    began = time.monotonic()
    while (answer := client.get(path)).status_code != 401:
        assert time.monotonic() - began < 20, answer.text
    return time.monotonic() - began


def test_another_processs_revocation_is_seen_within_a_second_without_a_hint(
    api: Api, tenant: Tenant, elsewhere: Services
) -> None:
    """Reads are trusted for at most that long; the use after the end is recorded."""
    key, client = key_of(api, tenant)
    path = f"/v1/files/{tenant.stored(tenant.client('service'))}"
    with trusting(api, ApiKeyCache(), heard=False):
        assert client.get(path).status_code == 200
        elsewhere.ledger.revoke_key(ROOT, key, None)
        assert seconds_until_refused(client, path) < BEYOND
    events = api.services.ledger.log.events([f"credential:{key}"])
    assert [one.type for one in events] == ["credential.issued.v1", "credential.revoked.v1", "credential.refused.v1"]


def test_a_hint_clears_at_once(api: Api, tenant: Tenant, elsewhere: Services) -> None:
    """Even where a key would be trusted for an hour."""
    key, client = key_of(api, tenant)
    path = f"/v1/files/{tenant.stored(tenant.client('service'))}"
    with trusting(api, ApiKeyCache(seconds=3600), heard=True):
        assert client.get(path).status_code == 200
        elsewhere.ledger.revoke_key(ROOT, key, None)
        assert seconds_until_refused(client, path) < BEYOND


def test_a_command_with_a_key_that_was_revoked_a_moment_ago_is_refused_as_later_ones_are(
    api: Api, tenant: Tenant, elsewhere: Services
) -> None:
    """Its append finds that the credential has moved; nothing is recorded but the use of the key."""
    key, client = key_of(api, tenant)
    file_id = tenant.stored(client)
    with trusting(api, ApiKeyCache(seconds=3600), heard=False):
        assert client.post(f"/v1/files/{file_id}/links", json={}).status_code == 201
        elsewhere.ledger.revoke_key(ROOT, key, None)
        for answer in (
            client.post(f"/v1/files/{file_id}/links", json={}),
            client.get(f"/v1/files/{file_id}/content"),
            tenant.new(client, size=3),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"]
    assert api.services.ledger.log.events([f"credential:{key}"])[-1].type == "credential.refused.v1"


def test_a_revocation_by_this_process_holds_from_its_answer_on(api: Api, tenant: Tenant) -> None:
    """No hint has to arrive for that; it would come some milliseconds later."""
    admin, path = tenant.client("admin"), f"/v1/files/{tenant.stored(tenant.client('service'))}"
    with trusting(api, ApiKeyCache(seconds=3600), heard=True):
        for _ in range(5):
            key, client = key_of(api, tenant)
            assert client.get(path).status_code == 200
            assert admin.delete(f"/v1/keys/{key}").status_code == 204
            assert client.get(path).status_code == 401


def test_a_key_ends_with_its_time_while_it_is_trusted(api: Api, tenant: Tenant) -> None:
    """Each use is compared with the clock."""
    expires = api.clock.now() + timedelta(hours=1)
    issued = api.services.ledger.issue_key(
        ROOT, actor="svc", kind="service", roles=("service",), scope=tenant.id, expires_at=expires
    )
    client = api.anonymous({"Authorization": f"Bearer {issued.key}"})
    with trusting(api, ApiKeyCache(seconds=3600), heard=False):
        assert client.get("/v1/files").status_code == 200
        api.clock.ahead += timedelta(hours=2)
        assert client.get("/v1/files").status_code == 401
    assert api.services.ledger.log.events([f"credential:{issued.id}"])[-1].type == "credential.refused.v1"


def test_a_wrong_secret_is_refused_while_the_key_is_trusted(api: Api, tenant: Tenant) -> None:
    """And leaves no event: it may be anybody's."""
    key, client = key_of(api, tenant)
    assert client.get("/v1/files").status_code == 200
    right = client.headers["Authorization"]
    wrong = api.anonymous({"Authorization": right[:-43] + "A" * 43})
    assert wrong.get("/v1/files").status_code == 401
    assert client.get("/v1/files").status_code == 200
    assert len(api.services.ledger.log.events([f"credential:{key}"])) == 1
