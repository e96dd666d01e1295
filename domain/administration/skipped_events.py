"""SkippedEvents: an operator's decision that a read model goes on without an event that it cannot take."""

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import IntegrityViolated, Refused
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.system.projection_events import PROJECTIONS, EventSkipped
from provenstore.domain.text import require_reason


class SkippedEvents:
    """Records what is skipped. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def skip(self, caller: Caller, projection: str, version: int, position: int, reason: str) -> None:
        """Record that version `version` of a read model leaves out the event at `position`; Forbidden.

        Refused for an event that erased private values: without it, rows could keep what must be forgotten.
        """
        self._recorder.require(caller, "projection.change", None)
        require_reason(reason)
        log = self._recorder.log
        stored = next(iter(log.rows(position - 1, 1)), None)
        if stored is None or stored.position != position:
            raise IntegrityViolated("an event is missing from the log", position=position)
        if log.erased([stored.id]):
            raise Refused("an event that erased private values is not skipped; mend the fold", position=position)
        data = EventSkipped(projection=projection, projection_version=version, position=position, event=str(stored.id))
        drafts = self._recorder.drafts(caller, PROJECTIONS, SYSTEM_WORKSPACE, [Fact(data, {"reason": reason})])
        self._recorder.append(caller, drafts)
