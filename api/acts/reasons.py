"""Why things of a workspace were requested and approved, as far as the caller may see it: the reasons of its events.

Of a command they are read before it, since nothing that could fail is read once it is on record.
"""

from provenstore.api.services import Services
from provenstore.domain.access.reads import visible
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import disclosed
from provenstore.domain.eventlog.on_record import OnRecord
from provenstore.domain.tenants.second_person import Act


class Reasons:
    """The reasons in one stream, and how far those who gave them reach."""

    def __init__(self, services: Services, caller: Caller, stream: str) -> None:
        """Read them now."""
        self._services, self._caller, self._stream = services, caller, stream
        self._read()

    def _read(self) -> None:
        events, disclosures = self._services.ledger.log.events_with_private_values(self._stream)
        self._ids = {event.position: event.id for event in events}
        self._disclosures = disclosures
        for actor in {self._caller.actor, *(event.actor for event in events)}:
            self._services.ledger.recorder.reaches.of(actor)  # so that nothing has to be looked up after a command

    def after(self, scope: OnRecord) -> None:
        """Add what a command has recorded."""
        self._ids |= {event.position: event.id for event in scope.events(self._stream)}
        self._disclosures = scope.disclosures(self._disclosures)

    def why(self, act: Act) -> Json:
        """Return why somebody did something, null where it may not be seen or was erased."""
        if act.position not in self._ids:
            self._read()  # somebody else has recorded it meanwhile
        event = self._ids.get(act.position)
        if event is None:
            return None
        return disclosed(visible(self._caller, self._disclosures), event, parse_canonical).get("reason")

    def reach(self, actor: Actor) -> str | None:
        """Return how far an actor of the stream reaches."""
        return self._services.ledger.recorder.reaches.known(actor)
