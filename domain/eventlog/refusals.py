"""Refusals recorded in the workspace of the caller, never in the workspace of the requested resource.

Refusals to an authenticated caller on a file within its reach are recorded in that file's `access:` stream. Beyond
`MAX_VARIETY` different ones in a minute they are counted here, in the workspace of the files. All other refusals are
recorded here: a refused upload, an operation that no role allows, and resources that do not exist for the caller. A
resource of a foreign workspace and a resource that does not exist leave the same event in the same stream. So the
caller cannot tell them apart afterwards, and cannot write into another tenant's chain.

Uses of a revoked or expired API key are recorded in the stream of its own credential. No other event is about API
keys: a caller that does not know a key's secret must not be able to write into the log.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Literal

from provenstore.domain.canonical import Json
from provenstore.domain.clock import Clock
from provenstore.domain.eventlog.backlog import Backlog
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.deduplication import WindowedCounter
from provenstore.domain.eventlog.envelope import Draft
from provenstore.domain.eventlog.event_log import Append, EventLog
from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Fact

MERGED_FOR = timedelta(minutes=1)

MAX_VARIETY = 20
"""Different refusals of one caller within a minute that are recorded separately; further ones are counted together.

So a caller cannot fill the log with refusals by varying its requests.
"""

MAX_FILES = 500
"""Files on which refusals of one caller within a minute are recorded separately, each with up to `MAX_VARIETY`.

Far more than 20: an investigation needs to know which files a caller tried to read.
"""

MAX_ADDRESSES = 100
"""Addresses listed in an event that counts different refusals together; the event also has their total number."""

ADDRESSES = "addresses"
"""Name of the private value with these addresses."""

_FROM_WHERE = frozenset({ADDRESSES})


@REGISTRY.register
class RequestRefused(EventData):
    """A request of an authenticated caller was refused; one event covers `count` refusals within a minute.

    It concerned no file within the caller's reach. If `merged`, it covers different files and operations, beyond the
    number that have an event each.
    """

    TYPE: ClassVar[str] = "request.refused.v1"
    PRIVATE: ClassVar[frozenset[str]] = _FROM_WHERE

    operation: str
    code: str
    count: int
    file: str | None = None  # requested id, whether the file exists or not
    target: str | None = None  # requested workspace, API key or event, likewise
    category: str | None = None  # of an upload that was refused
    media_type: str | None = None  # likewise
    size: int | None = None  # likewise, as declared
    merged: bool = False  # too many different refusals: `count` covers other refusals of this caller
    from_addresses: int | None = None  # of a merged one: from how many different addresses, 1,000 for more
    from_agents: int | None = None  # likewise, with how many different programs
    link: str | None = None  # of a merged one: id of the link that was used


@REGISTRY.register
class CredentialRefused(EventData):
    """An API key was used, with its secret, after its end; one event covers `count` uses within a minute."""

    TYPE: ClassVar[str] = "credential.refused.v1"
    PRIVATE: ClassVar[frozenset[str]] = _FROM_WHERE

    credential: str
    code: Literal["revoked", "expired"]
    count: int
    merged: bool = False  # too many different uses: `count` covers uses from other origins
    link: str | None = None  # id of the link that was used instead of the API key
    from_addresses: int | None = None  # of a merged one: from how many different addresses, 1,000 for more
    from_agents: int | None = None  # likewise, with how many different programs


@dataclass(frozen=True, slots=True)
class Asked:
    """The subject of a refused request; nothing here is private, and nothing here need exist."""

    file: str | None = None
    target: str | None = None
    category: str | None = None
    media_type: str | None = None
    size: int | None = None


NOTHING = Asked()


@dataclass(frozen=True, slots=True)
class _Refusal:
    caller: Caller
    stream: str
    workspace: str
    data: RequestRefused | CredentialRefused
    decision: str | None = None


@dataclass(slots=True)
class _Variety:
    """The different refusals of one caller recorded since a moment."""

    since: datetime
    seen: set[Hashable] = field(default_factory=set)


def home_of(caller: Caller) -> str:
    """Return the workspace in which a caller's refusals are recorded."""
    return caller.reach


class Refusals:
    """Records refusals: merges identical ones within a minute, and limits the different ones. Thread safe."""

    def __init__(
        self, log: EventLog, clock: Clock, drafts: Callable[[Caller, str, str, Sequence[Fact]], Sequence[Draft]]
    ) -> None:
        """Record in `log` the drafts that `drafts` makes from facts."""
        self._log = log
        self._clock = clock
        self._drafts = drafts
        self._merger: WindowedCounter[_Refusal] = WindowedCounter(MERGED_FOR)
        self._backlog = Backlog(log)
        self._varieties: dict[Hashable, _Variety] = {}
        self._lock = threading.Lock()

    def request(
        self, caller: Caller, operation: str, code: str, asked: Asked = NOTHING, *, rule: str | None = None
    ) -> None:
        """Record that `caller` was refused `operation`; durable on return. Nothing is recorded for the system."""
        if caller.actor.kind == "system":
            return
        home = home_of(caller)
        data = RequestRefused(
            operation=operation,
            code=code,
            count=1,
            file=asked.file,
            target=asked.target,
            category=asked.category,
            media_type=asked.media_type,
            size=asked.size,
        )
        self._record(_Refusal(caller, f"refusals:{home}", home, data, rule), caller.principal)

    def credential(self, caller: Caller, code: Literal["revoked", "expired"]) -> None:
        """Record that an API key of `caller` was used after its end. Durable on return."""
        credential = caller.actor.credential or ""
        link = None if caller.link is None else caller.link.id
        data = CredentialRefused(credential=credential, code=code, count=1, link=link)
        self._record(_Refusal(caller, f"credential:{credential}", home_of(caller), data), credential)

    def _record(self, refusal: _Refusal, who: str) -> None:
        caller, now = refusal.caller, self._clock.now()
        origin = (caller.on_behalf_of, caller.session, caller.address, caller.user_agent, caller.cause)
        key: Hashable = (caller.actor, caller.scope, refusal.data, refusal.decision, *origin)
        if self.told_apart(who, key, now):
            self._merger.once(key, refusal, now, lambda: self._append(refusal))
        else:
            self._count(refusal, now)

    def count(self, caller: Caller, workspace: str, operation: str, code: str, link: str | None) -> None:
        """Count a refusal on a file of `workspace` together with others of this caller; durable on return."""
        data = RequestRefused(operation=operation, code=code, count=1, link=link)
        self._count(_Refusal(caller, f"refusals:{workspace}", workspace, data), self._clock.now())

    def _count(self, refusal: _Refusal, now: datetime) -> None:
        caller = refusal.caller
        notes = {"address": caller.address, "agent": caller.user_agent}
        noted = {name: () if value is None else (value,) for name, value in notes.items()}
        key, together = self._together(refusal)
        self._merger.once(key, together, now, lambda: self._append(together, noted), notes)

    def told_apart(self, who: Hashable, key: Hashable, now: datetime, *, most: int = MAX_VARIETY) -> bool:
        """Tell whether to record this refusal separately: it is one of the first `most` different ones in a minute."""
        with self._lock:
            variety = self._varieties.get(who)
            if variety is None or now - variety.since >= MERGED_FOR:
                variety = self._varieties[who] = _Variety(now)
            if key not in variety.seen and len(variety.seen) >= most:
                return False
            variety.seen.add(key)
            return True

    @staticmethod
    def _together(refusal: _Refusal) -> tuple[Hashable, _Refusal]:
        """Return the merged refusal that covers all further ones of a caller: it has the caller, not the resource.

        It has no address of its own: the refusals that it covers may come from many.
        """
        data: RequestRefused | CredentialRefused
        if isinstance(refusal.data, RequestRefused):
            said = refusal.data
            data = RequestRefused(operation=said.operation, code=said.code, count=1, merged=True, link=said.link)
        else:
            data = refusal.data.model_copy(update={"merged": True})
        key = (refusal.caller.actor, refusal.caller.scope, refusal.stream, data)
        caller = replace(refusal.caller, on_behalf_of=None, session=None)
        anywhere = replace(caller, address=None, user_agent=None, client_request=None)
        return key, _Refusal(anywhere, refusal.stream, refusal.workspace, data)

    def flush(self) -> None:
        """Record the counts of repeated refusals since the last flush; on Unavailable the counts are kept."""
        moment = self._clock.now()
        self._backlog.record(
            lambda: [self._counted(one.payload, one.count, one.noted) for one in self._merger.drain(moment)]
        )
        with self._lock:
            for who in [who for who, one in self._varieties.items() if moment - one.since >= MERGED_FOR]:
                del self._varieties[who]

    def _append(self, refusal: _Refusal, noted: Mapping[str, Sequence[Hashable]] = MappingProxyType({})) -> None:
        self._log.append(self._counted(refusal, 1, noted))

    def _counted(self, refusal: _Refusal, count: int, noted: Mapping[str, Sequence[Hashable]]) -> Append:
        changes: dict[str, int] = {"count": count}
        private: dict[str, Json] = {}
        if refusal.data.merged:
            addresses, agents = noted.get("address", ()), noted.get("agent", ())
            changes |= {"from_addresses": len(addresses), "from_agents": len(agents)}
            private = {ADDRESSES: [str(one) for one in addresses[:MAX_ADDRESSES]]} if addresses else {}
        decision = None if refusal.decision is None else f"{refusal.decision}/1"
        fact = Fact(refusal.data.model_copy(update=changes), private, outcome="denied", decision=decision)
        # No guards: a refusal stays true if the credential has changed meanwhile.
        return Append(drafts=self._drafts(refusal.caller, refusal.stream, refusal.workspace, [fact]))
