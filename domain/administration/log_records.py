"""What is recorded about the log as a transparency log: which keys sign it, who cleared an alarm, and how it ends.

Recorded before it takes effect. Which keys there are is found out elsewhere; nothing here sees more than their public
half.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import Misconfigured, Refused
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.recording import Decision, Subject
from provenstore.domain.system.log_events import LOG, FormerKeys, LogAlarmCleared, LogBegunAnew, LogKeysChanged
from provenstore.domain.text import require_reason
from provenstore.domain.transparency.merkle import EMPTY_ROOT
from provenstore.domain.transparency.signing import LastSigned, Signed, TreeHead, TreeHeads, clear_alarm, require_ended


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys that sign the log, as the log says; `origin` is None before the first."""

    version: int
    origin: str | None = None
    keys: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    """All that it has gone by."""
    begun: LogBegunAnew | None = None
    """How it last began on what was left of another log."""


def project(state: LogKeys | None, events: Iterable[Event]) -> LogKeys | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = replace(state or LogKeys(0), version=event.version)
        data = event.data
        if isinstance(data, LogKeysChanged | LogBegunAnew):
            state = replace(state, origin=data.origin, keys=data.keys, names=state.names | {data.origin})
        if isinstance(data, LogBegunAnew):
            state = replace(state, names=state.names | {data.ended_origin}, begun=data)
    return state


def decide(state: LogKeys | None, origin: str, keys: Sequence[str]) -> tuple[Fact, ...]:
    """Record the keys unless they are the known ones; Misconfigured where the log has another name."""
    if state is not None and state.origin not in (None, origin):
        raise Misconfigured(
            f"this log is signed as {state.origin}, and the key here is for {origin}: use that log's key, from its "
            "data directory or in PROVENSTORE_SIGNING_KEY"
        )
    if state is not None and state.keys == tuple(keys):
        return ()
    was = FormerKeys(keys=state.keys if state is not None else ())
    return (Fact(LogKeysChanged(origin=origin, keys=tuple(keys), was=was)),)


class NextKeys(Protocol):
    """The keys of a log that is about to begin on what is left of another one."""

    def name(self) -> str:
        """Return the name of the log to come, the same until it has begun; Refused where that was a log's here."""

    def vouched(self, note: bytes) -> TreeHead:
        """Return the head of a checkpoint that was signed by a key of a log here; InvalidProof for any other."""

    def draw(self, origin: str) -> tuple[str, ...]:
        """Return the verifier keys of the log of that name; nothing is signed with them yet. The same ones again."""

    def take(self) -> None:
        """Sign with these keys from now on, and with no earlier one; nothing where that is so."""


class LogRecords:
    """Records about the log itself. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def record_keys(self, caller: Caller, origin: str, keys: Sequence[str]) -> bool:
        """Record which verifier keys are in force from now on, and say whether that is new; Forbidden, Misconfigured.

        Before anything is signed with a key of them for the first time.
        """
        self._recorder.require(caller, "log.change", None)
        log = Subject("the log's keys", LOG, SYSTEM_WORKSPACE, project)
        return self._recorder.commit(caller, log, lambda state: Decision(decide(state, origin, keys))).recorded

    def clear_alarm(self, caller: Caller, tree: TreeHeads, last: LastSigned, reason: str) -> Signed:
        """Let checkpoints be signed again, as `signing.clear_alarm`; Forbidden."""
        self._recorder.require(caller, "log.change", None)
        require_reason(reason)
        return clear_alarm(tree, last, self._clearing(caller, reason))

    def begin_anew(  # noqa: PLR0917  # ports
        self, caller: Caller, tree: TreeHeads, newest: bytes | None, last: LastSigned, keys: NextKeys, reason: str
    ) -> LogBegunAnew:
        """Let what is left of a log go on under another name and key; return what is on record of it. Forbidden.

        `newest` is the newest checkpoint that the database has. Refused, LogRewound and Unavailable as
        `signing.require_ended`, InvalidProof where no key here has signed `newest`, Conflict where somebody else does
        it at this moment. After a crash, on any line, the same call goes on where that one stopped.
        """
        self._recorder.require(caller, "log.change", None)
        require_reason(reason)
        with last.held():
            # 1. That it has ended, by what was signed, while nobody here signs; and a name that no log had.
            signed, state, origin = last.read(), self._recorder.find(LOG, project) or LogKeys(0), keys.name()
            shared = TreeHead(0, EMPTY_ROOT) if newest is None else keys.vouched(newest)
            require_ended(tree, signed, shared, state.names)
            begun = state.begun
            if begun is None or (begun.origin, begun.ended_origin) != (origin, signed.origin):
                begun = None
                if origin in state.names:
                    raise Refused(f"{origin} was a name of this log: choose another")
            # 2. The new key, aside. A crash leaves one that nobody knows; the next call takes it.
            verifiers = keys.draw(origin)
            # 3. The record, unless a crash came behind it. From here on nothing is signed by the old name, as the log
            #    says another.
            if begun is None:
                begun = self._record_end(caller, signed, shared, origin, verifiers, reason, state.version)
            elif begun.keys != verifiers:
                raise Refused(f"{origin} is on record with a key that is not here: choose another name")
            # 4. What the new log has to extend, in the place of what this database never will. From here on the old
            #    key, if it is there, is of another log than this one, and signs nothing.
            last.write(Signed(origin, shared))
            # 5. The key. Whoever next signs does this if we do not come to it.
            keys.take()
        return begun

    def _record_end(  # noqa: PLR0917  # one event's members
        self,
        caller: Caller,
        signed: Signed,
        shared: TreeHead,
        origin: str,
        keys: tuple[str, ...],
        reason: str,
        version: int,
    ) -> LogBegunAnew:
        data = LogBegunAnew(
            origin=origin,
            keys=keys,
            ended_origin=signed.origin,
            ended_size=signed.head.size,
            ended_root=signed.head.root.hex(),
            shared_size=shared.size,
        )
        drafts = self._recorder.drafts(caller, LOG, SYSTEM_WORKSPACE, [Fact(data, {"reason": reason})])
        self._recorder.append(caller, drafts, expected=[Guard(LOG, version)])
        return data

    def _clearing(self, caller: Caller, reason: str) -> Callable[[Signed], None]:
        def record(signed: Signed) -> None:
            data = LogAlarmCleared(size=signed.head.size, root=signed.head.root.hex())
            drafts = self._recorder.drafts(caller, LOG, SYSTEM_WORKSPACE, [Fact(data, {"reason": reason})])
            self._recorder.append(caller, drafts)

        return record
