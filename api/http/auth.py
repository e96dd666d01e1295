"""Who asks: a Bearer key, and what the request says about itself. Never keeps or logs a key."""

import contextlib
import hashlib
import json
import re
from dataclasses import replace
from functools import partial
from typing import Annotated, cast

from anyio import to_thread
from fastapi import Depends, Header, Request
from starlette.types import Scope

from provenstore.api.acts import log
from provenstore.api.http.access_log import note_caller, note_key
from provenstore.api.http.api_key_cache import ApiKeyCache
from provenstore.api.http.problems import request_id_of
from provenstore.api.services import Services
from provenstore.domain.errors import InvalidInput, Unauthenticated
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.tenants.credential import parse_key
from provenstore.domain.text import require_id

MAX_USER_AGENT = 512
"""Characters kept of what a client calls itself; it is a private value of every event it causes."""

IDEMPOTENCY = "provenstore.idempotency"
"""Where in a request's scope its key is found, which knows whether it was answered before."""

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")  # W3C Trace Context §3.2
_NO_TRACE = "0" * 32


async def services_of(request: Request) -> Services:
    """Return what the lifespan has opened. On the loop: a plain function would be sent to a thread for each request."""
    return cast(Services, request.app.state.services)


def client_request(traceparent: str | None, given: str | None) -> str | None:
    """Return the id that a client gave its request, else its W3C trace id; None for neither, and for an API key."""
    if given is not None and _REQUEST_ID.fullmatch(given) and not given.startswith("pvs_"):
        return given
    found = _TRACE.fullmatch(traceparent or "")
    return None if found is None or found[1] == _NO_TRACE else found[1]


def described(request: Request, caller: Caller) -> Caller:
    """Return the caller with what the request says about where it comes from."""
    note_caller(request.scope, caller)
    agent = request.headers.get("user-agent", "")
    return replace(
        caller,
        request=request_id_of(request),
        client_request=request.scope.get("provenstore.client_request"),
        address=request.client.host if request.client else None,
        user_agent="".join(one for one in agent if one.isprintable())[:MAX_USER_AGENT] or None,
    )


async def prove_key(scope: Scope) -> None:
    """Authenticate a request by its header alone, before a byte of its body is read; Unauthenticated otherwise."""
    request = Request(scope)
    await _authenticated(request, await services_of(request), request.headers.get("authorization"))


async def _authenticated(request: Request, services: Services, authorization: str | None) -> Caller:
    """Return who asks: on the event loop, where the key was proven within the last second and has not ended."""
    key = _bearer(authorization)
    note_key(request.scope, key)
    credential_id, digest = parse_key(key)
    keys: ApiKeyCache = request.app.state.keys
    state = await keys.credential(credential_id, services.ledger.credential)
    caller = services.ledger.bearer(state, digest)
    if caller is not None:
        return described(request, caller)
    # It has ended, by what was read a moment ago: the log says so once more, and the use is recorded.
    return await to_thread.run_sync(services.ledger.authenticate, key, partial(described, request))


def require_unended_key(request: Request) -> None:
    """Refuse, and record, a request whose key has ended since it was proven; Unauthenticated. Asks the log.

    For a command whose append found that the credential has moved.
    """
    services: Services = request.app.state.services
    key = _bearer(request.headers.get("authorization"))
    services.ledger.authenticate(key, partial(described, request))


def _bearer(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("send a key: Authorization: Bearer pvs_…")
    return key.strip()


async def _caller(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    on_behalf_of: Annotated[str | None, Header(alias="Provenstore-On-Behalf-Of")] = None,
    session: Annotated[str | None, Header(alias="Provenstore-Session")] = None,
) -> Caller:
    caller = await _authenticated(request, services, authorization)
    if on_behalf_of is None and session is None:
        return caller
    return replace(
        caller,
        on_behalf_of=None if on_behalf_of is None else require_id("Provenstore-On-Behalf-Of", on_behalf_of),
        session=None if session is None else require_id("Provenstore-Session", session),
    )


async def _reader(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> None:
    if services.settings.log_public:
        return
    caller = await _caller(request, services, authorization)
    await to_thread.run_sync(log.require_reader, services, caller)


async def _idempotency(
    request: Request,
    caller: Annotated[Caller, Depends(_caller)],
    key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> IdempotencyKey | None:
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput("Idempotency-Key", "is not 1 to 255 printable ASCII characters")
    named = IdempotencyKey(caller.principal, key, _fingerprint(request, await request.body()))
    request.scope[IDEMPOTENCY] = named
    return named


def _fingerprint(request: Request, body: bytes) -> bytes:
    """Return SHA-256 over route and body, in one spelling for JSON: a client may write the same request anew."""
    with contextlib.suppress(ValueError, RecursionError):  # what is not JSON, or too deep, is taken as it is
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    parts = (request.method.encode(), request.url.path.encode(), request.url.query.encode(), body)
    return hashlib.sha256(b"\x00".join(parts)).digest()


ServicesIn = Annotated[Services, Depends(services_of)]
CallerIn = Annotated[Caller, Depends(_caller)]
ReaderIn = Annotated[None, Depends(_reader)]
"""For what everybody may see where the log is public."""
KeyIn = Annotated[IdempotencyKey | None, Depends(_idempotency)]
