"""The application service: one method per command, for HTTP, the CLI and the background work alike.

Everything that may be done to a file or a workspace goes through here; no caller can get around the rules, because
the append that records an act is guarded by the very versions the decision saw.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.access.audit_reads import AuditReads
from provenstore.domain.access.content import ContentReader
from provenstore.domain.access.content_verification import ContentVerifier
from provenstore.domain.access.key_list import KeyList
from provenstore.domain.access.links import LinkService, LinkWays
from provenstore.domain.access.provable_events import ProvableEvents
from provenstore.domain.access.reads import AuthorisedReads
from provenstore.domain.administration.short_ids import ShortIds
from provenstore.domain.administration.skipped_events import SkippedEvents
from provenstore.domain.administration.workspaces import Administration
from provenstore.domain.canonical import Json
from provenstore.domain.clock import Clock
from provenstore.domain.custody.authentication import Authentication
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.entropy import Entropy
from provenstore.domain.errors import InvalidInput, Unavailable
from provenstore.domain.eventlog.caller import Caller, Operation, Permits
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import EventLog, Guard, IdempotencyKey
from provenstore.domain.eventlog.on_record import answered
from provenstore.domain.eventlog.recording import first_event
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import APPROVAL_GOOD_FOR, COMPLETION_GRACE, File
from provenstore.domain.removal.erasures import ErasureService
from provenstore.domain.removal.policy_disposal import PolicyDisposal
from provenstore.domain.removal.purges import Purges
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.tenants.workspace import workspace_stream
from provenstore.domain.uploads.cleanup import UploadCleanup
from provenstore.domain.uploads.completion import UploadCompletion
from provenstore.domain.uploads.content_uploads import ContentUploads
from provenstore.domain.uploads.initiation import UploadInitiation
from provenstore.domain.uploads.part_uploads import PartUploads
from provenstore.domain.uploads.small_uploads import SmallUploads

SYSTEM = Caller(Actor("provenstore", "system", "system"), frozenset(), None)
"""This program itself, in its background work."""

_Make = Callable[[datetime], c.FileCommand]


class Ledger:
    """A ledger of custody over one log and one object store. Thread safe."""

    def __init__(  # noqa: PLR0915  # one line for each part and each command
        self,
        log: EventLog,
        store: ObjectStore,
        *,
        clock: Clock,
        entropy: Entropy,
        permits: Permits,
        links: LinkWays | None = None,
    ) -> None:
        """Wire the ports together; `permits` is the permission table, `links` how links are made, if any are."""
        self.log = log
        self.store = store
        self.recorder = Recorder(log, clock, entropy, permits)
        self.identity = StoreIdentity(self.recorder, store)
        self.administration = Administration(self.recorder)
        self.authentication = Authentication(self.recorder)
        self.initiating = UploadInitiation(self.recorder, store)
        self.part_uploading = PartUploads(self.recorder, store)
        self.completing = UploadCompletion(self.recorder, store, self.part_uploading, self.identity)
        self.uploading = ContentUploads(self.recorder, store, self.completing, self.identity)
        self.verifying = ContentVerifier(self.recorder, store, self.identity)
        self.clearing = UploadCleanup(self.recorder, store, self.part_uploading, self.verifying, self.identity)
        self.purging = Purges(self.recorder, store, self.identity)
        self.disposing = PolicyDisposal(self.recorder, self.purging, self.administration, store_name=store.name)
        self.reading = AuthorisedReads(self.recorder)
        self.contents = ContentReader(self.recorder, store, self.reading, self.verifying)
        self.proving = ProvableEvents(self.recorder, self.reading)
        self.key_list = KeyList(self.recorder, self.reading)
        self.linking = LinkService(self.recorder, store, self.reading, self.authentication, links or LinkWays())
        # One method per command, each in the room where its way is described; what it refuses is on record.
        noted = self.recorder.noted
        self.create_workspace = answered(noted("workspace.create", self.administration.create_workspace))
        self.change_workspace = answered(noted("workspace.change", self.administration.change_workspace))
        self.describe_workspace = noted("workspace.get", self.administration.describe_workspace)
        self.list_workspaces = self.administration.list_workspaces
        self.issue_key = answered(noted("credential.issue", self.administration.issue_key))
        self.revoke_key = answered(noted("credential.revoke", self.administration.revoke_key))
        self.authenticate = self.authentication.authenticate
        self.credential, self.bearer = self.authentication.credential, self.authentication.bearer
        self.authenticate_upload = self.authentication.authenticate_upload
        self.initiate = answered(noted("file.initiate", self.initiating.initiate))
        self.write_url = self.initiating.write_url
        self.upload_content = answered(noted("file.upload", self.uploading.upload_content))
        storing = SmallUploads(self.recorder, store, self.initiating, self.uploading, self.identity)
        # Once the file is begun it is found, and gone on with, whatever keeps its content from being stored now.
        self.begin = answered(noted("file.initiate", storing.begin), (Unavailable,))
        self.part_urls = answered(noted("file.upload", self.part_uploading.part_urls))
        self.upload_part = answered(noted("file.upload", self.part_uploading.upload_part))
        self.parts = noted("file.upload", self.part_uploading.parts)
        self.complete_upload = answered(noted("file.upload", self.completing.complete))
        self.abort_upload = answered(noted("file.abort", self.clearing.abort))
        self.verify_content = answered(noted("file.verify", self.verifying.verify))
        self.just_verified = self.verifying.just_verified
        self.request_purge = answered(noted("file.purge_request", self.purging.request))
        self.approve_purge = answered(noted("file.purge_approve", self.purging.approve))
        self.reject_purge = answered(noted("file.purge_reject", self.purging.reject))
        self.withdraw_purge = answered(noted("file.purge_withdraw", self.purging.withdraw))
        self.request_disposal_policy = answered(noted("disposal.request", self.disposing.request_policy))
        self.approve_disposal_policy = answered(noted("disposal.approve", self.disposing.approve_policy))
        self.reject_disposal_policy = answered(noted("disposal.reject", self.disposing.reject_policy))
        self.content = self.contents.content
        self.readable = self.reading.readable
        self.history, self.lifecycle = self.reading.history, self.reading.lifecycle
        self.glance = self.reading.glance
        self.accesses = self.reading.accesses
        self.listable = self.reading.listable
        self.searchable = noted("audit.search", self.reading.searchable)
        self.record_search = self.reading.record_search
        self.filename = self.reading.filename
        self.certificate = noted("file.certificate", self.reading.certificate)
        self.skip_event = answered(noted("projection.change", SkippedEvents(self.recorder).skip))
        self.find_id = ShortIds(self.recorder).find
        self.erasing = ErasureService(self.recorder, self.reading)
        self.preview_erasure = noted("erasure.request", self.erasing.preview)
        self.find_erasure = self.erasing.find
        self.list_erasures = self.erasing.requests
        self.request_erasure = answered(noted("erasure.request", self.erasing.request))
        self.approve_erasure = answered(noted("erasure.approve", self.erasing.approve))
        self.reject_erasure = answered(noted("erasure.approve", self.erasing.reject))
        self.issue_link = answered(noted("file.link", self.linking.issue))
        self.revoke_link = answered(noted("file.link_revoke", self.linking.revoke))
        self.authenticate_link = self.linking.authenticate
        self.redirects = self.linking.redirects
        self.redirect = self.contents.redirect

    @property
    def audit_reads(self) -> AuditReads:
        """Records who reads what of the audit and of private values."""
        return self.proving.reads

    @answered
    def soft_delete(
        self,
        caller: Caller,
        file_id: UUID,
        reason: str | None = None,
        key: IdempotencyKey | None = None,
        *,
        if_version: int | None = None,
    ) -> File:
        """Take the content out of reach; LegalHold, WrongState. PreconditionFailed unless it is at `if_version`."""
        reason = _reason(reason)
        return self.recorder.change(
            caller,
            "file.soft_delete",
            file_id,
            lambda _, now: c.SoftDelete(by=caller.actor, now=now, reason=reason),
            if_version=if_version,
            key=key,
        )

    @answered
    def restore(
        self, caller: Caller, file_id: UUID, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> File:
        """Bring the content back; WrongState once a purge has started."""
        reason = _reason(reason)
        return self._change(
            caller, "file.restore", file_id, key, lambda now: c.Restore(by=caller.actor, now=now, reason=reason)
        )

    @answered
    def change_file(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        values: dict[str, Json] | None = None,
        access: fe.AccessLevel | None = None,
        expiry: tuple[datetime | None] | None = None,
        if_version: int | None = None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Change private values (a whole each), access level and expiry (`(None,)`: never), together or not at all.

        PreconditionFailed unless the file is at `if_version`, where that is given.
        """
        checked = _checked(values or {})
        return self.recorder.change(
            caller,
            "file.change",
            file_id,
            lambda _, now: c.ChangeFile(by=caller.actor, now=now, values=checked, access=access, expiry=expiry),
            if_version=if_version,
            key=key,
        )

    @answered
    def set_retention(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        until: datetime,
        mode: fe.RetentionMode,
        reason: str,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Set or lengthen retention.

        Shortening governance mode, and a compliance retention beyond the workspace's bound, take the same wish of a
        second person; until then it is the file's `retention_wish`.
        """
        text.require_reason(reason)
        return self.recorder.change(
            caller,
            "file.retention",
            file_id,
            lambda file, now: c.SetRetention(
                by=caller.actor, now=now, until=until, mode=mode, reason=reason, bound=self._bound(file)
            ),
            key=key,
        )

    def _bound(self, file: File) -> c.RetentionBound:
        tenant = self.recorder.workspace(file.workspace)
        return c.RetentionBound(tenant.max_retention_years, (Guard(workspace_stream(tenant.id), tenant.version),))

    @answered
    def place_hold(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        name: str,
        reason: str,
        matter: str | None = None,
        key: IdempotencyKey | None = None,
    ) -> tuple[File, str]:
        """Place a legal hold and return its id; it cancels a purge that has not started."""
        text.require_text("name", name, text.MAX_ID_BYTES)
        text.require_reason(reason)
        if matter is not None:
            text.require_text("matter", matter, text.MAX_ID_BYTES)
        hold = str(self.recorder.entropy.event_id())
        file = self._change(
            caller,
            "file.hold",
            file_id,
            key,
            lambda now: c.PlaceHold(by=caller.actor, now=now, hold=hold, name=name, matter=matter, reason=reason),
        )
        if key is not None and key.replay.seen and (known := self.log.recall(key)) is not None:
            placed = first_event(known).data
            hold = placed.hold if isinstance(placed, fe.LegalHoldPlaced) else hold
        return file, hold

    @answered
    def release_hold(
        self, caller: Caller, file_id: UUID, hold: str, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> File:
        """End one hold, as a second person."""
        reason = _reason(reason)
        return self._change(
            caller,
            "file.release",
            file_id,
            key,
            lambda now: c.ReleaseHold(by=caller.actor, now=now, hold=hold, reason=reason),
        )

    def settle(self, file_id: UUID) -> File:
        """Do whatever is due for a file, as the system: finish, expire, clear, purge, look once more.

        Safe to repeat and to race.
        """
        file = self.recorder.file(file_id)
        now = self.recorder.clock.now()
        if file.completion is not None and now - file.completion.at >= COMPLETION_GRACE:
            file = self.completing.finish(SYSTEM, file_id)
        if file.status == "initiated" and not file.held and now >= file.initiated.upload_expires_at:
            if file.completion is None or (file.completion.stray and file.completion_timed_out(now)):
                file = self.clearing.expire(SYSTEM, file_id)
        elif file.upload_ended:
            file = self.clearing.clear(SYSTEM, file_id)
        elif file.status == "stored" and file.expires_at is not None and now >= file.expires_at:
            if not file.held and not file.retained(now):
                file = self._change(
                    SYSTEM, "system.sweep", file_id, None, lambda now: c.Expire(by=SYSTEM.actor, now=now)
                )
        elif file.purge is not None and (file.purge.started or self._may_start(file, now)):
            file = self.purging.carry_out(SYSTEM, file_id)
        return self.clearing.look(SYSTEM, file_id) if self.clearing.due(file, now) else file

    def _may_start(self, file: File, now: datetime) -> bool:
        """Tell whether an approved purge would pass its fresh check: asking in vain every minute would fill the log."""
        if file.purge is not None and file.purge.policy is not None:
            return not file.held and not file.retained(now)
        approved_at = file.purge.approved_at if file.purge else None
        fresh = approved_at is not None and now - approved_at <= APPROVAL_GOOD_FOR
        return fresh and not file.held and not file.retained(now) and self.recorder.purge_objection(file) is None

    def flush(self, *, everything: bool = False) -> None:
        """Record how often refusals have come again, and the ends of accesses that are over; all at shutdown."""
        self.recorder.flush_denials()
        self.contents.flush(everything=everything)

    def _change(
        self, caller: Caller, operation: Operation, file_id: UUID, key: IdempotencyKey | None, make: _Make
    ) -> File:
        return self.recorder.change(caller, operation, file_id, lambda _, now: make(now), key=key)


def _reason(reason: str | None) -> str | None:
    return None if reason is None else text.require_reason(reason)


def _checked(values: dict[str, Json]) -> dict[str, Json]:
    """Return the private values of a change if each is what it must be."""
    checked: dict[str, Json] = {}
    for name, value in values.items():
        match name:
            case "filename":
                checked[name] = text.require_filename(cast(str, value))
            case "metadata":
                checked[name] = cast(Json, text.require_metadata(cast("Mapping[str, str]", value)))
            case "related":
                checked[name] = cast(Json, text.require_related(cast("Sequence[Mapping[str, str]]", value)))
            case "subjects":
                checked[name] = cast(Json, text.require_subjects(cast("Sequence[str]", value)))
            case _:
                raise InvalidInput(name, "cannot be changed")
    return checked
