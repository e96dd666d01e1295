# mypy: ignore-errors
"""Makes the ledger of a release that later releases must open, verify and go on with.

Run once with the code of the release, from a work tree of its last commit:

    PYTHONPATH=build/links python PATH/TO/make.py release-1.tar.xz

It writes every type of event that the release knows, on its embedded PostgreSQL and its local folder, and packs a
dump of both schemas, the object folder and the signing keys. The archive is never made again: what it holds is what
users have.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from provenstore.adapters.embedded.installation import Installation
from provenstore.adapters.embedded.running import SUPERUSER
from provenstore.api.acts import log
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.wiring import PROJECTIONS, open_services
from provenstore.domain.custody.event_catalog import REGISTRY
from provenstore.domain.custody.providers import Providers
from provenstore.domain.errors import Forbidden, Refused
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.system.provider import Probed
from provenstore.domain.tenants.credential import parse_key
from provenstore.domain.tenants.workspace import CreateWorkspace, RegisterCategory, SetLimits, SetPurgePolicy, SetQuota
from provenstore.domain.tenants.workspace_events import Limits
from provenstore.domain.transparency.signing import Signed, TreeHead
from provenstore.domain.uploads.initiation import NewFile

ROOT = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)
PDF = b"%PDF-1.7 a chapter"


class MovableClock:
    """The machine's clock, moved ahead."""

    def __init__(self) -> None:
        """Begin now."""
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return the moment."""
        return datetime.now(UTC) + self.ahead


class Maker:
    """A ledger and the callers who use it."""

    def __init__(self, services: Services, clock: MovableClock) -> None:
        """Make the workspaces, the keys and the callers."""
        self.services, self.ledger, self.clock = services, services.ledger, clock
        self.recorder = services.ledger.recorder
        ledger = self.ledger
        ledger.create_workspace(ROOT, CreateWorkspace(id="acme", name="Acme Books", max_bytes=10**9, max_files=1000))
        ledger.create_workspace(ROOT, CreateWorkspace(id="zenith", four_eyes=False))
        roles = {"alice": "records", "bob": "approver", "carol": "auditor", "dora": "admin"}
        self.callers = {name: self._caller(name, "person", role) for name, role in roles.items()}
        self.callers |= {name: self._caller(name, "service", "service") for name in ("books", "covers")}
        self.numbers = iter(range(1, 10_000))

    def _caller(self, name: str, kind: Any, role: Any) -> Caller:
        about = {"name": name.title(), "email": f"{name}@example.com"} if kind == "person" else {}
        issued = self.ledger.issue_key(ROOT, actor=name, kind=kind, roles=(role,), scope="acme", about=about)
        bearer = self.ledger.authenticate(issued.key)
        address = {"address": "203.0.113.9", "user_agent": "made/1", "request": f"request-of-{name}"}
        return Caller(bearer.actor, bearer.roles, bearer.scope, bearer.guards, session=f"session-{name}", **address)

    def by(self, name: str) -> Caller:
        """Return a caller."""
        return self.callers[name]

    def initiated(self, by: str = "books", **said: Any) -> File:
        """Begin a file."""
        new: dict[str, Any] = {"filename": f"Kapitel {next(self.numbers)} „Ende“.pdf", "media_type": "application/pdf"}
        new |= {"category": "book_content", "metadata": {"isbn": "978-3"}, "subjects": ("reader-1",), **said}
        return self.ledger.initiate(self.by(by), NewFile(workspace="acme", **new))

    def stored(self, by: str = "books", **said: Any) -> UUID:
        """Store a file."""
        file = self.initiated(by, **said)
        return self.ledger.upload_content(self.by(by), file.id, [PDF]).id

    def deleted(self, **said: Any) -> UUID:
        """Store and delete a file."""
        return self.ledger.soft_delete(self.by("books"), self.stored(**said), "contract over").id

    def change(self, file: UUID, make: Any) -> File:
        """Record a command as the system."""
        return self.recorder.change(SYSTEM, "system.sweep", file, lambda _, now: make(SYSTEM.actor, now))

    def object_of(self, file: UUID) -> Path:
        """Return where an object lies."""
        return self.services.settings.data_dir / "objects" / self.recorder.file(file).path

    # -- what is done ----------------------------------------------------------------------------------------

    def upload(self) -> None:
        """Store files by all ways; abort, expire and clear others."""
        ledger, books = self.ledger, self.by("books")
        self.stored()
        key = IdempotencyKey(books.principal, "one", bytes(32))
        new = NewFile(workspace="acme", filename="small.pdf", media_type="application/pdf", category="misc")
        ledger.begin(books, new, PDF, key)
        ledger.upload_content(books, ledger.initiate(books, new).id, [b""])
        parts = self.initiated(upload="multipart", size=100_000)
        for part in ledger.part_urls(books, parts.id, [1]):
            assert part.number == 1
        ledger.upload_part(books, parts.id, 1, [bytes(100_000)], size=100_000)
        ledger.complete_upload(books, parts.id)
        ledger.verify_content(self.by("alice"), parts.id)
        presigned = self.initiated(upload="presigned", size=len(PDF))
        ledger.write_url(presigned)
        ledger.abort_upload(books, self.initiated().id, "not needed")
        self.initiated(category="temp")
        aborted = self.initiated(upload="presigned", size=5)
        ledger.abort_upload(books, aborted.id, None)
        stray = fe.StrayVersion(key=aborted.path, version_id=None, size=3, etag="x", marker=False)
        self.change(aborted.id, lambda by, now: c.RecordStrayFound(by=by, now=now, versions=(stray,), uploads=("u",)))
        mismatched = self.initiated()
        self.change(
            mismatched.id, lambda by, now: c.RequestCompletion(by=by, now=now, size=3, sha256="a" * 64, md5="b" * 32)
        )
        failure: dict[str, Any] = {"found": "stray", "check": "size", "expected": "3", "actual": "4"}
        file = self.change(mismatched.id, lambda by, now: c.RecordIntegrityFailure(by=by, now=now, **failure))
        at = file.completion.stray_at if file.completion else None
        self.change(mismatched.id, lambda by, now: c.RecordStrayRemoved(by=by, now=now, etag="x", found_at=at))

    def use(self) -> None:
        """Read, share, change, hold, retain, delete and restore."""
        ledger, books, alice = self.ledger, self.by("books"), self.by("alice")
        file = self.stored(access="workspace")
        for first, last in ((None, None), (0, 3), (0, 3)):
            with ledger.content(books, file, first=first, last=last) as content:
                assert b"".join(content.reader)
        link = ledger.issue_link(books, file, purpose="review", recipient="reader@example.com")
        assert link.url.url
        ledger.change_file(books, file, values={"filename": "Neu.pdf", "metadata": {"a": "b"}, "subjects": []})
        ledger.change_file(books, file, access="private", expiry=(self.clock.now() + timedelta(days=30),))
        ledger.set_retention(
            alice, file, until=self.clock.now() + timedelta(days=20), mode="governance", reason="tax law"
        )
        less = self.clock.now() + timedelta(days=10)
        ledger.set_retention(alice, file, until=less, mode="governance", reason="too long")
        ledger.set_retention(self.by("dora"), file, until=less, mode="governance", reason="too long")
        _, hold = ledger.place_hold(alice, file, name="Smith v. Jones", matter="M-1", reason="litigation")
        for refused in (
            lambda: ledger.soft_delete(books, file, "gone"),
            lambda: ledger.request_purge(books, file, "x"),
        ):
            try:
                refused()
            except Refused:
                continue
            raise AssertionError
        try:
            with ledger.content(self.by("covers"), file):
                raise AssertionError
        except Forbidden:
            pass
        ledger.release_hold(self.by("bob"), file, hold, "settled")
        ledger.soft_delete(books, file, "contract over")
        ledger.restore(books, file, "needed after all")
        ledger.place_hold(alice, file, name="Second", reason="litigation")
        held = self.stored()
        ledger.set_retention(
            alice, held, until=self.clock.now() + timedelta(days=900), mode="compliance", reason="tax law"
        )

    def purge(self) -> None:
        """Purge with two persons, reject, withdraw, cancel; fail once."""
        ledger, alice, bob = self.ledger, self.by("alice"), self.by("bob")
        purged = self.deleted()
        ledger.request_purge(alice, purged, "no longer needed")
        ledger.approve_purge(bob, purged, None, "agreed")
        ledger.certificate(self.by("carol"), purged)
        for end in (ledger.reject_purge, ledger.withdraw_purge):
            file = self.deleted()
            ledger.request_purge(alice, file, "no longer needed")
            end(bob if end == ledger.reject_purge else alice, file, None, "not so")
        cancelled = self.deleted()
        ledger.request_purge(alice, cancelled, "no longer needed")
        ledger.place_hold(alice, cancelled, name="Hold", reason="litigation")
        waiting = self.deleted()
        ledger.request_purge(alice, waiting, "no longer needed")
        failing = self.deleted()
        ledger.request_purge(alice, failing, "no longer needed")
        self.recorder.change(
            bob, "file.purge_approve", failing, lambda _, now: c.ApprovePurge(by=bob.actor, now=now, reason="yes")
        )
        version = fe.DestroyedVersion(version_id=None, size=len(PDF), marker=False)
        self.change(failing, lambda by, now: c.StartPurge(by=by, now=now, sha256="a" * 64, versions=(version,)))
        self.change(failing, lambda by, now: c.RecordPurgeFailure(by=by, now=now, code="store-unavailable"))
        zenith = NewFile(workspace="zenith", filename="z.pdf", media_type="application/pdf", category="misc")
        alone = ledger.upload_content(ROOT, ledger.initiate(ROOT, zenith).id, [PDF]).id
        ledger.soft_delete(ROOT, alone, "over")
        ledger.request_purge(ROOT, alone, "over")

    def damage(self) -> None:
        """Find an object altered and another missing."""
        altered, missing = self.stored(), self.stored()
        self.object_of(altered).chmod(0o600)
        self.object_of(altered).write_bytes(b"%PDF-1.7 other byt")
        content = self.object_of(missing).read_bytes()
        self.object_of(missing).unlink()
        for file in (altered, missing):
            self.ledger.verify_content(self.by("alice"), file)
        # Right again, so that a look at all objects finds nothing.
        for file in (altered, missing):
            self.object_of(file).write_bytes(content)

    def administer(self) -> None:
        """Change policies, quotas, categories and keys; read the audit; erase; rotate the log's key."""
        ledger, dora = self.ledger, self.by("dora")
        ledger.change_workspace(dora, "acme", SetQuota(max_bytes=2 * 10**9, max_files=None))
        ledger.change_workspace(ROOT, "zenith", SetPurgePolicy(four_eyes=True, reason="audit"))
        ledger.change_workspace(dora, "acme", SetLimits(category="misc", limits=Limits(max_size=10**7)))
        ledger.change_workspace(
            dora, "acme", RegisterCategory(category="scans", template="scans/{year}/", limits=Limits())
        )
        spare = ledger.issue_key(dora, actor="books", kind="service", roles=("service",), scope="acme")
        ledger.revoke_key(dora, UUID(str(parse_key(spare.key)[0])), "lost")
        person = self.stored(subjects=("reader-2",))
        ledger.erase_personal_data(dora, person, fields=("filename", "subjects", "metadata"), reason="asked for it")
        ledger.history(self.by("carol"), person)
        ledger.record_search(self.by("carol"), "acme", file=None, by=("subject",))
        sizes = {"max_put_size": 5 * 2**30, "single_put_size": 2**24, "max_part_size": 5 * 2**30, "max_parts": 10_000}
        capabilities = replace(ledger.store.capabilities(), **sizes)
        probed = Probed(host="spaces.example.com", place="a" * 64, probe=1, capabilities=capabilities)
        Providers(self.recorder).record(SYSTEM, "spaces", probed)

    def expire(self) -> None:
        """Let time pass, and do what is due."""
        expiring = self.stored()
        self.ledger.change_file(self.by("books"), expiring, expiry=(self.clock.now() + timedelta(hours=1),))
        self.clock.ahead = timedelta(days=2)
        for event in self.ledger.log.read(0, 10_000):
            if event.type == "file.upload_initiated.v1":
                self.ledger.settle(UUID(event.stream.partition(":")[2]))
        self.clock.ahead = timedelta()

    def skip(self) -> None:
        """Leave one event out of a read model that is not of this release."""
        read = next(e for e in self.ledger.log.read(0, 10_000) if e.type == "audit.read.v1")
        self.ledger.skip_event(ROOT, "former_model", 1, read.position, "a model that is gone")

    def rotate(self) -> None:
        """Clear an alarm, and sign with another key; then lose what was signed last."""
        services, last = self.services, self.services.log_keys.last
        head = log.bring_up(services)
        assert head is not None
        # An alarm, cleared.
        with services.connect() as connection, last.held():
            connection.autocommit = True
            was = last.read()
            last.write(Signed(was.origin, was.head, "rehearsed"))
        log.clear_alarm(services, ROOT, "rehearsed")
        log.rotate(services, ROOT, retire=False)
        log.bring_up(services)
        log.rotate(services, ROOT, retire=True)
        log.bring_up(services)
        with last.held():
            was = last.read()
            last.write(Signed(was.origin, TreeHead(10**6, bytes(32))))


def make(folder: Path) -> tuple[bytes, Sequence[str]]:
    """Fill the data directory; return the dump, and the types that were not written."""
    clock = MovableClock()
    settings = load_settings(data_dir=folder, log_origin="ledger.example.com/made")
    with open_services(settings, sweep=False, clock=clock) as services:
        maker = Maker(services, clock)
        log.bring_up(services)
        maker.upload()
        maker.use()
        log.bring_up(services)
        maker.purge()
        maker.damage()
        maker.administer()
        maker.expire()
        maker.skip()
        maker.rotate()
    settings = load_settings(data_dir=folder, log_origin="ledger.example.com/made-2")
    with open_services(settings, sweep=False, clock=clock) as services:
        maker.services, maker.ledger, maker.recorder = services, services.ledger, services.ledger.recorder
        log.begin_anew(services, ROOT, "restored from an older copy")
        maker.stored()
        log.bring_up(services)
        services.ledger.flush(everything=True)
        for projection in PROJECTIONS:
            services.wait_for(services.ledger.log.position(), projection.name)
        written = {event.type for event in services.ledger.log.read(0, 10_000)}
        with services.connect() as connection:
            host = connection.info.host
        pg_dump = [str(Installation.bundled().program("pg_dump")), "-h", host, "-U", SUPERUSER, "-d", "provenstore"]
        dump = subprocess.run(
            [*pg_dump, "-n", "provenstore", "-n", "provenstore_read"], check=True, capture_output=True
        )
    return dump.stdout, sorted(REGISTRY.names - written)


def pack(target: Path, dump: bytes, folder: Path) -> None:
    """Write the archive."""
    with tarfile.open(target, "w:xz") as archive:
        found = tarfile.TarInfo("ledger.sql")
        found.size = len(dump)
        archive.addfile(found, io.BytesIO(dump))
        for name in ("VERSION", "objects", "keys"):
            archive.add(folder / name, name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        dumped, missing = make(Path(place) / "data")
        if missing:
            raise SystemExit(f"not written: {missing}")
        pack(Path(sys.argv[1]), dumped, Path(place) / "data")
