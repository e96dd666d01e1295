"""The closed registry: the event types, their data, and how old versions are read.

A type is a stable versioned name such as `file.stored.v1`, never a Python path. Unknown types are refused on write
and shown raw on read. A type that was ever written is never removed: it gets an upcast to its successor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, ValidationError

from provenstore.domain.canonical import Json
from provenstore.domain.errors import IntegrityViolated, InvalidInput, UnknownEventType
from provenstore.domain.eventlog.quota import QuotaChange


def format_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC with exactly six decimals; naive times are refused."""
    if moment.tzinfo is None:
        raise InvalidInput("time", "has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


Moment = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str, when_used="json")]
"""A time in an event's data."""


CLIENT: Final = frozenset({"address", "client_request", "user_agent"})
"""Private values in every event of a request: client address, client program, and the client's own request id."""


class EventData(BaseModel):
    """The public fields of one event type, visible to every reader of the log; frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    TYPE: ClassVar[str]
    PRIVATE: ClassVar[frozenset[str]] = CLIENT
    """Names of the private values that this type may have; a type lists its own, and `CLIENT` is added."""
    ERASES: ClassVar[bool] = False
    """Whether events of this type may erase private values of earlier ones."""
    CHANGES: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that replace earlier ones; the field `was` holds the replaced values, null in old events."""
    REPLACES: ClassVar[bool] = False
    """Whether its private values replace earlier ones with the same stream and name."""
    HIDDEN: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that no list or search shows."""
    HEAD: ClassVar[str | None] = None
    """Name of the field into which the append seals another stream's head."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Add the `CLIENT` private values to every type."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.PRIVATE = cls.PRIVATE | CLIENT

    def quota_change(self, workspace: str) -> QuotaChange | None:  # noqa: ARG002  # of those types that move it
        """Return the event's change to its workspace's counter; None by default."""
        return None

    def to_json(self) -> dict[str, Json]:
        """Return the data as JSON values (times RFC 3339, ids as text)."""
        return self.model_dump(mode="json")


class StreamHead(BaseModel):
    """Another stream's newest event at the moment of the append, sealed by the log: version and leaf hash (hex)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    leaf: str


class RawData(EventData):
    """The data of an event whose type this release does not know, as stored in the log."""

    TYPE: ClassVar[str] = ""
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact to record: an event's data, its private values, and how it was decided."""

    data: EventData
    private: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    outcome: str = "ok"
    decision: str | None = None
    """Rule and policy version of the decision, e.g. `purge.four-eyes/1`."""

    def __post_init__(self) -> None:
        """Reject undeclared private values, and a success with the name of a refusal. InvalidInput."""
        if unknown := self.private.keys() - self.data.PRIVATE:
            raise InvalidInput("private", f"{self.data.TYPE} has no private value {min(unknown)!r}")
        if self.outcome == "ok" and self.decision is not None and not reads_as_granted(self.decision):
            raise InvalidInput("decision", f"{self.decision!r} reads as a refusal, and {self.data.TYPE} was allowed")


_REFUSING = frozenset({"refuse", "refuses", "refused", "deny", "denies", "denied", "forbid", "forbids", "forbidden"})


@lru_cache(maxsize=512)
def reads_as_granted(decision: str) -> bool:
    """Tell whether a decision's name can stand for a success; `hold-refuses-delete/1` cannot."""
    return _REFUSING.isdisjoint(decision.partition("/")[0].split("-"))


Upcast = Callable[[dict[str, Json]], dict[str, Json]]
DataClass = TypeVar("DataClass", bound=type[EventData])


class Registry:
    """Event types by name, and the steps from superseded names to current ones."""

    def __init__(self) -> None:
        """Start empty; modules register their event types at import."""
        self._types: dict[str, type[EventData]] = {}
        self._upcasts: dict[str, tuple[str, Upcast]] = {}

    def register(self, data_class: DataClass) -> DataClass:
        """Register a type (usable as a class decorator); ValueError if the name is registered already."""
        name = data_class.TYPE
        if name in self._types or name in self._upcasts:
            raise ValueError(f"event type {name} is registered twice")
        self._types[name] = data_class
        return data_class

    def supersede(self, old: str, new: str, upcast: Upcast) -> None:
        """Read events of type `old` as type `new`, their data passed through `upcast`."""
        if old in self._types or old in self._upcasts:
            raise ValueError(f"event type {old} is registered twice")
        self._upcasts[old] = (new, upcast)

    def require_writable(self, name: str) -> type[EventData]:
        """Return the class for writing `name`; UnknownEventType for unknown and superseded names."""
        try:
            return self._types[name]
        except KeyError:
            raise UnknownEventType(f"event type {name!r} is not in the registry of this release") from None

    def read(self, name: str, data: dict[str, Json]) -> EventData:
        """Return the current form of stored data; RawData for a type this release does not know.

        IntegrityViolated if the data does not fit its type: such data was never valid.
        """
        while name in self._upcasts:
            name, upcast = self._upcasts[name]
            data = upcast(data)
        data_class = self._types.get(name)
        if data_class is None:
            return RawData(fields=data)
        try:
            return data_class.model_validate(data, strict=False)
        except ValidationError as exc:
            raise IntegrityViolated(f"stored data does not fit its type {name}") from exc

    @property
    def names(self) -> frozenset[str]:
        """All names that may be written."""
        return frozenset(self._types)


REGISTRY = Registry()
"""The types of this release; the modules `…_events` fill it when they are imported."""
