"""From a problem+json answer (RFC 9457) back to the typed error that the server raised.

An answer that is not a problem, or has a code of a newer server, still becomes the right kind by its status.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from provenstore.domain.errors import InvalidInput, ProvenstoreError, Refused, Stopped, Unavailable
from provenstore.domain.storage import objects

TYPE_PREFIX = "urn:provenstore:problem:"

_BUSY = frozenset({408, 425, 429, 502, 503, 504, 507})
_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code"})
_PARAMETERS = frozenset({"self", "message"})  # of our errors' constructors; no detail of ours has such a name


def error_of(status: int, problem: Mapping[str, Any]) -> ProvenstoreError:
    """Return the error that a refused request stands for, with its code, sentence and public details."""
    code = str(problem.get("code") or str(problem.get("type", "")).removeprefix(TYPE_PREFIX))
    message = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    details = {
        name: value
        for name, value in problem.items()
        if name not in _MEMBERS | _PARAMETERS and name.isidentifier() and isinstance(value, str | int | None)
    }
    kind = _codes().get(code, _kind(status))
    if issubclass(kind, InvalidInput):
        field = str(details.pop("field", "request"))
        return kind(field, message.removeprefix(f"{field}: "), **details)
    return kind(message, **details)


def _kind(status: int) -> type[ProvenstoreError]:
    if status in _BUSY:
        return Unavailable
    return Refused if 400 <= status < 500 else Stopped


def _codes() -> dict[str, type[ProvenstoreError]]:
    # The refusals of object stores are defined beside their port; naming one makes sure that they are known.
    known = {objects.NotSupported.code: objects.NotSupported}
    # The most general kind of a code counts: what a store found is not told apart over HTTP.
    return {kind.code: kind for kind in reversed([*_family(ProvenstoreError)])} | known


def _family(kind: type[ProvenstoreError]) -> Iterator[type[ProvenstoreError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _family(below)
