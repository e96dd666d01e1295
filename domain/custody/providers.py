"""Storage providers and their capabilities: read when a store is opened, recorded when a probe finds a change.

Used before the ledger: a ledger is opened over a store whose capabilities are known.
"""

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.recording import Decision, Subject
from provenstore.domain.system import provider as pr


class Providers:
    """The stores' capabilities as recorded in the log. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def probed(self, name: str) -> pr.Probed | None:
        """Return the newest probe of a provider; None if it was never probed."""
        state = self._recorder.find(pr.provider_stream(name), pr.project)
        return None if state is None else state.probed

    def record(self, caller: Caller, name: str, probed: pr.Probed) -> bool:
        """Record a probe if it found a change, and return whether it did; requires `provider.probe` ledger-wide."""
        self._recorder.require(caller, "provider.probe", None)
        provider = Subject("the provider", pr.provider_stream(name), SYSTEM_WORKSPACE, pr.project)
        return self._recorder.commit(caller, provider, lambda state: Decision(pr.decide(state, name, probed))).recorded
