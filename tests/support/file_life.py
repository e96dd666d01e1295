"""A file's life in memory: commands decided, sealed and folded, without a database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File, file_stream, project
from provenstore.domain.files.file_decisions import decide, first_act
from provenstore.domain.files.purge_approval import Grounds
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants.second_person import Act, Person
from sealing import ALICE, BOB, SERVICE, START, SealedLog

SHA = "a" * 64
MD5 = "b" * 32


def key_of(approved: Act | None, **changes: Any) -> cr.Credential | None:
    """Return the key that somebody approved with, issued before everything, with `changes`."""
    if approved is None or approved.by.credential is None:
        return None
    fields: dict[str, Any] = {
        "id": approved.by.credential,
        "version": 1,
        "actor": approved.by.id,
        "kind": approved.by.kind,
        "roles": ("approver",),
        "scope": None,
        "digest": "",
        "expires_at": None,
        "issued": Act(SERVICE, START, 0),
    }
    return cr.Credential(**{**fields, **changes})


class FileLife:
    """One file; every step is decided by the real rules and sealed."""

    def __init__(self, **changes: Any) -> None:
        """Initiate the file; `changes` go into UploadInitiated."""
        self.log = SealedLog()
        self.id = UUID("01990000-0000-7000-8000-0000000000ff")
        self.file: File | None = None
        data: dict[str, Any] = {
            "path": f"books/content/2026/11/{self.id}.pdf",
            "extension": "pdf",
            "category": "book_content",
            "variant": "original",
            "media_type": "application/pdf",
            "provider": "local",
            "upload": "api",
            "owner": SERVICE.id,
            "access": "private",
            "declared_size": 100,
            "declared_sha256": None,
            "declared_md5": None,
            "max_size": 1000,
            "reserved": 100,
            "expires_after": None,
            "expires_at": None,
            "upload_expires_at": self.log.now + timedelta(days=1),
            "write_until": None,
        }
        self.do(c.Initiate, data=e.UploadInitiated.model_validate({**data, **changes}), private={"filename": "a.pdf"})

    @property
    def state(self) -> File:
        """The file as it is now."""
        assert self.file is not None
        return self.file

    def decide(self, command: type[c.FileCommand], by: Actor = SERVICE, **fields: Any) -> tuple[Fact, ...]:
        """Return what the command would record."""
        if issubclass(command, c.PersonCommand):
            fields = {"person": Person(by), **fields}
        if command is c.SetRetention:
            fields = {"bound": c.RetentionBound(10), **fields}
        if issubclass(command, c.PurgeCommand) and self.state.purge is not None:
            purge = self.state.purge
            approver = None if purge.approved is None else Person(purge.approved.by)
            requester = Person(purge.requested.by)
            fields = {"grounds": Grounds(purge.four_eyes, requester, approver, key_of(purge.approved)), **fields}
        asked = command(by=by, now=self.log.now, **fields)
        if isinstance(asked, c.PersonCommand) and asked.first is None:
            first = first_act(self.state, asked)
            asked = replace(asked, first=None if first is None else Person(first.by))
        return decide(self.file, asked)

    def do(self, command: type[c.FileCommand], by: Actor = SERVICE, **fields: Any) -> "FileLife":
        """Decide and record one command, a second after the last."""
        facts = self.decide(command, by, **fields)
        self.file = project(self.file, self.log.record(facts, stream=file_stream(self.id), by=by))
        self.log.pass_time(seconds=1)
        return self

    # -- stages ------------------------------------------------------------------------------------------------

    def announced(self, size: int = 100, sha256: str = SHA) -> "FileLife":
        """Announce the completion."""
        return self.do(c.RequestCompletion, size=size, sha256=sha256, md5=MD5)

    def stored(self, size: int = 100) -> "FileLife":
        """Announce and store."""
        return self.announced(size).record_stored(size)

    def record_stored(self, size: int = 100, sha256: str = SHA) -> "FileLife":
        """Record what stands in the store."""
        return self.do(
            c.RecordStored, size=size, sha256=sha256, sha256_status="verified", md5=MD5, etag="x", version_id=None
        )

    def deleted(self) -> "FileLife":
        """Store and soft-delete."""
        return self.stored().do(c.SoftDelete, reason="done with it")

    def held(self, hold: str = "hold-1", by: Actor = ALICE) -> "FileLife":
        """Place a hold."""
        return self.do(c.PlaceHold, by=by, hold=hold, name="Smith v. Jones", matter=None, reason="litigation")

    def retained(self, days: int = 30, mode: str = "compliance", by: Actor = ALICE) -> "FileLife":
        """Set a retention."""
        return self.do(c.SetRetention, by=by, until=self.log.now + timedelta(days=days), mode=mode, reason="tax law")

    def purge_requested(self, by: Actor = ALICE, *, four_eyes: bool = True) -> "FileLife":
        """Ask for a purge."""
        return self.do(c.RequestPurge, by=by, purge="purge-1", four_eyes=four_eyes, reason="no longer needed")

    def purge_approved(self, by: Actor = BOB) -> "FileLife":
        """Ask as Alice, agree as Bob."""
        return self.purge_requested().do(c.ApprovePurge, by=by, reason="agreed")

    def purge_started(self) -> "FileLife":
        """Pass the point of no return."""
        return self.purge_approved().do(c.StartPurge, sha256=SHA, versions=(VERSION,))

    def purged(self) -> "FileLife":
        """Go through to the end."""
        return self.deleted().purge_started().do(c.RecordPurged)


VERSION = e.DestroyedVersion(version_id=None, size=100, marker=False)
