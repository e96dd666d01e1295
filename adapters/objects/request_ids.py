"""The ids by which one call can be followed from our request to the store's log and back.

They are carried beside the calls (context variables), so that neither the port nor the domain has to know of requests.
Nothing here is a secret, and nothing is decided by it.
"""

import re
from contextvars import ContextVar
from typing import Any, Final

import structlog

REQUEST: Final = "request"
"""The name under which a request's id is bound to the log (structlog's context), by whoever takes the request."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""What an id may be; it comes from outside."""

_answered: ContextVar[str | None] = ContextVar("store_request", default=None)


def current_request() -> str | None:
    """Return the id of the request that this thread or task works for; None for background work."""
    found = structlog.contextvars.get_contextvars().get(REQUEST)
    return found if isinstance(found, str) else None


def forget_answer() -> None:
    """Before a call: what a store answers from here on is the call's."""
    _answered.set(None)


def answered_by() -> str | None:
    """Return the store's id of the last request that this thread has had an answer to since `forget_answer`."""
    return _answered.get()


def note_answer(parsed: dict[str, Any], **_: object) -> None:  # botocore's hook after each call, refused or not
    """Keep the id under which the store has the request."""
    found = parsed.get("ResponseMetadata", {}).get("RequestId")
    if isinstance(found, str) and _PLAIN.fullmatch(found):
        _answered.set(found)
