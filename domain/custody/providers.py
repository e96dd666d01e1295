"""Providers of storage and what they can do: asked at the start of a store, recorded when it was found out anew.

It stands before the ledger in the order of things: a ledger is opened over a store whose abilities are known.
"""

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import Conflict
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.eventlog.recording import MAX_ATTEMPTS
from provenstore.domain.system import provider as pr


class Providers:
    """What the log knows about stores. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def probed(self, name: str) -> pr.Probed | None:
        """Return the newest trial of a provider; None if it was never tried."""
        state = self._recorder.find(pr.provider_stream(name), pr.project)
        return None if state is None else state.probed

    def record(self, caller: Caller, name: str, probed: pr.Probed) -> bool:
        """Record a trial if it found something new, and say whether it did; for the whole ledger's administrators."""
        self._recorder.require(caller, "provider.probe", None)
        stream = pr.provider_stream(name)
        for _ in range(MAX_ATTEMPTS):
            state = self._recorder.find(stream, pr.project)
            facts = pr.decide(state, name, probed)
            if not facts:
                return False
            drafts = self._recorder.drafts(caller, stream, SYSTEM_WORKSPACE, facts)
            try:
                self._recorder.append(caller, drafts, expected=[Guard(stream, state.version if state else 0)])
            except Conflict as conflict:
                self._recorder.retry_or_raise(conflict, stream)
                continue
            return True
        raise Conflict("the provider keeps changing; try again")
