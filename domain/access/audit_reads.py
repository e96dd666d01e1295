"""Records reads of the audit and of private values, before the result is shown: without a record, no answer.

docs/how-to/audit.md lists these reads. A repeated read by the same caller, from the same origin, within a time window
is merged into one event, but only if that event covers it: a list under the same conditions, the same private values of
one file, entries of the log from a position at or after the recorded one.
"""

import hashlib
import re
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from provenstore.domain.canonical import Json
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_log import Append
from provenstore.domain.eventlog.event_types import Fact, format_time
from provenstore.domain.eventlog.remembered_reads import RememberedReads
from provenstore.domain.tenants import workspace_events as we

ENTRIES_MERGED_FOR = timedelta(hours=1)
"""Otherwise a mirror that follows the log would cause an event by each read of its own events."""

LISTS_MERGED_FOR = timedelta(seconds=60)
"""Reading several pages of one list is one read."""

MAX_SHOWN = 1_024
"""Maximum characters of one condition's values in the event; longer ones become a private value, in full."""

_TURNS = 256
"""Locks that keys share: a read that shares one with a read being recorded waits for it, for milliseconds."""

_SHOWN = frozenset(
    {"action", "actor", "at", "category", "cause", "code", "created_before", "created_from", "credential",
     "decision", "deleted_before", "deleted_from", "erasure", "expires_before", "expires_from", "file", "held",
     "hold", "key", "link", "max_size", "media_type", "min_size", "outcome", "owner", "path_prefix", "purge",
     "request", "retained_until", "retention_mode", "sha256", "status", "stored_before", "stored_from",
     "time_before", "time_from", "type", "unretained_at", "variant", "workspace"}
)  # fmt: skip
"""Conditions that are recorded with their values, also when negated.

All others may name a person, so their values are recorded privately and can be erased.
"""

SEARCHED_FOR: Final = "searched_for"
"""The private value of a read with the conditions that may name a person, or are long."""

_PRIVATE_MEMBERS: Final = frozenset(
    {"reason", "deletion_reason", "approval_reason", "end_reason", "name", "matter", "purpose", "recipient"}
)
"""Members of answers whose values are shown only to callers who may see every private value."""

_GIVEN_NAMES: Final = frozenset({"metadata"})
"""Members whose own members are named by users."""

_PLAIN = re.compile(r"[A-Za-z0-9._:+/-]{1,255}")
"""A value that may be written to an event permanently: an id, a word, a number or a time, and no free text."""


Shown = Literal["file", "holds", "purge", "erasure", "disposal", "workspace"]
"""Answers about one resource, which may show private values."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The subject of a read, its first position, and how long one event covers it."""

    what: Hashable
    first: int
    lasts: timedelta


class AuditReads:
    """Records reads. Remembers only recent ones; a crash causes more events, never fewer."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder
        self._recent = RememberedReads()
        self._turns = [threading.Lock() for _ in range(_TURNS)]

    def listed(
        self,
        caller: Caller,
        workspace: str | None,
        asked: Mapping[str, object],
        what: Literal["list", "disposal"] = "list",
    ) -> None:
        """Record that files of `workspace` (None: all) are listed under these conditions.

        A service that lists only its own files reads only what it wrote, which is not recorded. This requires a key for
        one workspace: in other workspaces the same owner id is a different actor.
        """
        own = caller.scope is not None and asked.get("owner") == caller.actor.id
        if own and caller.actor.kind == "service":
            return
        conditions = {name: value for name, value in asked.items() if value not in (None, (), [], {})}
        read = {"what": what, "file": None, "conditions": conditions}
        question = tuple(sorted((name, repr(value)) for name, value in conditions.items()))
        place = workspace or SYSTEM_WORKSPACE
        self._once(caller, place, _Reading((what, workspace, question), 0, LISTS_MERGED_FOR), read)

    def shown(
        self,
        caller: Caller,
        workspace: str,
        what: Shown,
        answer: Json,
        *,
        file: str | None = None,
        erasure: str | None = None,
    ) -> None:
        """Record that an answer shows private values beyond file descriptions; nothing if it shows none.

        Values that the caller may not see, and erased values, are null in the answer and do not count.
        """
        if values := private_values_of(answer):
            digest = hashlib.sha256(repr(values).encode()).digest()
            one = _Reading((what, workspace, file, erasure, digest), 0, LISTS_MERGED_FOR)
            conditions = {} if erasure is None else {"erasure": erasure}
            self._once(caller, workspace, one, {"what": what, "file": file, "conditions": conditions})

    def entries(self, caller: Caller, first: int) -> None:
        """Record that raw entries of the whole ledger are read, from position `first`."""
        read = {"what": "entries", "file": None, "from_position": first}
        self._once(caller, SYSTEM_WORKSPACE, _Reading(("entries",), first, ENTRIES_MERGED_FOR), read)

    def record(self, caller: Caller, workspace: str, **read: Any) -> None:
        """Record a read of the audit of `workspace`, before its result is shown; the fields are AuditRead's."""
        record_audit_read(self._recorder, caller, workspace, **read)

    def _once(self, caller: Caller, workspace: str, one: "_Reading", read: dict[str, Any]) -> None:
        """Record a read unless a recent recorded read covers it.

        Repetitions wait while a read is being recorded, since they count for nothing if that fails.
        """
        origin = (caller.on_behalf_of, caller.session, caller.cause, caller.address, caller.user_agent)
        key = (caller.actor, caller.scope, *origin, one.what)
        with self._turns[hash(key) % _TURNS]:
            now = self._recorder.clock.now()
            since, covered = self._recent.find(caller.principal, key)
            if since is None or now - since >= one.lasts or covered > one.first:
                self.record(caller, workspace, **read)
                self._recent.keep(caller.principal, key, now, one.first, one.lasts)


def record_audit_read(
    recorder: Recorder, caller: Caller, workspace: str, *, conditions: Mapping[str, object] | None = None, **read: Any
) -> None:
    """Record a read of the audit of `workspace`, before its result is shown; the fields are AuditRead's.

    Conditions that may name a person, or are too long for the event, become a private value.
    """
    private: dict[str, Json] = {}
    if conditions:
        read = {"by": tuple(sorted(conditions)), "asked": conditions_of(conditions), **read}
        if named := _naming(conditions):
            private[SEARCHED_FOR] = named
    data = we.AuditRead.model_validate(read)
    drafts = recorder.drafts(caller, f"audit:{caller.principal}", workspace, [Fact(data, private)])
    recorder.log.append(Append(drafts=drafts, reads=caller.guards))


def private_values_of(answer: Json) -> list[tuple[str, Json]]:
    """Return the private values that an answer shows beyond file descriptions, by member, in order."""
    found: list[tuple[str, Json]] = []
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in _PRIVATE_MEMBERS and isinstance(value, str):
                found.append((name, value))
            elif name not in _GIVEN_NAMES:
                found += private_values_of(value)
    elif isinstance(answer, list):
        for one in answer:
            found += private_values_of(one)
    return found


def conditions_of(asked: Mapping[str, object]) -> tuple[str, ...]:
    """Return the public conditions with their values: none that may name a person or is too long."""
    shown = {name: _text(value) for name, value in sorted(asked.items()) if name.removeprefix("not_") in _SHOWN}
    return tuple(f"{name}={value}" for name, value in shown.items() if value is not None)


def _naming(asked: Mapping[str, object]) -> dict[str, Json]:
    """Return the other conditions with their values: all that `conditions_of` leaves out, in full."""
    return {
        name: _plain(value)
        for name, value in sorted(asked.items())
        if name.removeprefix("not_") not in _SHOWN or _text(value) is None
    }


def _plain(value: object) -> Json:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, bool):
        return value
    return format_time(value) if isinstance(value, datetime) else str(value)


def _text(value: object) -> str | None:
    """Return a value as text, None for text that is not a plain word, and for values that are too long together."""
    if isinstance(value, tuple | list):
        found = [one for one in map(_text, value) if one is not None]
        text = ",".join(found)
        return text if len(found) == len(value) and len(text) <= MAX_SHOWN else None
    text = format_time(value) if isinstance(value, datetime) else str(value)
    return text if _PLAIN.fullmatch(text) else None
