"""A log in memory for tests of read models: seals real envelopes, answers what a read model asks of the log.

It holds to the port's contract: dense positions, times that never go back, reads without gaps, erasure of values.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import Actor, Event, Origin, draft
from provenstore.domain.eventlog.event_log import Disclosure, Disclosures, Erased
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_events as f
from sealing import join

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLERK = Origin(Actor("clerk", "person", "cli"))


def at(position: int) -> datetime:
    """Return the time of the event at `position`: one second each."""
    return START + timedelta(seconds=position)


@dataclass
class MemoryLog:
    """An append-only log; `delay` seconds are spent on each read."""

    delay: float = 0.0
    events: list[Event] = field(default_factory=list)
    private: dict[UUID, dict[str, Disclosure]] = field(default_factory=dict)

    def add(self, stream: str, data: EventData, *, workspace: str = "acme", **private: Json) -> Event:
        """Seal one event of the clerk's at the end."""
        return self.seal(stream, data, private, workspace=workspace)

    def seal(
        self,
        stream: str,
        data: EventData,
        private: Mapping[str, Json] | None = None,
        *,
        workspace: str = "acme",
        by: Origin = CLERK,
        outcome: str = "ok",
        decision: str | None = None,
        when: datetime | None = None,
    ) -> Event:
        """Seal one event at the end; `when` must not go back, and is a second after the last by default."""
        private = private or {}
        position = len(self.events) + 1
        head_of = None if data.HEAD is None else f"parts:{stream.partition(':')[2]}"
        sealed = draft(
            Fact(data, private, outcome, decision),
            event_id=UUID(int=position),
            stream=stream,
            workspace=workspace,
            origin=by,
            salts=dict.fromkeys(private, bytes(32)),
            head_of=head_of,
        )
        before = [event for event in self.events if event.stream == stream]
        tenant = [event for event in self.events if event.workspace == workspace]
        state = join(
            sealed,
            number=len(tenant) + 1,
            prev=before[-1].leaf.hex() if before else None,
            time=when or at(position),
            version=len(before) + 1,
            workspace_prev=tenant[-1].leaf.hex() if tenant else None,
            head=b"null",
        )
        event = Event.parse(position, state)
        self.events.append(event)
        self.private[event.id] = {one.field: Disclosure(one.salt, one.value) for one in sealed.private}
        return event

    def erase(self, file: str, *fields: str) -> Event:
        """Erase private values of a file's earlier events, as the ledger does."""
        event = self.add(f"file:{file}", f.PersonalDataErased(fields=fields, events=1))
        for earlier in self.events:
            if earlier.stream.partition(":")[2] == file:
                found = self.private[earlier.id]
                found.update({name: Disclosure(None, None, event.id) for name in found.keys() & set(fields)})
        return event

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return the events after a position."""
        if self.delay:
            time.sleep(self.delay)
        return self.events[after : after + limit]

    def position(self) -> int:
        """Return the newest position."""
        return len(self.events)

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        """Return private values by event."""
        return {event_id: dict(self.private[event_id]) for event_id in event_ids}

    def erased(self, event_ids: Sequence[UUID]) -> Erased:
        """Return what these events erased."""
        found: dict[UUID, list[tuple[int, str]]] = {}
        for event in self.events:
            for name, one in sorted(self.private[event.id].items()):
                if one.erased_by in event_ids and one.erased_by is not None:
                    found.setdefault(one.erased_by, []).append((event.position, name))
        return found


def initiated(**changes: Any) -> f.UploadInitiated:
    """Return the beginning of a file, with `changes`."""
    fields: Mapping[str, Any] = {
        "path": "books/content/2026/11/0199.pdf",
        "extension": "pdf",
        "category": "book_content",
        "variant": "original",
        "media_type": "application/pdf",
        "provider": "local",
        "upload": "api",
        "owner": "clerk",
        "access": "private",
        "declared_size": 100,
        "declared_sha256": None,
        "declared_md5": None,
        "max_size": 1000,
        "reserved": 100,
        "expires_after": None,
        "expires_at": None,
        "upload_expires_at": START + timedelta(hours=24),
        "write_until": None,
    }
    return f.UploadInitiated(**{**fields, **changes})


def stored(**changes: Any) -> f.Stored:
    """Return the end of an upload, with `changes`."""
    fields: Mapping[str, Any] = {
        "size": 120,
        "sha256": "ab" * 32,
        "sha256_status": "verified",
        "md5": "cd" * 16,
        "etag": "e1",
        "version_id": "o1",
        "expires_at": None,
        "quota_bytes": 20,
    }
    return f.Stored(**{**fields, **changes})


def accessed(mode: str = "download") -> f.Accessed:
    """Return one access to the whole content."""
    return f.Accessed.model_validate({"mode": mode, "first": None, "last": None, "size": 120})


def add_file(log: MemoryLog, file: str, *, workspace: str = "acme", finish: bool = True, **changes: Any) -> None:
    """Add a file with private values by default; names of private values in `changes` replace those."""
    private: dict[str, Json] = {"filename": f"{file}.pdf", "related": [], "subjects": [], "metadata": {}}
    private |= {name: changes.pop(name) for name in list(changes) if name in private}
    size = changes.get("declared_size", 120)
    log.add(f"file:{file}", initiated(**changes), workspace=workspace, **private)
    if finish:
        log.add(f"file:{file}", stored(size=size, expires_at=changes.get("expires_at")), workspace=workspace)


def story(files: int) -> MemoryLog:
    """Return the same busy log every time: files that are stored, read, described, held, erased and purged."""
    log = MemoryLog()
    for number in range(files):
        add_file(log, f"f{number}", subjects=[f"person-{number % 3}"], metadata={"shelf": str(number % 5)})
    for number in range(files):
        name = f"f{number}"
        log.add(f"access:{name}", accessed())
        log.add(f"file:{name}", f.MetadataChanged(changed=("metadata",)), metadata={"shelf": "moved"})
        log.add(f"access:{name}", accessed("view" if number % 2 else "download"))
        if number % 3 == 0:
            log.add(f"file:{name}", f.LegalHoldPlaced(hold=f"h{number}"), name="audit", matter=None)
        elif number % 3 == 1:
            log.erase(name, "filename", "subjects")
            log.add(f"file:{name}", f.SoftDeleted())
    return log
