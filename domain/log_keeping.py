"""What is recorded about the log as a transparency log: which keys sign it, and who cleared an alarm.

Recorded before it takes effect. Which keys there are is found out elsewhere; nothing here sees more than their public
half.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from provenstore.domain.caller import Caller
from provenstore.domain.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.errors import Conflict, Misconfigured
from provenstore.domain.event_log import Guard
from provenstore.domain.event_types import Fact
from provenstore.domain.log_events import LOG, LogAlarmCleared, LogKeysChanged
from provenstore.domain.recorder import MAX_ATTEMPTS, Recorder
from provenstore.domain.signing import LastSigned, Signed, TreeHeads, clear_alarm
from provenstore.domain.text import require_reason


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys that sign the log, as the log says; `origin` is None before the first."""

    version: int
    origin: str | None = None
    keys: tuple[str, ...] = ()


def project(state: LogKeys | None, events: Iterable[Event]) -> LogKeys | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = replace(state or LogKeys(0), version=event.version)
        if isinstance(event.data, LogKeysChanged):
            state = replace(state, origin=event.data.origin, keys=event.data.keys)
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
    return (Fact(LogKeysChanged(origin=origin, keys=tuple(keys))),)


class LogKeeping:
    """Records about the log itself. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def record_keys(self, caller: Caller, origin: str, keys: Sequence[str]) -> bool:
        """Record which verifier keys are in force from now on, and say whether that is new; Forbidden, Misconfigured.

        Before anything is signed with a key of them for the first time.
        """
        self._recorder.require(caller, "log.change", None)
        for _ in range(MAX_ATTEMPTS):
            state = self._recorder.find(LOG, project)
            facts = decide(state, origin, keys)
            if not facts:
                return False
            drafts = self._recorder.drafts(caller, LOG, SYSTEM_WORKSPACE, facts)
            try:
                self._recorder.append(caller, drafts, expected=[Guard(LOG, state.version if state else 0)])
            except Conflict as conflict:
                self._recorder.retry_or_raise(conflict, LOG)
                continue
            return True
        raise Conflict("the log's keys keep changing; try again")

    def clear_alarm(self, caller: Caller, tree: TreeHeads, last: LastSigned, reason: str) -> Signed:
        """Let checkpoints be signed again, as `signing.clear_alarm`; Forbidden."""
        self._recorder.require(caller, "log.change", None)
        require_reason(reason)
        return clear_alarm(tree, last, self._clearing(caller, reason))

    def _clearing(self, caller: Caller, reason: str) -> Callable[[Signed], None]:
        def record(signed: Signed) -> None:
            data = LogAlarmCleared(size=signed.head.size, root=signed.head.root.hex())
            drafts = self._recorder.drafts(caller, LOG, SYSTEM_WORKSPACE, [Fact(data, {"reason": reason})])
            self._recorder.append(caller, drafts)

        return record
