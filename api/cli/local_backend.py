"""`Custody` over a data directory: the same acts as the HTTP API, called in this process as the system user.

Reach over the directory's files is the permission: whoever can open it could read them anyway. Each system user is one
subject, so a second person is another user, never the same one twice.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar
from uuid import UUID

import structlog
from pydantic import ValidationError

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.serving import served_at
from provenstore.adapters.objects.request_ids import REQUEST
from provenstore.api.acts import (
    audit,
    disposal,
    erasures,
    jobs,
    log,
    operations,
    projections,
    proofs,
    short_ids,
    usage,
    workspaces,
)
from provenstore.api.acts.existing import require_workspace
from provenstore.api.acts.file_lists import file_filter
from provenstore.api.cli.backend import Decision, DisposalDecision, Document, ErasureDecision, IdKind, ProjectionAct
from provenstore.api.cli.in_time import in_time
from provenstore.api.contract import bodies, views
from provenstore.api.contract.audit_question import AuditQuery
from provenstore.api.http.wording import finding
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.system_user import system_user
from provenstore.api.wiring import open_services
from provenstore.domain.access.links import LinkWish
from provenstore.domain.errors import AlreadyExists, InvalidInput, PreconditionFailed, Unsigned
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.files.file import File
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants import workspace as ws
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.row import View

Parsed = TypeVar("Parsed", bound=bodies.Body)


@contextmanager
def open_local(data_dir: Path | None, *, make: bool) -> Iterator["LocalBackend"]:
    """Open the ledger in a data directory (by default the one of the settings) for one command.

    With `make` a directory that is not there is made; a command that only reads says that it is not there.
    """
    settings = load_settings(data_dir=data_dir)
    # No sweeping: background work belongs to `serve`, and a command should not do other people's deletions.
    caller = system_user()
    with (
        open_services(settings, sweep=False, make=make, store=False) as services,
        structlog.contextvars.bound_contextvars(**{REQUEST: caller.request}),
    ):
        yield LocalBackend(services, caller)


_LONG = frozenset(
    {
        *("upload", "send", "upload_part", "complete", "content", "verify_content"),
        *("history", "receipt", "history_proof", "workspace_proof", "range_proof", "consistency_proof", "log_resource"),
        *("erase", "preview_erasure", "request_erasure", "erasures", "erasure", "decide_erasure"),
        *("jobs", "run_jobs", "retry_job", "rows", "differences", "publish_log", "rotate_log_keys"),
        *("begin_log_anew", "clear_log_alarm"),
    }
)
"""What has no deadline, as over HTTP (`api.http.envelope.LONG`)."""


@in_time(but=_LONG)
class LocalBackend:
    """A ledger in this process. See `Custody` for what each method answers."""

    def __init__(self, services: Services, caller: Caller) -> None:
        """Act on `services` as `caller`."""
        self._services = services
        self._ledger = services.ledger
        self._caller = caller
        self._making = Lock()

    # -- content -------------------------------------------------------------------------------------------

    def initiate(self, new: Document, key: str | None = None) -> Document:
        """Begin a file; there is no URL to send its bytes to, so "upload" names only the method."""
        body = _parse(bodies.NewFileBody, new)
        named = None if key is None else IdempotencyKey(self._caller.principal, key, _fingerprint(new))
        way: Literal["api", "multipart"] = "multipart" if body.upload == "multipart" else "api"
        begun = self._ledger.begin(self._caller, replace(body.new_file(), upload=way), body.content, named)
        upload = None if begun.at_hand else {"method": begun.file.initiated.upload}
        return {"file": self._file(begun.file), "upload": upload, "replayed": begun.replayed}

    def upload(self, file_id: str, body: Iterable[bytes], *, size: int | None, media_type: str) -> Document:
        """Store the whole content; the media type is the declared one, and only HTTP has to say it again."""
        del media_type
        return self._file(self._ledger.upload_content(self._caller, UUID(file_id), body, size=size))

    def send(
        self, begun: Document, body: Callable[[int, int], Iterable[bytes]], *, size: int, sha256: str | None = None
    ) -> Document:
        """Store the whole content: here there is no other way. The SHA-256 was declared, and is compared with that."""
        del sha256
        return self.upload(begun["file"]["id"], body(0, size), size=size, media_type=begun["file"]["media_type"])

    def upload_part(self, file_id: str, number: int, body: Iterable[bytes], *, size: int) -> Document:
        """Store one part."""
        return views.part_json(self._ledger.upload_part(self._caller, UUID(file_id), number, body, size=size))

    def parts(self, file_id: str) -> Document:
        """List what the store has."""
        return views.parts_json(self._ledger.parts(self._caller, UUID(file_id)))

    def complete(self, file_id: str, *, sha256: str | None = None) -> Document:
        """Make one content of the parts."""
        return self._file(self._ledger.complete_upload(self._caller, UUID(file_id), sha256=sha256))

    def abort(self, file_id: str, reason: str) -> Document:
        """Give an unfinished upload up."""
        return self._file(self._ledger.abort_upload(self._caller, UUID(file_id), reason))

    @contextmanager
    def content(self, file_id: str, *, first: int = 0, sha256: str | None = None) -> Iterator[Iterator[bytes]]:
        """Lend the content after recording the access."""
        with self._ledger.content(self._caller, UUID(file_id), first=first or None) as content:
            stored = content.file.stored
            if first and (stored is None or stored.sha256 != sha256):
                raise PreconditionFailed("the content is not the one that was begun")
            yield iter(content.reader)

    def issue_link(self, file_id: str, wish: Document) -> Document:
        """Issue a link; one to this server leads to the one that runs, or would run by the settings."""
        body = _parse(bodies.LinkBody, wish)
        settings = self._services.settings
        running = served_at(DataDirectory(settings.data_dir).run)
        base = settings.public_url or running or f"http://{settings.host}:{settings.port}"
        return views.link_json(
            self._ledger.issue_link(self._caller, UUID(file_id), LinkWish(**body.model_dump())), base.rstrip("/")
        )

    def revoke_link(self, file_id: str, link: str, reason: str | None) -> None:
        """Revoke a link."""
        self._ledger.revoke_link(self._caller, UUID(file_id), UUID(link), reason)

    # -- reading -------------------------------------------------------------------------------------------

    def file(self, file_id: str, *, full: bool = False, at: str | None = None) -> Document:
        """Fold the file's events."""
        if at is not None:
            view: View = "full" if full else "default"
            return projections.file_at(self._services, self._caller, UUID(file_id), at, view)
        lifecycle = self._ledger.lifecycle(self._caller, UUID(file_id))
        row = views.row_of(lifecycle)
        if full:
            events = chain(lifecycle.events, self._ledger.accesses(self._caller, UUID(file_id)))
            found = disposal.full_view(self._services, fold_file(events, lifecycle.disclosures) or row)
        else:
            found = views.file_json(row, lifecycle.key_reach)
        self._ledger.audit_reads.shown(self._caller, row.workspace, "file", found, file=row.id)
        return found

    def files(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """List from the read model."""
        query = _parse(bodies.ListQuery, {**asked, "limit": limit})
        wanted = query.model_dump(exclude={"workspace", "cursor", "limit", "min_position", "fresh"}, exclude_none=True)
        scope = self._ledger.listable(self._caller, query.workspace)
        self._services.wait_until_current(self._caller, fresh=query.fresh, min_position=query.min_position)
        page = self._services.files.list(file_filter(self._services, scope, wanted), cursor=cursor, limit=limit)
        if not page.rows:
            require_workspace(self._services, self._caller, "file.list", scope)
        self._ledger.audit_reads.listed(self._caller, scope, wanted)
        return views.files_json(page, self._ledger.recorder.reaches.of_key)

    def history(self, file_id: str, *, after: int, limit: int) -> Document:
        """Read the file's events."""
        return views.history_json(self._ledger.history(self._caller, UUID(file_id), after=after, limit=limit))

    # -- proofs --------------------------------------------------------------------------------------------

    def receipt(self, file_id: str | None, *, event_id: str | None = None, tlog_proof: bool = False) -> bytes:
        """Return a receipt under a checkpoint that is signed here and now if there is none yet."""
        proving = self._ledger.proving
        if event_id is None:
            shown = proving.newest(self._caller, UUID(str(file_id)))
        else:
            shown = proving.event(self._caller, UUID(event_id))
        try:
            found = proofs.receipt(self._services, shown)
        except Unsigned:
            log.bring_up(self._services)
            found = proofs.receipt(self._services, shown)
        return found.to_tlog_proof().encode() if tlog_proof else found.encode()

    def history_proof(self, file_id: str) -> bytes:
        """Return the proof of all that is recorded of a file by now."""
        log.bring_up(self._services)
        return b"".join(proofs.history(self._services, self._caller, UUID(file_id)))

    def workspace_proof(self, workspace: str, *, through: int | None, after: int) -> Document:
        """Read a page; the first one signs all that is recorded by now."""
        if through is None:
            log.bring_up(self._services)
        return proofs.workspace_page(
            self._services, self._caller, workspace, through=through, after=after, limit=proofs.MAX_PAGE
        )

    def range_proof(self, begin: int, end: int | None) -> bytes:
        """Return the proof of a range."""
        log.bring_up(self._services)
        return proofs.log_range(self._services, self._caller, begin, end).encode()

    def consistency_proof(self, old: int, new: int | None) -> Document:
        """Return the proof that a log begins with another."""
        log.bring_up(self._services)
        return log.consistency(self._services, old, new)

    # -- custody -------------------------------------------------------------------------------------------

    def soft_delete(self, file_id: str, reason: str | None) -> Document:
        """Take the content out of reach."""
        return self._file(self._ledger.soft_delete(self._caller, UUID(file_id), reason))

    def restore(self, file_id: str, reason: str | None) -> Document:
        """Bring the content back."""
        return self._file(self._ledger.restore(self._caller, UUID(file_id), reason))

    def change(self, file_id: str, changes: Document) -> Document:
        """Change what is named."""
        return self._file(
            self._ledger.change_file(self._caller, UUID(file_id), **_parse(bodies.ChangeBody, changes).changes())
        )

    def erase(self, file_id: str, *, fields: list[str], reason: str) -> Document:
        """Ask for private values to be erased."""
        body = _parse(bodies.ErasureBody, {"fields": fields, "reason": reason})
        wanted = Wanted(file=UUID(file_id), fields=body.fields)
        return erasures.request(self._services, self._caller, wanted, body.reason)

    def preview_erasure(self, wanted: Document) -> Document:
        """Count what an erasure would erase."""
        body = _parse(bodies.WantedBody, wanted)
        return views.erasure_preview_json(self._ledger.preview_erasure(self._caller, body.wanted()))

    def request_erasure(self, wanted: Document) -> Document:
        """Ask for an erasure."""
        body = _parse(bodies.NewErasureBody, wanted)
        return erasures.request(self._services, self._caller, body.wanted(), body.reason)

    def erasures(self, *, after: str | None) -> Document:
        """List requests."""
        return erasures.page(self._services, self._caller, after=UUID(after) if after else None, limit=100)

    def erasure(self, erasure: str) -> Document:
        """Describe a request."""
        return erasures.one(self._services, self._caller, UUID(erasure))

    def decide_erasure(self, erasure: str, decision: ErasureDecision, reason: str | None) -> Document:
        """Approve or reject."""
        return erasures.decide(self._services, self._caller, UUID(erasure), decision=decision, reason=reason)

    def set_retention(self, file_id: str, *, until: str, mode: str, reason: str) -> Document:
        """Set the retention."""
        body = _parse(bodies.RetentionBody, {"until": until, "mode": mode, "reason": reason})
        return self._file(
            self._ledger.set_retention(
                self._caller, UUID(file_id), until=body.until, mode=body.mode, reason=body.reason
            )
        )

    def place_hold(self, file_id: str, *, name: str, matter: str | None, reason: str) -> Document:
        """Place a legal hold."""
        _, hold = self._ledger.place_hold(self._caller, UUID(file_id), name=name, matter=matter, reason=reason)
        return {"id": hold}

    def release_hold(self, file_id: str, hold: str, reason: str | None) -> Document:
        """End a legal hold."""
        return self._file(self._ledger.release_hold(self._caller, UUID(file_id), hold, reason))

    def holds(self, file_id: str) -> Document:
        """Fold the holds that stand."""
        lifecycle = self._ledger.lifecycle(self._caller, UUID(file_id))
        found = views.standing_holds_json(lifecycle)
        self._ledger.audit_reads.shown(self._caller, lifecycle.workspace, "holds", found, file=file_id)
        return found

    # -- purges --------------------------------------------------------------------------------------------

    def request_purge(self, file_id: str, reason: str | None, *, missing: bool = False) -> Document:
        """Ask for the destruction of a file."""
        self._ledger.request_purge(self._caller, UUID(file_id), reason, missing=missing)
        return self._purge(file_id)

    def decide_purge(self, file_id: str, decision: Decision, reason: str | None) -> Document:
        """Withdraw, approve or reject the purge under way."""
        decide = {
            "withdraw": self._ledger.withdraw_purge,
            "approve": self._ledger.approve_purge,
            "reject": self._ledger.reject_purge,
        }[decision]
        decide(self._caller, UUID(file_id), None, reason)
        return self._purge(file_id)

    def purge(self, file_id: str) -> Document:
        """Read the newest purge."""
        file = UUID(file_id)
        lifecycle = self._ledger.lifecycle(self._caller, file, "file.purge_get")
        with self._ledger.recorder.noting(self._caller, "file.purge_get", file_id=file):
            found = views.purge_json(lifecycle)
        self._ledger.audit_reads.shown(self._caller, lifecycle.workspace, "purge", found, file=file_id)
        return found

    def certificate(self, file_id: str) -> Document:
        """Read the certificate."""
        return self._ledger.certificate(self._caller, UUID(file_id))

    # -- disposal ------------------------------------------------------------------------------------------

    def disposal_policies(self, workspace: str) -> Document:
        """List policies and requests."""
        return disposal.policies(self._services, self._caller, workspace)

    def request_disposal_policy(self, workspace: str, new: Document) -> Document:
        """Ask for a policy."""
        body = _parse(bodies.DisposalPolicyBody, new)
        return disposal.request(
            self._services, self._caller, workspace, body.category, after_days=body.after_days, reason=body.reason
        )

    def decide_disposal_policy(
        self, workspace: str, request: str, decision: DisposalDecision, reason: str | None
    ) -> Document:
        """Approve or reject a requested policy."""
        return disposal.decide(self._services, self._caller, workspace, request, decision, reason=reason)

    def disposal_due(self, workspace: str, asked: Mapping[str, Any]) -> Document:
        """Find what the policies destroy."""
        query = _parse(bodies.DisposalDueQuery, asked)
        return disposal.due(self._services, self._caller, workspace, **query.model_dump())

    def disposal_runs(self, workspace: str, *, after: str, limit: int) -> Document:
        """Read the reports of runs."""
        return disposal.runs(self._services, self._caller, workspace, after=after, limit=limit)

    # -- background work -----------------------------------------------------------------------------------

    def verify_content(self, file_id: str) -> Document:
        """Read the whole content."""
        return views.verification_json(self._ledger.verify_content(self._caller, UUID(file_id)))

    def jobs(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """List the background work."""
        query = _parse(bodies.JobsQuery, {**asked, "cursor": cursor, "limit": limit})
        said = query.model_dump(exclude={"kind"})
        return jobs.list_jobs(self._services, self._caller, kinds=query.kind, **said)

    def run_jobs(self, workspace: str | None) -> Document:
        """Do one round of it, to its end: nobody else waits for this process."""
        return jobs.run_jobs(self._services, self._caller, workspace=workspace, seconds=math.inf)

    def retry_job(self, file_id: str) -> Document:
        """Do what is due for a file, reading included: nobody else waits for this process."""
        return jobs.retry_job(self._services, self._caller, UUID(file_id), verify=True)

    def operations(self, asked: Mapping[str, Any]) -> Document:
        """Sum up the calls to the object store."""
        return operations.figures(self._services, self._caller, **_parse(bodies.OperationsQuery, asked).model_dump())

    def store_calls(self, asked: Mapping[str, Any]) -> Document:
        """List single calls to it."""
        return operations.calls(self._services, self._caller, **_parse(bodies.CallsQuery, asked).model_dump())

    # -- what is known of the ledger -----------------------------------------------------------------------

    def audit(self, asked: Mapping[str, Any], *, cursor: str | None, limit: int) -> Document:
        """Search the audit trail."""
        said = {name: value for name, value in {**asked, "cursor": cursor, "limit": limit}.items() if value is not None}
        return audit.search(self._services, self._caller, _parse(AuditQuery, said))

    def usage(self, workspace: str | None, asked: Mapping[str, Any]) -> Document:
        """Read the usage."""
        if workspace is None:
            return usage.ledger_usage(self._services, self._caller, _parse(bodies.UsageQuery, asked))
        query = _parse(bodies.WorkspaceUsageQuery, asked)
        return usage.workspace_usage(self._services, self._caller, workspace, query)

    # -- read models ---------------------------------------------------------------------------------------

    def projections(self) -> Document:
        """List where they stand."""
        return projections.list_projections(self._services, self._caller)

    def projection(self, name: str) -> Document:
        """Say where one stands."""
        return projections.projection(self._services, self._caller, name)

    def rebuild_projection(self, name: str, *, compare: bool) -> Document:
        """Begin to build one anew; this process does it, unless a server on the same directory is quicker."""
        return projections.rebuild(self._services, self._caller, name, compare=compare)

    def cancel_rebuild(self, name: str) -> Document:
        """Give that up."""
        return projections.cancel(self._services, self._caller, name)

    def act_on_projection(self, name: str, act: ProjectionAct) -> Document:
        """Pause, park, resume or retry one."""
        return projections.act(self._services, self._caller, name, act)

    def skip_event(self, name: str, reason: str) -> Document:
        """Let one go on without an event."""
        return projections.skip(self._services, self._caller, name, reason)

    def differences(self, name: str) -> Document:
        """Return what the newest comparison found."""
        return projections.differences(self._services, self._caller, name)

    def rows(self, name: str, *, at: str, keys: Sequence[str], limit: int) -> Document:
        """Fold rows up to a moment."""
        query = _parse(bodies.RowsQuery, {"at": at, "key": tuple(keys), "limit": limit})
        return projections.rows(self._services, self._caller, name, at=query.at, keys=query.key, limit=query.limit)

    # -- administration ------------------------------------------------------------------------------------

    def create_workspace(self, new: Document) -> Document:
        """Make a workspace."""
        body = _parse(bodies.NewWorkspaceBody, new)
        self._ledger.create_workspace(self._caller, ws.CreateWorkspace(**body.model_dump()))
        return self.workspace(body.id)

    def make_workspace(self, workspace: str) -> None:
        """Make a workspace unless it is there. Asked first: a refusal that is then mended belongs on no record."""
        with self._making:
            if self._ledger.recorder.find(ws.workspace_stream(workspace), ws.project) is None:
                with suppress(AlreadyExists):  # another process was quicker
                    self.create_workspace({"id": workspace})

    def workspace(self, workspace: str) -> Document:
        """Describe a workspace."""
        return workspaces.described(self._services, self._caller, workspace)

    def workspaces(self, *, after: str, limit: int) -> Document:
        """List the workspaces."""
        found = self._ledger.list_workspaces(self._caller, after=after, limit=limit + 1)
        return views.workspaces_json(found[:limit], found[limit - 1] if len(found) > limit else None)

    def change_workspace(self, workspace: str, changes: Document) -> Document:
        """Change quota or purge policy."""
        commands = _parse(bodies.WorkspaceBody, changes).commands()
        return workspaces.changed(self._services, self._caller, workspace, *commands)

    def find_id(self, kind: IdKind, prefix: str, within: str | None = None) -> str:
        """Answer the id of what begins with these digits."""
        return short_ids.find(self._services, self._caller, kind, prefix, within)

    def register_category(self, workspace: str, new: Document) -> Document:
        """Add a category of the workspace's own."""
        body = _parse(bodies.CategoryBody, new)
        limits = body.limits.limits()
        command = ws.RegisterCategory(category=body.category, template=body.template, limits=limits)
        return workspaces.changed(self._services, self._caller, workspace, command)

    def set_limits(self, workspace: str, category: str, limits: Document) -> Document:
        """Set the limits of a category."""
        command = ws.SetLimits(category=category, limits=_parse(bodies.LimitsBody, limits).limits())
        return workspaces.changed(self._services, self._caller, workspace, command)

    def issue_key(self, new: Document) -> Document:
        """Issue a key."""
        body = _parse(bodies.NewKeyBody, new)
        issued = self._ledger.issue_key(
            self._caller,
            actor=body.actor,
            kind=body.kind,
            roles=body.roles,
            scope=body.workspace,
            expires_at=body.expires_at,
        )
        return views.key_json(issued)

    def keys(self, workspace: str | None, *, after: str | None, limit: int) -> Document:
        """List API keys."""
        start = None if after is None else UUID(after)
        found, following = self._ledger.key_list.page(self._caller, workspace, after=start, limit=limit)
        reach = self._ledger.recorder.reach_of
        return views.keys_json(found, following, self._services.clock.now(), reach)

    def key(self, key_id: str) -> Document:
        """Describe an API key."""
        found = self._ledger.key_list.one(self._caller, UUID(key_id))
        reach = self._ledger.recorder.reach_of
        return views.key_description_json(found, self._services.clock.now(), reach)

    def revoke_key(self, key_id: str, reason: str | None) -> None:
        """Revoke a key."""
        self._ledger.revoke_key(self._caller, UUID(key_id), reason)

    # -- the log -------------------------------------------------------------------------------------------

    def log(self) -> Document:
        """Say how the log stands."""
        return log.status(self._services, self._caller)

    def log_resource(self, path: str) -> bytes:
        """Return a part of the log as others see it; a checkpoint over all that is recorded by now."""
        match path:
            case "checkpoint":
                log.bring_up(self._services)
                return log.checkpoint(self._services).note
            case "keys":
                return "".join(f"{key}\n" for key in log.keys(self._services)).encode()
        if path.startswith("tile/entries/"):
            return log.entries(self._services, self._caller, path).content
        return log.resource(self._services, path).content

    def clear_log_alarm(self, reason: str) -> Document:
        """Let checkpoints be signed again."""
        return log.clear_alarm(self._services, self._caller, reason)

    def begin_log_anew(self, reason: str) -> Document:
        """Let what is left of a log go on as another one."""
        return log.begin_anew(self._services, self._caller, reason)

    def publish_log(self, prefix: str | None, *, anew: bool) -> Document:
        """Publish all that is recorded by now."""
        log.bring_up(self._services)
        return log.publish(self._services, self._caller, prefix, anew=anew)

    def rotate_log_keys(self, *, retire: bool) -> tuple[str, ...]:
        """Let one key follow another."""
        return log.rotate(self._services, self._caller, retire=retire)

    # -- the rest ------------------------------------------------------------------------------------------

    def _file(self, file: File) -> Document:
        """Describe a file to who has just acted on it: that is no reading of its own."""
        return views.changed_file_json(self._ledger.lifecycle(self._caller, file.id))

    def _purge(self, file_id: str) -> Document:
        return views.purge_json(self._ledger.lifecycle(self._caller, UUID(file_id)))


def _fingerprint(document: Document) -> bytes:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()


def _parse(body: type[Parsed], document: Mapping[str, Any]) -> Parsed:
    """Read a document as the API would; InvalidInput names the first field that is wrong, never its value."""
    try:
        return body.model_validate(document)
    except ValidationError as exc:
        raise InvalidInput(*finding(exc.errors(include_url=False, include_input=False), of_request=False)) from None
