"""A whole ledger for tests: the real log on PostgreSQL, a real folder, and a clock that tests set."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.api.permissions import permits
from provenstore.domain.access.links import LinkWays
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.caller import Caller, Role
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.files.file import File, access_stream, file_stream, parts_stream
from provenstore.domain.ledger import Ledger
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.uploads.initiation import NewFile

CONTENT = b"%PDF-1.7 a chapter"


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        """Begin at the present, so that the log's own times lie near."""
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the set moment."""
        return self.moment

    def pass_time(self, **delta: float) -> None:
        """Let time go by."""
        self.moment += timedelta(**delta)


OTHER_ADMIN = Caller(Actor("another-root", "person", "cli"), frozenset({"admin"}), None)
ADMIN = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)


def caller(name: str, *roles: Role, kind: Any = "person", scope: str | None = "acme") -> Caller:
    """Return a caller without a credential of its own: a person acts on the data directory itself."""
    actor = Actor(name, kind, "cli") if kind == "person" else Actor(name, kind, "api_key", f"key-of-{name}")
    return Caller(actor, frozenset(roles), scope, address="203.0.113.9")


SERVICE = caller("svc-books", "service", kind="service")
RECORDS = caller("alice", "records")
APPROVER = caller("bob", "approver")
AUDITOR = caller("carol", "auditor")
ERASURE_APPROVER = caller("zoe", "approver")


class Custody:
    """A ledger with the workspace `acme`, and short ways to bring files about."""

    def __init__(self, log: PostgresEventLog, store: ObjectStore, *, identified: bool = True, **workspace: Any) -> None:
        """Create the workspace; `workspace` holds its settings. The store is recorded if it is to be `identified`."""
        self.clock = SetClock()
        self.log = log
        self.store = store
        self.key = ""
        self.links = LinkWays(LocalUrlSigner(b"k" * 32))
        self.ledger = self._ledger(log)
        self.ledger.create_workspace(ADMIN, ws.CreateWorkspace(**{"id": "acme", **workspace}))
        if identified:
            self.ledger.identity.require()  # as at the start of a server

    def another_process(self) -> Ledger:
        """Return a ledger over the same log and store, as a second process would have it: with states of its own."""
        return self._ledger(PostgresEventLog(self.log.database))

    def _ledger(self, log: PostgresEventLog) -> Ledger:
        return Ledger(log, self.store, clock=self.clock, entropy=SystemEntropy(), permits=permits, links=self.links)

    def initiated(self, by: Caller = SERVICE, **changes: Any) -> File:
        """Initiate a file."""
        new: dict[str, Any] = {
            "workspace": "acme",
            "filename": "chapter one.pdf",
            "media_type": "application/pdf",
            "category": "book_content",
        }
        return self.ledger.initiate(by, NewFile(**{**new, **changes}))

    def stored(self, content: bytes = CONTENT, **changes: Any) -> File:
        """Initiate and upload a file."""
        file = self.initiated(**changes)
        return self.ledger.upload_content(SERVICE, file.id, [content])

    def deleted(self, **changes: Any) -> File:
        """Upload and soft-delete a file."""
        return self.ledger.soft_delete(SERVICE, self.stored(**changes).id, "done with it")

    def purged(self) -> File:
        """Bring a file to its end, with two persons."""
        file = self.ledger.request_purge(RECORDS, self.deleted().id, "no longer needed")
        return self.ledger.approve_purge(APPROVER, file.id, None, "agreed")

    def erase(self, by: Caller, file_id: UUID, *fields: str) -> None:
        """Erase values of a file, as two persons; nothing where there are none."""
        wanted = Wanted(workspace="acme", file=file_id, fields=fields)
        try:
            asked = self.ledger.request_erasure(by, wanted, "asked to")
        except InvalidInput as nothing:
            if "nothing to erase" not in nothing.message:
                raise
        else:
            self.ledger.approve_erasure(ERASURE_APPROVER, UUID(asked.id), "agreed")

    def switch_four_eyes_off(self) -> None:
        """Switch four eyes off, with two persons and a day."""
        for admin in (ADMIN, OTHER_ADMIN):
            command = ws.SetPurgePolicy(four_eyes=False, reason="one is enough")
            self.ledger.change_workspace(admin, "acme", command)
        self.clock.pass_time(hours=24)

    def events(self, file_id: UUID) -> list[Event]:
        """Return all events of a file in log order."""
        return list(self.log.events([file_stream(file_id), parts_stream(file_id), access_stream(file_id)]))

    def types(self, file_id: UUID) -> list[str]:
        """Return the short names of a file's events in log order."""
        return [event.type.removeprefix("file.").removesuffix(".v1") for event in self.events(file_id)]

    def read(self, by: Caller, file_id: UUID, **how: Any) -> bytes:
        """Read content as a caller."""
        with self.ledger.content(by, file_id, **how) as content:
            return b"".join(content.reader)


def dying(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks and then fail, as a connection does."""
    yield from chunks
    raise ConnectionResetError
