"""The events of a request to erase private values: requested by one person, approved by a second, carried out.

The search term is a private value of the request, and is erased when the request is over.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from provenstore.domain.eventlog.event_types import REGISTRY, EventData

SUBJECT = "subject"
"""Name of the private value with the search term of a request."""


class FoundValues(BaseModel):
    """The number of private values with one name in streams of one kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str  # of the streams, such as access
    field: str
    values: int


@REGISTRY.register
class ErasureRequested(EventData):
    """An erasure was requested; values recorded after `upto` are not part of it."""

    TYPE: ClassVar[str] = "erasure.requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({SUBJECT, "reason"})
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"upto"})

    erasure: str  # id of the request
    file: str | None  # of this file alone; None: of all files and other streams of the workspace
    actor: str | None  # what is recorded of this actor
    fields: tuple[str, ...]  # under these names alone; empty: under every name
    upto: int  # position of the newest event that is searched
    found: tuple[FoundValues, ...]  # what would be erased
    files: int  # how many files hold such values


@REGISTRY.register
class ErasureApproved(EventData):
    """A second person approved the erasure: from here it is carried out."""

    TYPE: ClassVar[str] = "erasure.approved.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    erasure: str


@REGISTRY.register
class ErasureRejected(EventData):
    """The request ended without an erasure; only its search term was erased."""

    TYPE: ClassVar[str] = "erasure.rejected.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})
    ERASES: ClassVar[bool] = True

    erasure: str
    because: Literal["rejected", "withdrawn", "expired"]


@REGISTRY.register
class ErasureCompleted(EventData):
    """All values found by the request are erased, except those under legal holds."""

    TYPE: ClassVar[str] = "erasure.completed.v1"
    ERASES: ClassVar[bool] = True

    erasure: str
    found: tuple[FoundValues, ...]  # what was erased
    held: int  # files of which nothing was erased, since a legal hold refused it
    list_sha256: str  # hex, of a line `<position> <field>` for each value, in order
