"""Providers of storage and what they can do: asked at the start of a store, recorded when it was found out anew.

It stands before the ledger in the order of things: a ledger is opened over a store whose abilities are known.
"""

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.recording import Decision, Subject
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
        provider = Subject("the provider", pr.provider_stream(name), SYSTEM_WORKSPACE, pr.project)
        return self._recorder.commit(caller, provider, lambda state: Decision(pr.decide(state, name, probed))).recorded
