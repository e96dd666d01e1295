"""How an event becomes its row of the audit trail: every event is one, also of a type that this release cannot read.

Pure. Rows never change, but for private values that are erased: an erased one is absent here from the start.
"""

from typing import Final

from provenstore.domain.envelope import Event
from provenstore.domain.event_log import Values
from provenstore.projections.audit_row import AuditRow
from provenstore.projections.private_values import related_of, subjects_of, text_of

_FILE_STREAMS = frozenset({"file", "parts", "access"})


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
        data = vars(event.data)  # types differ in what they have, and one that is not known has nothing
        kind, _, name = event.stream.partition(":")
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
            decision=event.decision,
            file=file,
            mode=data.get("mode") if kind == "access" else None,
            purge=data.get("purge"),
            hold=data.get("hold"),
            link=data.get("link"),
            operation=data.get("operation"),
            code=data.get("code"),
            count=data.get("count"),
            bytes=data.get("size"),
            first=data.get("first"),
            last=data.get("last"),
            address=text_of(values, "address"),
            user_agent=text_of(values, "user_agent"),
            reason=text_of(values, "reason"),
            related=related_of(values) if file else (),
            subjects=subjects_of(values) if file else (),
        )
