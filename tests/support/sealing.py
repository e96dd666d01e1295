"""A log in memory that seals as the database does, for tests of pure code: envelope, decisions, folds."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from provenstore.domain.eventlog.envelope import SALT_BYTES, Actor, Draft, Event, Origin, draft
from provenstore.domain.eventlog.event_types import REGISTRY, Fact, Registry, format_time
from provenstore.domain.transparency.merkle import leaf_hash

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SERVICE = Actor("svc-books", "service", "api_key", "0199aaaa-0000-7000-8000-00000000c0de")
ALICE = Actor("alice", "person", "api_key", "0199aaaa-0000-7000-8000-00000000a11c")
ALICE_AGAIN = Actor("alice", "person", "api_key", "0199aaaa-0000-7000-8000-00000000a22c")
BOB = Actor("bob", "person", "api_key", "0199aaaa-0000-7000-8000-000000000b0b")


class SealedLog:
    """Seals facts into events one by one, with the clock of its owner."""

    def __init__(self, registry: Registry = REGISTRY) -> None:
        """Begin empty at START."""
        self.events: list[Event] = []
        self.now = START
        self.registry = registry
        self._ids = 0

    def pass_time(self, **delta: float) -> None:
        """Let time go by."""
        self.now += timedelta(**delta)

    def uuid(self) -> UUID:
        """Return the next of a fixed row of UUIDv7."""
        self._ids += 1
        return UUID(int=(0x0199 << 112) | (0x7000 << 64) | (0x8 << 60) | self._ids)

    def record(
        self,
        facts: Iterable[Fact],
        *,
        stream: str,
        workspace: str = "acme",
        by: Actor = SERVICE,
        head_of: str | None = None,
    ) -> list[Event]:
        """Seal facts at the end of a stream and return their events."""
        sealed = []
        for fact in facts:
            one = draft(
                fact,
                event_id=self.uuid(),
                stream=stream,
                workspace=workspace,
                origin=Origin(by),
                salts=dict.fromkeys(fact.private, b"s" * SALT_BYTES),
                head_of=head_of or (f"{fact.data.HEAD[:-5]}:{stream.partition(':')[2]}" if fact.data.HEAD else None),
                registry=self.registry,
            )
            sealed.append(self._seal(one))
        return sealed

    def _seal(self, one: Draft) -> Event:
        state = join(
            one,
            number=1 + sum(event.workspace == one.workspace for event in self.events),
            prev=self._last(stream=one.stream),
            time=self.now,
            version=1 + sum(event.stream == one.stream for event in self.events),
            workspace_prev=self._last(workspace=one.workspace),
            head=self._head(one.head_of),
        )
        event = Event.parse(len(self.events) + 1, state, registry=self.registry)
        assert event.leaf == leaf_hash(state)
        self.events.append(event)
        return event

    def _last(self, **wanted: str) -> str | None:
        found = [e for e in self.events if all(getattr(e, name) == value for name, value in wanted.items())]
        return found[-1].leaf.hex() if found else None

    def _head(self, stream: str | None) -> bytes:
        found = [event for event in self.events if event.stream == stream]
        if not found:
            return b"null"
        return f'{{"leaf":"{found[-1].leaf.hex()}","version":{found[-1].version}}}'.encode()


def join(
    one: Draft, *, number: int, prev: str | None, time: datetime, version: int, workspace_prev: str | None, head: bytes
) -> bytes:
    """Put the sealed fields between the fragments, as the database does."""
    opening, rest = (one.fragments[0] + head, one.fragments[1]) if one.head_of else (b"", one.fragments[1])
    return b"".join(
        (
            opening,
            rest,
            str(number).encode(),
            one.fragments[2],
            json.dumps(prev).encode(),
            one.fragments[3],
            format_time(time).encode(),
            one.fragments[4],
            str(version).encode(),
            one.fragments[5],
            json.dumps(workspace_prev).encode(),
            b"}",
        )
    )
