"""The reach of an actor, by its API key: workspaces may choose the same actor ids, so an id alone is ambiguous.

An event contains the credential's id. The first event of the credential's stream has its workspace, which never
changes.
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
"""API keys whose reach is cached; beyond this the cache is cleared, since a reach never changes."""

UNKNOWN: Final = "?"
"""Shown as the reach of an API key that is not in the log."""


@dataclass(frozen=True, slots=True)
class ShownActors:
    """The acts selected by actors in display form: `bob@system` is `bob` with a ledger-wide API key."""

    keys: tuple[str, ...] = ()
    """API keys whose acts are selected."""
    without_key: tuple[str, ...] = ()
    """Actors whose acts without an API key are selected."""


def shown_actors(
    given: Iterable[str], keys_of: Callable[[str], Sequence[str | None]], reach_of: Callable[[str | None], str | None]
) -> ShownActors:
    """Return the acts selected by the texts of the form `id@reach` in `given`; the whole text may also be an actor id.

    `keys_of` returns the API keys that an actor has used, None for acts without one; `reach_of` returns each one's
    reach.
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
    """Looks up the reach of actors. Thread safe."""

    def __init__(self, log: EventLog) -> None:
        """Read `log`, once for each API key."""
        self._log = log
        self._known: dict[str, str] = {}

    def of(self, actor: Actor) -> str | None:
        """Return the workspace of the actor's API key, `system` for the whole ledger, None if the log lacks the key.

        An actor without an API key is this program, or acts on the data directory itself: both reach everything.
        """
        return self.of_key(actor.credential)

    def of_key(self, credential: str | None) -> str | None:
        """Return the same by credential id; None means without an API key."""
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
        """Return the cached reach of an actor; None also if it is not cached."""
        return self.known_key(actor.credential)

    def known_key(self, credential: str | None) -> str | None:
        """Return the cached reach of an API key; None also if it is not cached."""
        return SYSTEM_WORKSPACE if credential is None else self._known.get(credential)
