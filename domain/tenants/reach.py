"""How far an actor reaches, by the key that it used: workspaces choose ids alike, so an id alone names nobody.

An event names the key. For which workspace that was issued stands in the log, at the beginning of the key's own stream,
and never changes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Actor
from provenstore.domain.eventlog.event_log import EventLog
from provenstore.domain.tenants import credential as cr
from provenstore.domain.text import SLUG

MAX_REMEMBERED: Final = 10_000
"""Keys whose reach is remembered; it never changes, so all of them are forgotten at once beyond this."""

UNKNOWN: Final = "?"
"""What is shown for the reach of a key that the log does not have."""


@dataclass(frozen=True, slots=True)
class ShownActors:
    """Which acts are meant by actors as they are shown: `bob@system` is `bob` with a key for the whole ledger."""

    keys: tuple[str, ...] = ()
    """API keys whose acts are meant."""
    without_key: tuple[str, ...] = ()
    """Actors who are meant where they acted without a key."""


def shown_actors(
    given: Iterable[str], keys_of: Callable[[str], Sequence[str | None]], reach_of: Callable[[str | None], str | None]
) -> ShownActors:
    """Return what the actors of the form `id@reach` among `given` mean, besides an actor of the whole text as its id.

    `keys_of` returns the API keys that an actor has acted with, None for none; `reach_of` says how far each reaches.
    """
    keys, without_key = list[str](), list[str]()
    for actor, at, reach in (one.rpartition("@") for one in given):
        if not at or not actor or not (reach == UNKNOWN or SLUG.fullmatch(reach)):
            continue
        for key in keys_of(actor):
            if (reach_of(key) or UNKNOWN) != reach:
                continue
            if key is None:
                without_key.append(actor)
            else:
                keys.append(key)
    return ShownActors(tuple(keys), tuple(without_key))


class Reaches:
    """Looks up how far actors reach. Thread safe."""

    def __init__(self, log: EventLog) -> None:
        """Ask `log`, once for each key."""
        self._log = log
        self._known: dict[str, str] = {}

    def of(self, actor: Actor) -> str | None:
        """Return the workspace of the actor's key, `system` for the whole ledger, None where the log has no such key.

        Who acts without a key is this program, or somebody on the data directory itself: both reach everything.
        """
        return self.of_key(actor.credential)

    def of_key(self, credential: str | None) -> str | None:
        """Return the same for who acted with this key; None is without a key."""
        known = self.known_key(credential)
        if known is not None or credential is None:
            return known
        try:
            found = self._log.load(cr.credential_stream(credential), cr.project)
        except NotFound:
            return None
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[credential] = reach = found.scope or SYSTEM_WORKSPACE
        return reach

    def known(self, actor: Actor) -> str | None:
        """Return the reach of an actor without asking the log; None also where it was not asked yet."""
        return self.known_key(actor.credential)

    def known_key(self, credential: str | None) -> str | None:
        """Return the reach of a key without asking the log; None also where it was not asked yet."""
        return SYSTEM_WORKSPACE if credential is None else self._known.get(credential)
