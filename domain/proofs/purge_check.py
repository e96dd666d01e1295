"""Purges held against themselves, for a verification: what is certified as destroyed was on record before. Pure.

Takes the events of a log in order; in memory only for purges under way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files import file_events as e
from provenstore.domain.files.destroyed import list_digest


@dataclass(slots=True)
class _UnderWay:
    """What is known of one purge."""

    requester: str
    missing: bool
    policy: str | None = None
    approver: str | None = None
    listed: list[e.DestroyedVersion] = field(default_factory=list)


class PurgeCheck:
    """Follows each purge from its request to its end, and says what is wrong with the end."""

    def __init__(self) -> None:
        """Begin with none under way."""
        self._purges: dict[str, _UnderWay] = {}

    def take(self, event: Event) -> Iterator[str]:
        """Yield what is wrong with an event, in the light of those before it."""
        match event.data:
            case e.PurgeRequested() as data:
                self._purges[data.purge] = _UnderWay(event.actor.id, data.missing, data.policy)
            case e.PurgeApproved() as data if data.purge in self._purges:
                self._purges[data.purge].approver = event.actor.id
            case e.PurgeStarted() | e.PurgeListed() as data if data.purge in self._purges:
                self._purges[data.purge].listed += data.versions
            case e.PurgeRejected() | e.PurgeWithdrawn() as data:
                self._purges.pop(data.purge, None)
            case e.Purged() as data:
                yield from _wrong(data, self._purges.pop(data.purge, None))


def _wrong(data: e.Purged, purge: _UnderWay | None) -> Iterator[str]:
    count = len(data.versions) if data.count is None else data.count
    if purge is None:
        yield "a purge is recorded as done that nobody requested"
        return
    if data.list_sha256 is not None and (count, data.list_sha256) != (len(purge.listed), list_digest(purge.listed)):
        yield "count or digest of what was destroyed are not those of the list on record"
    if count == 0 and not purge.missing:
        yield "a destruction is certified although nothing was found to destroy"
    if data.policy != purge.policy:
        yield "the certificate names another disposal policy than the request"
    if data.found == "nothing" and (purge.approver is None or purge.approver == purge.requester):
        yield "a missing object was given up without a second person"
