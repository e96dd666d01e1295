"""What operators decide about read models: the stream `system:projections` of the ledger's own workspace."""

from typing import ClassVar, Final

from provenstore.domain.eventlog.event_types import REGISTRY, EventData

PROJECTIONS: Final = "system:projections"


@REGISTRY.register
class EventSkipped(EventData):
    """A read model goes on without an event that it could not take; whoever folds it anew leaves it out as well."""

    TYPE: ClassVar[str] = "projection.event_skipped.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    projection: str
    projection_version: int  # a later version takes the event
    position: int  # of the event that is left out
    event: str  # its id
