"""How an event becomes its row of the audit trail: every event is one, also of a type that this release cannot read.

Pure. Rows never change, but for private values that are erased: an erased one is absent here from the start.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from provenstore.domain.eventlog.details import public_details, public_fields
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Values
from provenstore.domain.eventlog.event_types import EventData
from provenstore.domain.files.decided import read_decision
from provenstore.projections.audit.row import AuditRow
from provenstore.projections.engine.private_values import related_of, subjects_of, text_of

_FILE_STREAMS = frozenset({"file", "parts", "access"})

_COLUMNS: Final[Mapping[str, type]] = {
    "purge": str, "hold": str, "link": str, "operation": str, "code": str, "path": str, "count": int, "size": int,
    "first": int, "last": int, "mode": str, "sha256": str,
}  # fmt: skip
"""Fields of events that have a column, whatever the type, and of what kind they are there."""

_ONLY_IN: Final = {"mode": "access", "sha256": "file"}
"""Of these only in streams of this kind: elsewhere they mean something else."""

TOP: Final = frozenset({"address", "user_agent", "client_request", "reason"})
"""Private values that have a column."""


class AuditFold:
    """The fold of the whole log into one row per event, keyed by its position."""

    private: Final = True
    adds: Final = True

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return the event's position."""
        return (str(event.position),)

    def fold(self, key: str, row: AuditRow | None, event: Event, values: Values) -> AuditRow | None:
        """Return the event's row."""
        del key, row
        kind, _, name = event.stream.partition(":")
        data = vars(event.data)  # types differ in what they have, and one that is not known has nothing
        own = _own(data, kind)
        file = name if kind in _FILE_STREAMS else data.get("file")
        return AuditRow(
            position=event.position,
            id=str(event.id),
            type=event.type,
            stream=event.stream,
            workspace=event.workspace,
            time=event.time,
            occurred=event.occurred,
            actor=event.actor.id,
            actor_kind=event.actor.kind,
            via=event.actor.via,
            credential=event.actor.credential,
            on_behalf_of=event.on_behalf_of,
            session=event.session,
            request=event.request,
            cause=None if event.cause is None else str(event.cause),
            outcome=event.outcome,
            decision=read_decision(event.type, event.decision),
            file=file,
            bytes=own.pop("size", None),
            details=_rest(event.data, kind),
            address=text_of(values, "address"),
            user_agent=text_of(values, "user_agent"),
            client_request=text_of(values, "client_request"),
            reason=text_of(values, "reason"),
            related=related_of(values) if file else (),
            subjects=subjects_of(values) if file else (),
            values=tuple((name, values.get(name)) for name in sorted(event.private.keys() - TOP)),
            **own,
        )


def _own(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what an event has for the columns; a field of another kind than its column is no such field."""
    return {
        name: value
        for name, of in _COLUMNS.items()
        if type(value := data.get(name)) is of and _ONLY_IN.get(name, kind) == kind
    }


def _rest(data: EventData, kind: str) -> Mapping[str, Any] | None:
    """Return the public data that no column holds, None for nothing: most events have only what is in columns."""
    if _in_columns(type(data), kind):
        return None
    own = _own(vars(data), kind).keys() | {"file"}
    absent = [name for name in _COLUMNS if _ONLY_IN.get(name, kind) == kind]
    shown = public_details(data).items()
    rest = {name: value for name, value in shown if name not in own and not (value is None and name in absent)}
    return rest or None


@lru_cache(maxsize=512)
def _in_columns(data_class: type[EventData], kind: str) -> bool:
    """Tell whether columns hold everything that events of a class show in streams of a kind."""
    return public_fields(data_class) <= {"file", *(name for name in _COLUMNS if _ONLY_IN.get(name, kind) == kind)}
