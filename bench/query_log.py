"""A log as a busy installation has it, written through the event store with real envelopes.

The mix, of a file's events on average: begun with name, business object, person, address (1), announced (1), stored
(1), read or downloaded with address and user agent (6), linked (0.3), described anew (0.3), refused (0.2), deleted
(0.2). 400 actors with a key each, the busiest one behind about a thirtieth of all events; 5,000 persons; one in ten
reads is of one of 20 hot files. One seed makes one log, but for ids, salts and times.
"""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import SALT_BYTES, Actor, Draft, Origin, draft
from provenstore.domain.eventlog.event_log import Append, Appended
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_events as f

ACTORS = 400
PERSONS = 5_000
HOT = 20
BATCH = 250
"""Commands in one exchange with the store."""

_WORKSPACE = "bench"
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


class QueryLog:
    """Writes the log, and knows who is in it."""

    def __init__(self, log: PostgresEventLog, seed: int = 1) -> None:
        self._log = log
        self._random = random.Random(seed)
        self._entropy = SystemEntropy()
        self.files: list[UUID] = []
        self.actors = [
            Actor(f"actor-{number}", "person" if number % 4 else "service", "api_key", str(self._entropy.event_id()))
            for number in range(ACTORS)
        ]
        self._weights = [1 / (number + 8) for number in range(ACTORS)]

    def write(self, upto: int) -> None:
        """Append whole files until the log has at least `upto` events."""
        written = self._log.position()
        commands: list[Append] = []
        while written < upto:
            for drafts in self._life():
                commands.append(Append(drafts))
                written += len(drafts)
            if len(commands) >= BATCH or written >= upto:
                for answer in self._log.append_batch(commands):
                    if not isinstance(answer, Appended):
                        raise answer
                commands.clear()

    def _life(self) -> Iterator[list[Draft]]:
        """Yield the commands of one file, and some readings of others."""
        chance = self._random
        file = self._entropy.event_id()
        owner = self._actor()
        client = {"address": f"10.{chance.randrange(4)}.{chance.randrange(50)}.7", "user_agent": "bench/1"}
        about: dict[str, Json] = {
            "filename": f"report-{chance.randrange(10**6)}.pdf",
            "related": [{"type": "order", "id": str(chance.randrange(10**6))}],
            "subjects": [f"person-{chance.randrange(PERSONS)}"],
            "metadata": {},
        }
        yield [self._draft("file", file, _begun(file, owner), {**about, **client}, owner)]
        done = f.CompletionRequested(size=4096, sha256="a" * 64, md5="b" * 32, parts=None, quota_bytes=0)
        yield [self._draft("file", file, done, {}, owner), self._draft("file", file, _STORED, {}, owner)]
        self.files.append(file)
        for _ in range(chance.randrange(13)):
            whose = file if chance.random() > 0.1 else self.files[chance.randrange(min(HOT, len(self.files)))]
            mode = chance.choice(("view", "download"))
            access = f.Accessed.model_validate({"mode": mode, "first": None, "last": None, "size": 4096})
            yield [self._draft("access", whose, access, client, self._actor())]
        if chance.random() < 0.3:
            link = f.LinkIssued(
                link=str(file), version_id=None, disposition="inline", ttl=600, expires_at=_LATER, observed=True
            )
            yield [self._draft("access", file, link, client, owner)]
        if chance.random() < 0.3:
            changed = f.MetadataChanged(changed=("metadata",))
            yield [self._draft("file", file, changed, {"metadata": {"shelf": "7"}}, owner)]
        if chance.random() < 0.2:
            denied = f.AccessDenied(operation="file.content", code="forbidden", count=1)
            yield [self._draft("access", file, denied, client, self._actor(), outcome="denied")]
        if chance.random() < 0.2:
            yield [self._draft("file", file, f.SoftDeleted(), {"reason": "no longer needed"}, owner)]

    def _actor(self) -> Actor:
        return self._random.choices(self.actors, self._weights)[0]

    def _draft(
        self, kind: str, file: UUID, data: EventData, private: Mapping[str, Json], by: Actor, *, outcome: str = "ok"
    ) -> Draft:
        return draft(
            Fact(data, private, outcome),
            event_id=self._entropy.event_id(),
            stream=f"{kind}:{file}",
            workspace=_WORKSPACE,
            origin=Origin(by, request=str(self._entropy.event_id())),
            salts={name: self._entropy.secret(SALT_BYTES) for name in private},
            head_of=f"{data.HEAD.removesuffix('_head')}:{file}" if data.HEAD else None,
        )


def _begun(file: UUID, owner: Actor) -> f.UploadInitiated:
    return f.UploadInitiated(
        path=f"books/content/2026/11/{file}.pdf",
        extension="pdf",
        category="book_content",
        variant="original",
        media_type="application/pdf",
        provider="local",
        upload="api",
        owner=owner.id,
        access="workspace",
        declared_size=4096,
        declared_sha256=None,
        declared_md5=None,
        max_size=10**6,
        reserved=4096,
        expires_after=None,
        expires_at=None,
        upload_expires_at=datetime.now(UTC) + timedelta(days=1),
        write_until=None,
    )


_STORED = f.Stored(
    size=4096,
    sha256="a" * 64,
    sha256_status="verified",
    md5="b" * 32,
    etag="e",
    version_id=None,
    expires_at=None,
    quota_bytes=0,
)
