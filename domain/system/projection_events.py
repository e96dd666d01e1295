"""Operators' decisions about read models: the stream `system:projections` of the ledger's own workspace."""

from typing import ClassVar, Final

from provenstore.domain.eventlog.event_types import REGISTRY, EventData

PROJECTIONS: Final = "system:projections"


@REGISTRY.register
class EventSkipped(EventData):
    """A read model skips an event that it could not process; a rebuild skips the event as well."""

    TYPE: ClassVar[str] = "projection.event_skipped.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    projection: str
    projection_version: int  # a later version takes the event
    position: int  # of the event that is left out
    event: str  # its id
