"""What answers look like, for the OpenAPI description. Documentation only: answers are made by `api.contract.views`.

That they agree is a test's business (schemathesis validates real answers against these).
"""

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from provenstore.domain.administration.short_ids import Kind as IdKind
from provenstore.domain.files import file_events as fe

View: TypeAlias = Literal["default", "full"]
Responses: TypeAlias = dict[int | str, dict[str, Any]]
Text: TypeAlias = str | None
Moment: TypeAlias = datetime | None


class Shape(BaseModel):
    """A closed object."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """A refusal or failure (RFC 9457); further members are details of the code."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="urn:provenstore:problem:<code>", pattern="^urn:provenstore:problem:[a-z0-9-]+$")
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None


class Related(Shape):
    """A business object that a file belongs to."""

    type: str
    id: str


class StandingHold(Shape):
    """A legal hold that stands; name, matter and reason are null for roles that may not see them, and once erased."""

    id: str
    name: Text
    matter: Text
    placed_by: str
    placed_by_reach: Text
    placed_at: datetime
    reason: Text


class ReplacedRetention(Shape):
    """A request for a retention whose place another one took, before a second person had agreed to it."""

    until: datetime
    mode: fe.RetentionMode
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime


class PendingRetention(Shape):
    """A retention that one person asked for, and that takes a second person."""

    until: datetime
    mode: fe.RetentionMode
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime
    reason: Text
    replaced: ReplacedRetention | None


class Retention(Shape):
    """Until when a file is kept, who set that, when and why, and what waits for a second person."""

    until: Moment
    mode: fe.RetentionMode | None
    set_by: Text
    set_by_reach: Text
    set_at: Moment
    reason: Text
    pending: PendingRetention | None


class PendingPurge(Shape):
    """The purge that is under way or was carried out; the reasons are null for roles that may not see them."""

    id: str
    policy: Text
    requested_by: Text
    requested_by_reach: Text
    requested_at: Moment
    reason: Text
    approved_by: Text
    approved_by_reach: Text
    approved_at: Moment
    approval_reason: Text


class PlannedDisposal(Shape):
    """By which disposal policy a deleted or expired file is destroyed, and when."""

    policy: str
    days_since: datetime
    at: datetime


class Checksums(Shape):
    """Digests in hexadecimal."""

    sha256: Text
    md5: Text


class File(Shape):
    """A file; the members with a default are those of `view=full`."""

    id: UUID
    workspace: str
    filename: Text
    size: int | None
    media_type: str
    category: str
    variant: fe.Variant
    status: Literal["initiated", "stored", "soft_deleted", "purged", "aborted", "expired"]
    disposal: Literal["requested", "approved", "purging", "failed"] | None
    path: str
    sha256: Text
    sha256_status: fe.Sha256Status
    damage: Literal["altered", "missing"] | None
    etag: Text
    access: fe.AccessLevel
    owner: str
    owner_reach: Text
    related: list[Related]
    subjects: list[str]
    metadata: dict[str, str]
    created_at: datetime
    stored_at: Moment
    deleted_at: Moment
    deleted_by: Text
    deleted_by_reach: Text
    deletion_reason: Text
    expires_at: Moment
    retention_until: Moment
    retention: Retention | None
    purge: PendingPurge | None
    legal_holds: list[StandingHold]
    version: int
    stored_name: str = ""
    extension: str = ""
    upload_method: fe.UploadMethod = "api"
    checksums: Checksums | None = None
    planned_disposal: PlannedDisposal | None = None
    download_count: int = 0
    last_access: Moment = None
    verified_at: Moment = None


class Upload(Shape):
    """How to send the bytes; the URL may be a permission by itself.

    With the method `multipart` the content goes in `parts` parts of `part_size` bytes, the last one of what is left:
    PUT to `url`/{number}, or POST their numbers to `url` for signed URLs. `parts` is null where no size was declared.
    With the method `form` it goes by POST of multipart/form-data: `fields` in this order, then the content as `file`.
    With all others the content is the body of one PUT.
    """

    method: fe.UploadMethod
    url: str
    headers: dict[str, str]
    fields: dict[str, str] = Field(default_factory=dict)
    part_size: int = 0
    parts: int | None = 0
    expires_at: datetime


class Part(Shape):
    """A part that has arrived: where its bytes stand in the content, and its digests where they are known."""

    number: int
    first: int
    size: int
    etag: str
    md5: Text
    sha256: Text


class Parts(Shape):
    """The parts that have arrived, by number; all but the last have `part_size` bytes."""

    part_size: int
    parts: list[Part]


class PartUrl(Shape):
    """Where one part may be sent, with these headers, by whoever has the URL."""

    number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime


class PartUrls(Shape):
    """A URL for each part that was asked for."""

    parts: list[PartUrl]


class Initiated(Shape):
    """A file and how to send its bytes; null if they came with the request."""

    file: File
    upload: Upload | None


class Files(Shape):
    """A page of a list; `next` is the cursor of the page after it."""

    files: list[File]
    next: Text


class HistoryEvent(Shape):
    """An event: its envelope as it was sealed, and what may be seen of its private values."""

    position: int | None
    leaf_hash: str = Field(pattern="^[0-9a-f]{64}$")
    actor_reach: Text
    event: dict[str, Any]
    disclosures: dict[str, Any]
    decision: Text = Field(description="What was decided, under the name that it has now")
    details: dict[str, Any] = Field(description="The event's data and what it replaced, as in the audit trail")
    filename_then: Text = Field(description="What the file was called when it happened")


class History(Shape):
    """A page of a history; `next` goes into `after`."""

    events: list[HistoryEvent]
    next: int | str | None


class Shown(Shape):
    """A private value and the salt that commits to it."""

    salt: str
    value: Any


class Receipt(Shape):
    """An exact event, its index, the hashes in base64 that lead to the root (the leaf's sibling first), the note."""

    event: str
    index: int
    proof: list[str]
    checkpoint: str
    disclosures: dict[str, Shown]


class StreamProof(Shape):
    """All exact events of a stream, and the proof of the last."""

    events: list[str]
    index: int
    proof: list[str]


class HistoryProof(Shape):
    """A file's streams (file, parts, access), private values by event id, and the note they are proven under."""

    file: UUID
    streams: dict[str, StreamProof]
    disclosures: dict[str, dict[str, Shown]]
    checkpoint: str


class Hold(Shape):
    """A legal hold just placed."""

    id: str


class Holds(Shape):
    """The legal holds that stand."""

    legal_holds: list[StandingHold]


class Link(Shape):
    """A link just issued; the URL is a permission by itself. `observed` says whether its uses are recorded."""

    id: str
    url: str
    expires_at: datetime
    observed: bool
    delivery: Literal["redirect", "stream", "direct"]


class Purge(Shape):
    """A purge as it stands, and what keeps its file; private values are null for roles that may not see them."""

    id: str
    file_id: UUID
    status: Literal["requested", "approved", "purging", "failed", "purged", "rejected", "withdrawn"]
    four_eyes: bool
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime
    reason: Text
    approved_by: Text
    approved_by_reach: Text
    approved_at: Moment
    approval_reason: Text
    ended_by: Text
    ended_by_reach: Text
    ended_at: Moment
    end_reason: Text
    missing: bool
    policy: str | None
    filename: Text
    retention: Retention | None
    legal_holds: list[StandingHold]


class Certificate(Shape):
    """What was destroyed, who asked and agreed, and why; private values are null for roles that may not see them."""

    file_id: UUID
    workspace: str
    provider: str
    path: str
    size: int
    sha256: Text
    found: Literal["object", "altered", "nothing"]
    versions: list[dict[str, Any]]
    count: int
    list_sha256: str
    policy: str | None
    purge: str
    filename: Text
    deleted: dict[str, Any] | None
    retention: dict[str, Any] | None
    legal_holds: list[dict[str, Any]]
    steps: list[dict[str, Any]]


class Quota(Shape):
    """Limits; null is none."""

    max_bytes: int | None
    max_files: int | None


class Used(Shape):
    """What counts against the quota."""

    bytes: int
    files: int


class Category(Shape):
    """A category under the workspace's limits."""

    category: str
    template: str
    max_size: int
    extensions: list[str]
    expires_after: int | None
    allow_empty: bool
    reserve: int
    link_ttl: int
    direct_links: bool


class PolicyChange(Shape):
    """Four eyes are to be switched off: who asked, who agreed, when and why, and when it takes effect."""

    four_eyes: bool
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime
    reason: Text
    approved_by: Text
    approved_by_reach: Text
    approved_at: Moment
    approval_reason: Text
    effective_at: Moment


class ReplacedBound(Shape):
    """A request for a higher bound of retentions whose place another one took."""

    max_retention_years: int
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime


class BoundRequest(Shape):
    """A higher bound of retentions that one person has requested: who, when and why."""

    max_retention_years: int
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime
    reason: Text
    replaced: ReplacedBound | None


class Workspace(Shape):
    """A tenant."""

    id: str
    name: Text
    four_eyes: bool
    pending: PolicyChange | None
    max_retention_years: int
    pending_retention: BoundRequest | None
    quota: Quota
    used: Used
    categories: list[Category]
    version: int


class WorkspaceId(Shape):
    """A tenant in a list."""

    id: str


class Workspaces(Shape):
    """A page of tenants; `next` goes into `after`."""

    workspaces: list[WorkspaceId]
    next: Text


class Key(Shape):
    """A key, shown once."""

    id: UUID
    key: str


class FoundId(Shape):
    """An id that was completed from its first digits."""

    kind: IdKind
    id: str


class Health(Shape):
    """The process lives."""

    status: Literal["ok"]


class Load(Shape):
    """How much of what is limited in a process is taken."""

    used: int
    limit: int


class Readiness(Shape):
    """What answers, by name: `ok`, or the code of what is wrong."""

    status: Literal["ok", "busy", "unavailable"]
    checks: dict[str, str]
    load: dict[str, Load]


PROBLEM: Final[Responses] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_BYTES: Final[dict[str, Any]] = {
    "description": "Content, with its own media type",
    "content": {"application/octet-stream": _BINARY, "*/*": _BINARY},
}
_NO_RANGE: Final[dict[str, Any]] = {**PROBLEM["default"], "description": "The range lies outside the content"}
_NOTHING: Final[dict[str, Any]] = {"description": "The caller has it"}

CONTENT: Final[Responses] = {200: _BYTES, 206: _BYTES, 304: _NOTHING, 416: _NO_RANGE, **PROBLEM}
LINKED: Final[Responses] = {
    **CONTENT,
    307: {"description": "The content is at the URL in Location, of the object store, for a minute at most"},
}
BINARY_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}
}


class FoundValues(Shape):
    """How many private values of one name stand in streams of one kind."""

    kind: str
    field: str
    values: int


class ErasurePreview(Shape):
    """What an erasure would erase now."""

    found: list[FoundValues]
    files: int


class ErasureReport(Shape):
    """What was erased."""

    found: list[FoundValues]
    values: int
    files_held: int
    list_sha256: str


class Erasure(Shape):
    """A request to erase private values; what it searches for is never shown."""

    id: UUID
    workspace: str
    file_id: UUID | None
    filename: Text
    legal_holds: list[StandingHold]
    actor: Text
    fields: list[str]
    status: Literal["requested", "approved", "completed", "rejected", "withdrawn", "expired"]
    requested_by: str
    requested_by_reach: Text
    requested_at: datetime
    reason: Text
    approved_by: Text
    approved_by_reach: Text
    approved_at: Moment
    approval_reason: Text
    expires_at: datetime
    ended_by: Text
    ended_by_reach: Text
    ended_at: Moment
    end_reason: Text
    found: list[FoundValues]
    files: int
    report: ErasureReport | None


class Erasures(Shape):
    """A page of requests; `next` goes into `after`, null at the end."""

    erasures: list[Erasure]
    next: UUID | None


def ok(shape: type[Shape]) -> Responses:
    """Return the answers of a route that answers 200 or a problem."""
    return {200: {"model": shape}, **PROBLEM}


def either(shape: type[Shape], other: type[Shape]) -> Responses:
    """Return the answers of a route that answers one of two documents, or a problem."""
    return {200: {"model": shape | other}, **PROBLEM}


def created(shape: type[Shape]) -> Responses:
    """Return the answers of a route that makes something."""
    return {201: {"model": shape}, **PROBLEM}


def done_or_pending(shape: type[Shape]) -> Responses:
    """Return the answers of a route whose act may have to wait for a second person."""
    waiting = {"model": shape, "description": "Waits for a second person, for its day, or for the object store"}
    return {200: {"model": shape}, 202: waiting, **PROBLEM}


def begun(shape: type[Shape]) -> Responses:
    """Return the answers of a route that begins what takes a while."""
    return {202: {"model": shape}, **PROBLEM}


def conditional(shape: type[Shape]) -> Responses:
    """Return the answers of a route that knows what the caller has."""
    return {**ok(shape), 304: _NOTHING}


SIGNED_PUT: Final[Responses] = {200: {"model": File | Part}, **PROBLEM}
