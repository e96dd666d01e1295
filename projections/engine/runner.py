"""The runner: keeps the live generation of every read model up to date, each in one process at a time.

Leadership is a session lock per read model and version on the very connection that writes the rows, so a runner that
lost its lock has lost its pen; compare-and-set on position and generation is the second fence. Any number of processes
may run one: those that do not lead a read model wait, and take over within seconds when its leader ends or is cut off.
Notifications are hints: polling always works without them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from provenstore.projections.engine.batch import MAX_BATCH, LogReader
from provenstore.projections.engine.erasure_propagation import ErasurePropagation
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.folding import Folding
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.skips import Skips, no_skips
from provenstore.projections.engine.status import ReadModelStatus, statuses
from provenstore.projections.engine.worker import Connect, Worker, win

POLL: Final = 0.1
"""Seconds between two looks at a log that had nothing new; `wake()` ends the wait."""

GATHER: Final = 0.2
"""Least seconds from one batch to the next while events come singly and no reader waits: a batch of three events costs
as much as one of fifty, in processor time that the commands need."""

FEW: Final = 100
"""Events of a batch that was worth its cost; after it the next one is taken at once."""

TAKEOVER: Final = 0.5
"""Seconds between two attempts of a waiting runner to take the lead."""


class Runner(Worker):
    """Folds the log into its projections until it is stopped."""

    def __init__(
        self,
        log: LogReader,
        connect: Connect,
        projections: Sequence[Projection[Any]],
        *,
        poll: float = POLL,
        takeover: float = TAKEOVER,
        gather: float = GATHER,
        batch: int = MAX_BATCH,
        decided: Callable[[], Skips] = no_skips,
    ) -> None:
        """Run `projections` over `log`, but for what operators `decided` to skip."""
        super().__init__("projections", connect)
        self._projections = {projection.name: projection for projection in projections}
        self._folding = Folding(log, self._projections, decided, batch)
        self._forgetting = ErasurePropagation(log, self._projections, batch)
        self._poll, self._takeover, self._gather = poll, takeover, gather
        self._asked = threading.Event()
        self._led: set[str] = set()
        self._leading = threading.Event()
        self._prepared = False

    @property
    def leading(self) -> bool:
        """Whether this runner is the active one for any read model, as far as it knows."""
        return self._leading.is_set()

    def wake(self) -> None:
        """Look at the log now: a reader waits."""
        self._asked.set()
        super().wake()

    def hint(self) -> None:
        """Look at the log soon: there is something new, which may have company in a moment."""
        self.news.set()

    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Fold what this process leads; what it does not lead it tries to."""
        # A newer release may come while this one runs: its read models are left to it then.
        prepare(connection, tuple(self._projections.values()), strict=not self._prepared)
        self._prepared = True
        next_attempt = 0.0
        while not self.stopping.is_set():
            self.news.clear()
            self._asked.clear()
            if len(self._led) < len(self._projections) and time.monotonic() >= next_attempt:
                self._take_lead(connection)
                next_attempt = time.monotonic() + self._takeover
            begun, led = time.monotonic(), self._of_ours(statuses(connection)) if self._led else []
            standing = self._standing(led)
            moved = self._folding.step(connection, standing)
            if self._forgetting.step(connection, [place for place in led if place.status != "running"]):
                continue
            if not moved:
                self.wait(self._poll if self._led else self._takeover)
            elif all(moved[place.name] - place.position < FEW for place in standing if place.name in moved):
                self._rest(begun + self._gather)

    def _rest(self, until: float) -> None:
        """Let events gather until that moment; a reader who waits ends it, and so does `stop`."""
        if not self.stopping.is_set():
            self._asked.wait(max(0.0, until - time.monotonic()))

    def ended(self) -> None:
        """Lead nothing any more: the locks are gone with the connection."""
        self._folding.close()
        self._leading.clear()
        self._led.clear()

    def _take_lead(self, connection: psycopg.Connection[Any]) -> None:
        """Lead what nobody leads. Parked read models are tried anew: a release that mends a fold needs no command."""
        for name in sorted(self._projections.keys() - self._led):
            if win(connection, f"runner.{name}.{self._projections[name].version}"):
                self._folding.begin_anew(name)
                self._led.add(name)
                self._leading.set()

    def _of_ours(self, found: Sequence[ReadModelStatus]) -> list[ReadModelStatus]:
        """Return what this process leads, as far as it has its code."""
        mine = [place for place in found if place.name in self._led]
        return [place for place in mine if place.version == self._projections[place.name].version]

    def _standing(self, led: Sequence[ReadModelStatus]) -> list[ReadModelStatus]:
        """Return what is to be folded: what runs, and what was parked by an event before this process tried it."""
        standing = []
        for place in led:
            if place.status == "running" and place.name in self._folding.parked:
                # Somebody let it go on, perhaps without the event.
                self._folding.begin_anew(place.name)
            if place.stopped_by is None and place.name not in self._folding.parked:
                standing.append(place)
        return standing
