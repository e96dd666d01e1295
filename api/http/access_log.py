"""The line that the log keeps of each request: what was asked, by whom, how it ended.

It never holds a name, a key, a signed URL's token, a query string or a header. Of a path only what its route is made of
is shown, and parameters that can be nothing but ids of ours: whatever else stands there was chosen by somebody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from starlette.types import Scope

from provenstore.domain.errors import ProvenstoreError, error_code
from provenstore.domain.eventlog.caller import Caller

_TOLD: Final = "provenstore.told"
_HIDDEN: Final = "…"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")  # a key is longer
_SHOWN: Final[Mapping[str, re.Pattern[str]]] = {
    "file_id": _ID,
    "event_id": _ID,
    "key_id": _ID,
    "hold": _ID,
    "workspace": _SLUG,
    "category": _SLUG,
    "name": _SLUG,
    "act": _SLUG,
    "number": re.compile(r"[0-9]{1,10}"),
    "place": re.compile(r"[0-9x/]{1,64}(?:\.p/[0-9]{1,3})?"),
}
"""What a path's parameters may be to be shown; all others never are."""

_KEY_ID: Final = re.compile(r"pvs_([0-9a-f]{32})_")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Told:
    """What is learnt of a request while it is served."""

    caller: Caller | None = None
    key: str | None = None
    error: ProvenstoreError | None = None


def note_caller(scope: Scope, caller: Caller) -> None:
    """Let the line say who asks."""
    _told(scope).caller = caller


def caller_of(scope: Scope) -> Caller | None:
    """Return who asks, None before that is known."""
    return _told(scope).caller


def note_key(scope: Scope, key: str) -> None:
    """Let the line of a key that is not good name the key by its id, never by its secret."""
    found = _KEY_ID.match(key)
    _told(scope).key = None if found is None else str(UUID(found[1]))


def note_error(scope: Scope, error: ProvenstoreError) -> None:
    """Let the line say why the request was refused, or failed."""
    _told(scope).error = error


def log_access(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    """Write the line of a request that is over: an error for 500, a warning for what else is our fault."""
    told, client, route = _told(scope), scope.get("client"), scope.get("route")
    known: dict[str, str | None] = {"code": None if told.error is None else error_code(told.error)}
    if status == 500 and told.error is None:
        known["code"] = "internal-error"  # answered above us, once this line is written
    if told.caller is not None:
        actor = told.caller.actor
        known |= {"actor": actor.id, "credential": actor.credential, "workspace": told.caller.scope}
    elif told.key is not None:
        known["claimed"] = told.key  # nobody has proven that it is theirs
    say = _log.info if status < 500 else _log.error if status == 500 else _log.warning
    say(
        "request",
        action=f"http.{route.name}" if route is not None else "http.unknown",
        method=scope["method"],
        path=f"/{_HIDDEN}" if route is None else _shown(route.path, scope.get("path_params", {})),
        status=status,
        milliseconds=round(seconds * 1000, 1),
        address=client[0] if client else None,
        request=request_id,
        **{name: value for name, value in known.items() if value is not None},
    )


def _shown(template: str, parameters: Mapping[str, object]) -> str:
    """Return a route's path with those of its parameters that may be shown."""

    def filled(found: re.Match[str]) -> str:
        value, form = str(parameters.get(found[1], "")), _SHOWN.get(found[1])
        return value if form is not None and form.fullmatch(value) else _HIDDEN

    return _PARAMETER.sub(filled, template)


def _told(scope: Scope) -> _Told:
    found: _Told = scope.setdefault(_TOLD, _Told())
    return found
