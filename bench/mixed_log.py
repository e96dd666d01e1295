"""A log of mixed events for measurements, written through the event store with real envelopes; `verify` passes on it.

The mix: 59 % accesses (address and user agent private), 13 % parts of uploads, 9 % initiations (filename, metadata,
subjects and related private), 8 % stored, 5 % changed metadata, the rest refusals, holds, deletions and erasures; in 20
workspaces, by 50 actors, 200 files being busy at any time. The same every time but for ids, salts and times.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import SALT_BYTES, Actor, Draft, Origin, draft
from provenstore.domain.eventlog.event_log import Append, Erasure
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.eventlog.quota import quota_changes
from provenstore.domain.files import file_events as f
from provenstore.domain.tenants import workspace_events as w

WORKSPACES: Final = 20
ACTORS: Final = 50
BUSY: Final = 200
BATCH: Final = 500

_ENTROPY = SystemEntropy()
_LATER = datetime(2036, 1, 1, tzinfo=UTC)
_CLIENT: dict[str, Json] = {"address": "192.0.2.17", "user_agent": "bench/1"}


def fill(log: PostgresEventLog, events: int) -> None:
    """Append `events` events."""
    chance = random.Random(7)
    waiting = [_workspace(number) for number in range(WORKSPACES)]
    files = [_file(chance, number) for number in range(BUSY)]
    begun, written = BUSY, 0
    while written < events:
        while len(waiting) < min(BATCH, events - written):
            at = chance.randrange(BUSY)
            following = next(files[at], None)
            if following is None:
                files[at] = _file(chance, begun)
                begun += 1
            else:
                waiting.append(following)
        for answer in log.append_batch(waiting):
            if isinstance(answer, Exception):
                raise answer
        written += len(waiting)
        waiting = []


def _workspace(number: int) -> Append:
    name = f"workspace-{number}"
    data = w.WorkspaceCreated(workspace=name, four_eyes=True, max_bytes=None, max_files=None)
    return _append(_draft(f"workspace:{name}", name, 0, data))


@dataclass
class _Life:
    """One file, and what its events share."""

    id: UUID
    workspace: str
    actor: int
    private: list[tuple[UUID, tuple[str, ...]]] = field(default_factory=list)

    def add(self, kind: str, data: EventData, **private: Json) -> Append:
        one = _draft(f"{kind}:{self.id}", self.workspace, self.actor, data, **private)
        if kind == "file":
            self.private.append((one.id, tuple(private)))
        return _append(one)

    def erase(self, *fields: str) -> Append:
        found = [Erasure(event, name) for event, names in self.private for name in names if name in fields]
        data = f.PersonalDataErased(fields=fields, events=len(found))
        one = _draft(f"file:{self.id}", self.workspace, self.actor, data, reason="asked for")
        return _append(one, found)


def _file(chance: random.Random, number: int) -> Iterator[Append]:
    """Yield what happens to one file, in order."""
    life = _Life(_ENTROPY.event_id(), f"workspace-{number % WORKSPACES}", chance.randrange(ACTORS))
    size = chance.randrange(1, 10_000_000)
    yield life.add(
        "file",
        _initiated(life, size),
        filename=f"report {number}.pdf",
        metadata={"shelf": str(number % 97), "title": f"Report {number}"},
        subjects=[f"person-{number % 5_000}"],
        related=[{"type": "order", "id": str(number % 9_973)}],
        **_CLIENT,
    )
    for part in range(1, chance.choice((0, 0, 0, 6)) + 1):
        data = f.ChunkUploaded(upload="u", number=part, first=0, size=1, etag="e" * 32, md5=None, sha256=None)
        yield life.add("parts", data)
    sealed = f.Stored(
        size=size,
        sha256="ab" * 32,
        sha256_status="verified",
        md5="cd" * 16,
        etag="cd" * 16,
        version_id=None,
        expires_at=None,
        quota_bytes=0,
    )
    yield life.add("file", sealed)
    for use in range(chance.randrange(15)):
        if use == 5 and chance.random() < 0.9:
            yield life.add("file", f.MetadataChanged(changed=("metadata",)), metadata={"shelf": "moved"})
        if chance.random() < 0.05:
            yield life.add("access", f.AccessDenied(operation="file.content", code="forbidden", count=1), **_CLIENT)
        data_of = f.Accessed.model_validate({"mode": "download", "first": None, "last": None, "size": size})
        yield life.add("access", data_of, **_CLIENT)
    if chance.random() < 0.2:
        yield life.add("file", f.LegalHoldPlaced(hold="h"), name="audit", matter="7", reason="asked for")
    elif chance.random() < 0.2:
        yield life.add("file", f.SoftDeleted(), reason="no longer needed")
    if chance.random() < 0.05:
        yield life.erase("filename", "subjects")


def _initiated(life: _Life, size: int) -> f.UploadInitiated:
    return f.UploadInitiated(
        path=f"books/content/2026/11/{life.id}.pdf",
        extension="pdf",
        category="book_content",
        variant="original",
        media_type="application/pdf",
        provider="local",
        upload="api",
        owner=f"actor-{life.actor}",
        access="private",
        declared_size=size,
        declared_sha256=None,
        declared_md5=None,
        max_size=10**9,
        reserved=size,
        expires_after=None,
        expires_at=None,
        upload_expires_at=_LATER + timedelta(days=1),
        write_until=None,
    )


def _draft(stream: str, workspace: str, actor: int, data: EventData, **private: Json) -> Draft:
    origin = Origin(Actor(f"actor-{actor}", "service", "api_key", f"key-{actor}"), request=str(_ENTROPY.event_id()))
    head_of = None if data.HEAD is None else f"{data.HEAD.removesuffix('_head')}:{stream.partition(':')[2]}"
    return draft(
        Fact(data, private),
        event_id=_ENTROPY.event_id(),
        stream=stream,
        workspace=workspace,
        origin=origin,
        salts={name: os.urandom(SALT_BYTES) for name in private},
        head_of=head_of,
    )


def _append(one: Draft, erase: list[Erasure] | None = None) -> Append:
    return Append([one], quota=quota_changes(one.workspace, [one.fact.data]), erase=erase or ())
