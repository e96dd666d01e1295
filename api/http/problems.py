"""Problems: every refusal and failure as RFC 9457 `application/problem+json`, with a stable URN per code.

The one place where errors get HTTP statuses. It never shows an internal message, a value that was refused, or a trace.
"""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from provenstore.adapters.postgres.database import ConnectionLost
from provenstore.api.contract.views import error_json
from provenstore.api.http.access_log import caller_of, note_error
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.wording import finding
from provenstore.domain import errors as e
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.on_record import answer_to
from provenstore.domain.storage import objects as o
from provenstore.domain.tenants.credential import credential_stream

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = 2
"""Seconds: what is unavailable is mostly a database that restarts."""


class LengthMissing(e.Refused):
    """Content-Length is missing."""

    code = "length-required"
    advice = "say how long the body is"


class UnsupportedMediaType(e.Refused):
    """Media type or encoding not supported."""

    code = "unsupported-media-type"


class HeaderTimeout(e.Refused):
    """The request header arrives too slowly."""

    code = "header-timeout"


class HeaderTooLarge(e.Refused):
    """The request header is too large."""

    code = "header-too-large"


class Malformed(e.Refused):
    """Malformed request."""

    code = "malformed-request"
    advice = "it is not HTTP or JSON that this API accepts"


STATUSES: Mapping[type[e.ProvenstoreError], int] = {
    e.Refused: 409,
    e.InvalidInput: 422,
    e.InvalidProof: 422,
    e.NotFound: 404,
    e.Unauthenticated: 401,
    e.Forbidden: 403,
    e.SecondPersonRequired: 403,
    e.Gone: 410,
    e.PreconditionFailed: 412,
    e.KeyReused: 422,
    e.ContentMismatch: 422,
    e.ContentTooLarge: 413,
    e.EventTooLarge: 413,
    e.IncompleteBody: 400,
    e.TooSlow: 408,
    HeaderTimeout: 408,
    HeaderTooLarge: 431,
    LengthMissing: 411,
    UnsupportedMediaType: 415,
    e.RangeNotSatisfiable: 416,
    e.UnknownEventType: 422,
    Malformed: 400,
    o.NotSupported: 422,
    o.UrlExpired: 403,
    o.UrlInvalid: 403,
    e.Unavailable: 503,
    e.StorageFull: 507,
    e.Stopped: 500,
    e.ContentDamaged: 409,  # a state of the file: the server is well, and asking again does not help
    e.ProvenstoreError: 500,
}
"""By class; a class that is not here has the status of its nearest ancestor."""

_SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing (RFC 9110 §9.2.1)."""

_log = structlog.get_logger(__name__)


class Unsupported(e.Refused):
    """Method not allowed."""

    code = "method-not-allowed"


class Unexpected(e.Stopped):
    """Internal error."""

    code = "internal-error"
    advice = "the request id finds it in the server's log"


def status_of(error: e.ProvenstoreError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem(
    error: e.ProvenstoreError,
    request_id: str | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to an error."""
    code = status_of(error) if status is None else status
    body: dict[str, Any] = {**error_json(error), "status": code, "request_id": request_id}
    return JsonAnswer(body, code, {**_headers(error), **(headers or {})}, MEDIA_TYPE)


def _headers(error: e.ProvenstoreError) -> dict[str, str]:
    match error:
        case e.Unavailable():
            return {"Retry-After": str(RETRY_AFTER)}
        case e.Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="provenstore"'}
        case e.RangeNotSatisfiable() if "size" in error.details:
            return {"Content-Range": f"bytes */{error.details['size']}"}
    return {}


def add_problem_handlers(app: FastAPI, require_unended_key: Callable[[Request], object]) -> None:
    """Answer every error of `app` with a problem.

    `require_unended_key` refuses and records a request whose key has ended: a command whose append found that the key
    has moved since it was proven is answered as one that came a moment later.
    """
    app.add_exception_handler(e.ProvenstoreError, partial(_refused, require_unended_key))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def request_id_of(request: Request) -> str | None:
    """Return the id that the outermost layer gave the request."""
    found: str | None = request.scope.get("provenstore.request_id")
    return found


def _answered(request: Request, error: e.ProvenstoreError, **how: Any) -> Response:
    """Return the answer to an error of this request, which the access log tells of as well."""
    note_error(request.scope, error)
    caller = caller_of(request.scope)
    if "position" in error.details and (caller is None or caller.scope is not None):
        error.details = {name: value for name, value in error.details.items() if name != "position"}
    return problem(error, request_id_of(request), **how)


def _refused(require_unended_key: Callable[[Request], object], request: Request, error: Exception) -> Response:
    assert isinstance(error, e.ProvenstoreError)  # noqa: S101  # registered for nothing else
    if isinstance(error, e.Conflict) and _names_key(error, caller_of(request.scope)):
        try:
            require_unended_key(request)
        except e.ProvenstoreError as refusal:
            error = refusal
    if request.method not in _SAFE:
        error = answer_to(error)
    elif isinstance(error, ConnectionLost):
        error = e.DatabaseUnavailable()  # there is nothing of which to know whether it was carried out
    if isinstance(error, e.Stopped):
        _log.error("request.stopped", action="request.stop", code=error.code, request=request_id_of(request))
    return _answered(request, error)


def _names_key(conflict: e.Conflict, caller: Caller | None) -> bool:
    """Tell whether what has moved is the credential that the caller has proven by an API key."""
    key = None if caller is None or caller.cause is not None else caller.actor.credential
    return key is not None and conflict.details.get("stream") == credential_stream(key)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return _answered(request, Malformed("the body is not JSON"), status=HTTPStatus.BAD_REQUEST)
    if found[0]["loc"] == ("body",) and isinstance(error.body, bytes):  # given to us unread, so by its type no JSON
        return _answered(
            request, UnsupportedMediaType("the body is not declared as JSON; send Content-Type: application/json")
        )
    return _answered(request, e.InvalidInput(*finding(found)))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    known: e.ProvenstoreError
    headers = error.headers
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            known = e.NotFound("there is no such resource")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            known = Unsupported()
            headers = {"Allow": ", ".join(_allowed(request))}
        case _:
            known = Malformed()
    return _answered(request, known, status=error.status_code, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return all methods that the path takes (RFC 9110 §15.5.6): each is a route of its own here."""
    at = {**request.scope, "method": ""}
    routes = iter_route_contexts(request.app.routes)
    return sorted({one for route in routes if route.matches(at)[0] != Match.NONE for one in route.methods or ()})


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request.failed", action="request.fail", error=type(error).__name__, request=request_id_of(request))
    answer = problem(Unexpected(), request_id_of(request))
    answer.headers["X-Request-Id"] = request_id_of(request) or ""
    # The server drops a connection on which something failed: a client that kept it would lose its next request.
    answer.headers["Connection"] = "close"
    return answer
