"""The scope of an erasure: the private values, their streams, and the event that records it.

An erasure is recorded in the stream whose values it erases. An erasure of a file (`file:x`) also covers `parts:x` and
`access:x`, so that one decision about the file, under its holds, covers its accesses and links.
"""

from typing import ClassVar

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_types import CLIENT, REGISTRY, EventData
from provenstore.domain.files.file_events import PersonalDataErased
from provenstore.domain.privacy.erasure_events import SUBJECT, ErasureCompleted, ErasureRejected

OF_FILES = (
    *("filename", "related", "subjects", "metadata", "reason", "name", "matter"),
    *sorted({"purpose", "recipient"} | CLIENT),  # beside its lifecycle: of its links, and of every request
)
"""Private values of a file's events that may be erased."""

OF_PERSONS = ("address", "addresses", "client_request", "email", "issuer", "name", "reason", "subject", "user_agent")
"""Private values of other streams that may be erased: a person's identity, origin of requests, and free text."""


@REGISTRY.register
class StreamDataErased(EventData):
    """The listed private values of earlier events of this stream are erased together with their salts."""

    TYPE: ClassVar[str] = "personal_data.erased.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})
    ERASES: ClassVar[bool] = True
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"positions"})

    fields: tuple[str, ...]
    events: int  # how many events held such values
    actor: str | None = None  # only of events of this actor; None: of all
    positions: tuple[int, ...] | None = None  # only of the events there; None: of all earlier ones
    erasure: str | None = None  # the request that two persons approved; None in events without one


ErasedBy = PersonalDataErased | StreamDataErased
"""The data of an event that erases values of other events; the end of a request erases only its own."""


def streams_of(stream: str) -> tuple[str, ...]:
    """Return the streams whose values an erasure in `stream` may erase."""
    kind, _, name = stream.partition(":")
    return (stream, f"parts:{name}", f"access:{name}") if kind == "file" else (stream,)


def erases(event: Event, *, stream: str, actor: str, field: str, position: int | None = None) -> bool:
    """Tell whether `event` records the erasure of `field` of an event of `actor` in `stream`, at `position`."""
    data = event.data
    if isinstance(data, ErasureCompleted | ErasureRejected):
        return stream == event.stream and field == SUBJECT
    if not isinstance(data, ErasedBy) or field not in data.fields:
        return False
    if data.positions is not None and position is not None and position not in data.positions:
        return False
    return stream in streams_of(event.stream) and data.actor in (None, actor)
