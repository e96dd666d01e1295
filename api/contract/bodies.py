"""What requests may say: one closed model per body. Shapes only; limits that have a reason stand in the domain."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from provenstore.domain.canonical import MAX_INTEGER
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.caller import Role
from provenstore.domain.files import file_events as fe
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.storage.objects import PartRef
from provenstore.domain.storage.store_call import Outcome as CallOutcome
from provenstore.domain.storage.store_call import StoreAct
from provenstore.domain.storage.upload_sizes import MAX_AT_HAND
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.disposal import DEFAULT_DAYS, MAX_DAYS
from provenstore.domain.tenants.retention_policy import MAX_RETENTION_YEARS
from provenstore.domain.transparency.merkle import MAX_SIZE
from provenstore.domain.uploads.initiation import NewFile
from provenstore.projections.files.jobs import Kind

AccessLevel = Annotated[fe.AccessLevel, WithJsonSchema({"type": "string", "enum": ["private", "workspace"]})]
"""What may be asked for; the domain says why `public` is refused."""

_MONTH = "[0-9]{4}-(0[1-9]|1[0-2])"
POSITION = r"^([0-9]{1,16}|[A-Za-z0-9_-]{32,48})$"
_DIGITS = re.compile(r"[0-9]{1,16}")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _text_only(value: Any) -> Any:
    """Refuse what pydantic would take for seconds since 1970."""
    if not isinstance(value, str | datetime):
        raise ValueError("is not a time such as 2026-11-20T15:04:05Z")
    return value


def _in_range(value: datetime) -> datetime:
    """Refuse times that leave the calendar when they are brought to UTC."""
    if not _EARLIEST < value < _LATEST:
        raise ValueError("is not between the years 1970 and 9000")
    return value.astimezone(UTC)


def _plain(value: Any) -> Any:
    """Refuse what pydantic would take for a number: 1.0, +1, 1_0, digits of other scripts."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("is not a number in plain decimal digits")
    return value


def _whole(value: Any) -> Any:
    """Take 5.0 for 5: to JSON Schema, as to JavaScript, they are the same integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _month(value: Any) -> Any:
    """Say what a month is, which its pattern would only show."""
    if not isinstance(value, str) or not re.fullmatch(_MONTH, value):
        raise ValueError("is not a month such as 2026-11")
    return value


def _bytes(value: Any) -> Any:
    """Read Base64 (RFC 4648 §4) strictly: what is skipped in silence would be missing from the content."""
    if not isinstance(value, str):
        raise ValueError("is not a text in Base64")
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not Base64") from None
    # Bits left over after the last byte must be none: the decoder drops them.
    if base64.b64encode(found).decode("ascii") != value:
        raise ValueError("is not Base64")
    return found


def _number_too(value: Any) -> Any:
    """Take a number as it is written: a position of the whole ledger is one."""
    return str(value) if isinstance(value, int) else value


_YEARS = "^(19[7-9][0-9]|[2-8][0-9]{3})-"  # from _EARLIEST to _LATEST

# Limits before what reads a value: only then does a schema have them.
Position = Annotated[str, Field(pattern=POSITION), BeforeValidator(_number_too)]
"""A position of the log, or the mark that keys of one workspace get in its place."""
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_text_only),
    AfterValidator(_in_range),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _YEARS}),
]
Month = Annotated[str, Field(pattern=f"^{_MONTH}$"), BeforeValidator(_month)]
PartNumber = Annotated[int, BeforeValidator(_plain)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER), BeforeValidator(_whole)]
Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS), BeforeValidator(_whole)]
Years = Annotated[int, Field(strict=True, ge=1, le=MAX_RETENTION_YEARS), BeforeValidator(_whole)]
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Base64 = Annotated[
    bytes,
    BeforeValidator(_bytes),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "maxLength": -(-MAX_AT_HAND // 3) * 4}),
]


class Body(BaseModel):
    """A closed object: a field that is not listed is a mistake that the caller should hear of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def sent(self) -> dict[str, Any]:
        """Return the fields that the request named, null ones too."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class RelatedBody(Body):
    """A business object that a file belongs to."""

    type: Text
    id: Text


class NewFileBody(Body):
    """Initiates an upload, or stores a small file at once: `content` is all of it, in Base64, at most 256 KiB."""

    workspace: Text
    filename: Text
    size: Count | None = None
    media_type: Text
    category: Text
    variant: fe.Variant = "original"
    upload: Literal["auto", "api", "presigned", "form", "multipart"] = "auto"
    sha256: Text | None = None
    md5: Text | None = None
    access: AccessLevel = "private"
    related: tuple[RelatedBody, ...] = ()
    subjects: tuple[Text, ...] = ()
    metadata: dict[str, Text] = Field(default_factory=dict)
    placement: dict[str, Text] = Field(default_factory=dict)
    expires_at: Time | None = None
    content: Base64 | None = Field(default=None, repr=False)

    def new_file(self) -> NewFile:
        """Return what is said about the file, without its content."""
        said = self.sent()
        said.pop("content", None)
        if "related" in said:
            said["related"] = tuple(one.model_dump() for one in self.related)
        return NewFile(**said)


class PartsBody(Body):
    """Asks where parts may be sent, by their numbers."""

    parts: tuple[Count, ...]


class PartBody(Body):
    """A part as its sender knows it; the ETag as it was answered, with or without its quotes."""

    number: Count
    etag: Text


class CompletionBody(Body):
    """Completes an upload: of these parts, or of all that have arrived."""

    parts: tuple[PartBody, ...] | None = None
    sha256: Text | None = None

    @field_validator("parts")
    @classmethod
    def _once(cls, value: tuple[PartBody, ...] | None) -> tuple[PartBody, ...] | None:
        if value is not None and not value:
            raise ValueError("are none; leave them out to mean all that have arrived")
        if value is not None and len({one.number for one in value}) < len(value):
            raise ValueError("name a part twice")
        return value

    def refs(self) -> tuple[PartRef, ...] | None:
        """Return the parts as the domain has them, in order."""
        if self.parts is None:
            return None
        return tuple(PartRef(one.number, one.etag.strip('"')) for one in sorted(self.parts, key=lambda one: one.number))


class ChangeBody(Body):
    """Changes what is named; `expires_at` null means never."""

    filename: Text | None = None
    metadata: dict[str, Text] | None = None
    related: tuple[RelatedBody, ...] | None = None
    subjects: tuple[Text, ...] | None = None
    access: AccessLevel | None = None
    expires_at: Time | None = None

    @field_validator("filename", "metadata", "related", "subjects", "access")
    @classmethod
    def _named(cls, value: object) -> object:
        """Refuse null where it would read as a wish to remove what cannot be removed."""
        if value is None:
            raise ValueError("is null; send an empty value, or leave it out")
        return value

    def changes(self) -> dict[str, Any]:
        """Return what `Ledger.change_file` takes: private values, access level and expiry."""
        said = self.sent()
        values: dict[str, Any] = {name: said[name] for name in ("filename", "metadata") if name in said}
        if self.subjects is not None:
            values["subjects"] = list(self.subjects)
        if self.related is not None:
            values["related"] = [one.model_dump() for one in self.related]
        expiry = (self.expires_at,) if "expires_at" in said else None
        return {"values": values, "access": self.access, "expiry": expiry}


class ReasonBody(Body):
    """Why."""

    reason: Text | None = None


class PurgeRequestBody(ReasonBody):
    """Why, and whether the object is known to be missing."""

    missing: bool = False


class PurgeBody(Body):
    """Why, and which purge is meant; without an id the one under way."""

    reason: Text | None = None
    id: Text | None = None


class RetentionBody(Body):
    """Sets, lengthens, or asks to shorten a retention."""

    until: Time
    mode: fe.RetentionMode
    reason: Text


class HoldBody(Body):
    """Places a legal hold."""

    name: Text
    matter: Text | None = None
    reason: Text


class ErasureBody(Body):
    """Asks for private values of one file to be erased."""

    fields: tuple[Text, ...]
    reason: Text


class WantedBody(Body):
    """Says what to erase: a value wherever it stands, or what was recorded of an actor, or both."""

    subject: Text | None = None
    actor: Text | None = None
    workspace: Text | None = None
    fields: tuple[Text, ...] = ()

    def wanted(self) -> Wanted:
        """Return it as the ledger takes it."""
        return Wanted(workspace=self.workspace, subject=self.subject, actor=self.actor, fields=self.fields)


class NewErasureBody(WantedBody):
    """Asks for an erasure."""

    reason: Text


class LinkBody(Body):
    """Asks for a link; without a ttl (seconds) it lives 10 minutes."""

    ttl: Count | None = None
    purpose: Text | None = None
    recipient: Text | None = None
    disposition: fe.Disposition = "attachment"
    delivery: Literal["redirect", "stream"] | None = None
    observed: Flag = True


class QuotaBody(Body):
    """A quota; null is no limit."""

    max_bytes: Count | None = None
    max_files: Count | None = None


class NewWorkspaceBody(QuotaBody):
    """Makes a tenant."""

    id: Text
    name: Text | None = None
    four_eyes: Flag = True


class WorkspaceBody(Body):
    """Changes a quota, the bound of retention, or the purge policy with a reason; what is not named stays."""

    max_bytes: Count | None = None
    max_files: Count | None = None
    four_eyes: Flag | None = None
    max_retention_years: Years | None = None
    reason: Text | None = None

    def commands(self) -> list[ws.WorkspaceCommand]:
        """Return what is to be done."""
        commands: list[ws.WorkspaceCommand] = []
        if quota := self.model_dump(include={"max_bytes", "max_files"}, exclude_unset=True):
            commands.append(ws.SetQuota(**quota))
        if self.four_eyes is not None:
            if self.reason is None:
                raise InvalidInput("reason", "is missing; changing four_eyes requires a reason")
            commands.append(ws.SetPurgePolicy(four_eyes=self.four_eyes, reason=self.reason))
        if self.max_retention_years is not None:
            commands.append(ws.SetRetentionPolicy(max_years=self.max_retention_years, reason=self.reason))
        return commands


class LimitsBody(Body):
    """Limits of a category; what is missing or null is as built in. `extensions` of `["*"]` is every type."""

    max_size: Count | None = None
    extensions: tuple[Text, ...] | None = None
    expires_after: Count | None = None
    allow_empty: Flag | None = None
    reserve: Count | None = None
    link_ttl: Count | None = None
    direct_links: Flag | None = None

    def limits(self) -> we.Limits:
        """Return them as the domain has them."""
        return we.Limits(**self.model_dump())


class CategoryBody(Body):
    """Registers a category of the workspace's own."""

    category: Text
    template: Text
    limits: LimitsBody = LimitsBody()


class NewKeyBody(Body):
    """Issues a key; without a workspace it reaches the whole ledger."""

    actor: Text
    kind: Literal["service", "person"]
    roles: tuple[Role, ...]
    workspace: Text | None = None
    expires_at: Time | None = None
    name: Text | None = None
    email: Text | None = None


class ListQuery(Body):
    """Narrows a list of files; every condition must hold."""

    workspace: str | None = None
    category: str | None = None
    variant: fe.Variant | None = None
    status: Literal["initiated", "stored", "soft_deleted", "purged", "aborted", "expired"] | None = None
    filename: str | None = None
    filename_prefix: str | None = None
    filename_contains: str | None = None
    media_type: str | None = None
    min_size: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    max_size: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    owner: str | None = None
    related_type: str | None = None
    related_id: str | None = None
    subject: str | None = None
    held: bool | None = None
    created_from: Time | None = None
    created_before: Time | None = None
    stored_from: Time | None = None
    stored_before: Time | None = None
    deleted_from: Time | None = None
    deleted_before: Time | None = None
    expires_from: Time | None = None
    expires_before: Time | None = None
    retained_until: Time | None = None
    unretained_at: Time | None = None
    retention_mode: fe.RetentionMode | None = None
    metadata_key: str | None = None
    metadata_value: str | None = None
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    min_position: Position | None = None
    fresh: bool = False  # wait until the list has seen everything that was recorded before it was asked for


class WorkspaceUsageQuery(Body):
    """Says by what a workspace's usage is told apart."""

    by: Literal["owner", "category", "provider", "month"] | None = None
    month: Month | None = None
    after: str = ""
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    min_position: Position | None = None
    fresh: bool = False  # wait until the usage has seen everything that was recorded before it was asked for


class UsageQuery(WorkspaceUsageQuery):
    """Says by what the usage of the whole ledger is told apart."""

    by: Literal["workspace", "owner", "category", "provider", "month"] | None = None  # type: ignore[assignment]  # one more


class JobsQuery(Body):
    """Narrows a list of background work."""

    kind: tuple[Kind, ...] = ()
    workspace: str | None = None
    upcoming: bool = False
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class DisposalPolicyBody(Body):
    """Asks for a disposal policy, with a reason; days of null mean that nothing of the category is destroyed by one."""

    category: Text
    after_days: Days | None = DEFAULT_DAYS
    reason: Text


class DisposalDecisionBody(Body):
    """Says why, which is kept as an erasable private value."""

    reason: Text | None = None


class DisposalDueQuery(Body):
    """Narrows what disposal policies destroy; `after_days` supposes policies of so many days."""

    category: str | None = None
    after_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None
    before: Time | None = None
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class OperationsQuery(Body):
    """Says which calls to the object store to sum up; without a time, those of the last 24 hours."""

    since: Time | None = None
    before: Time | None = None
    provider: str | None = None
    kind: StoreAct | None = None


class CallsQuery(OperationsQuery):
    """Says which single calls to list."""

    outcome: CallOutcome | None = None
    request: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class RebuildBody(Body):
    """Says whether the rows that are built are only compared with the live ones."""

    compare: Flag = False


class RequiredReasonBody(Body):
    """Says why; kept as an erasable private value."""

    reason: Text


class RowsQuery(Body):
    """Says of which moment, and of which rows."""

    at: Text
    key: tuple[Text, ...] = ()
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000


class ConsistencyQuery(Body):
    """Says between which sizes; without `to`, up to the newest checkpoint."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False)

    old: Annotated[int, Field(alias="from", ge=0, le=MAX_SIZE)]
    new: Annotated[int | None, Field(alias="to", ge=0, le=MAX_SIZE)] = None


class RangeQuery(Body):
    """Says between which sizes of the log; without `to`, as far as one answer goes."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=False)

    begin: Annotated[int, Field(alias="from", ge=0, le=MAX_SIZE)]
    end: Annotated[int | None, Field(alias="to", ge=1, le=MAX_SIZE)] = None


class ListProofQuery(Body):
    """Says up to which number, by default as far as is signed, and which page."""

    through: Annotated[int | None, Field(ge=1, le=MAX_INTEGER)] = None
    after: Annotated[int, Field(ge=0, le=MAX_INTEGER)] = 0
    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000


class RunBody(Body):
    """Says where to do a round; without a workspace, wherever the key reaches."""

    workspace: Text | None = None
