"""The builder: fills generations beside the live ones, and lets each take the live one's place when it has caught up.

Any number of processes may run one; each build is filled by one of them, and taken up by another where it stood when
that one ends. It publishes nothing: until the swap, one transaction, readers see the live generation, which its own
runner keeps up to date all the while.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg
import structlog
from psycopg import IsolationLevel

from provenstore.projections.engine import generations
from provenstore.projections.engine.batch import LogReader
from provenstore.projections.engine.builds import Build, builds, end, hold, resume, swap, sweep
from provenstore.projections.engine.comparing import compare
from provenstore.projections.engine.erasure_propagation import ErasurePropagation, erasing, forget_early
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.folding import Folding
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.skips import Skips, no_skips
from provenstore.projections.engine.status import ReadModelStatus, statuses
from provenstore.projections.engine.worker import Connect, Worker, win

BUILD_BATCH: Final = 2_000
"""Events of one batch: twice a runner's, as nobody waits for what is built, and rows that are busy are written half as
often. The swap holds the live position for as long as one batch takes."""

LOOK: Final = 0.5
"""Seconds between two looks for something to build."""

_log = structlog.get_logger(__name__)


class Builder(Worker):
    """Builds what is to be built until it is stopped."""

    def __init__(
        self,
        log: LogReader,
        connect: Connect,
        projections: Sequence[Projection[Any]],
        *,
        rate: int | None = None,
        look: float = LOOK,
        batch: int = BUILD_BATCH,
        decided: Callable[[], Skips] = no_skips,
    ) -> None:
        """Build `projections` from `log`, at most `rate` events a second (None: as fast as it goes).

        Left out is what operators `decided` to skip.
        """
        super().__init__("builds", connect)
        self._events = log
        self._projections = {projection.name: projection for projection in projections}
        self._folding = Folding(log, self._projections, decided, batch)
        self._forgetting = ErasurePropagation(log, self._projections, batch)
        self._rate, self._look, self._batch = rate, look, batch
        self._mine: set[str] = set()
        self._taken: dict[str, int] = {}

    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Fill, swap, compare, and clear away what swaps have left behind."""
        prepare(connection, tuple(self._projections.values()), strict=False)
        clean = False
        while not self.stopping.is_set():
            self.news.clear()
            begun = time.monotonic()
            newest = self._events.position()
            ours = [build for build in builds(connection) if self._leads(connection, build)]
            under_way = [build for build in ours if self._takes(connection, build)]
            folded = self._fill(connection, under_way)
            more = self._forgetting.step(connection, [build.place for build in ours if build.status == "failed"])
            ended = [self._finish(connection, build.name, newest) for build in under_way]
            clean = (clean and not any(ended)) or self._sweep(connection)
            if not folded and not more:
                self.wait(self._look)
            elif self._rate is not None:
                self.stopping.wait(folded / self._rate - (time.monotonic() - begun))

    def ended(self) -> None:
        """Build nothing any more: the locks are gone with the connection."""
        self._folding.close()
        self._mine.clear()
        self._taken.clear()

    def _leads(self, connection: psycopg.Connection[Any], build: Build) -> bool:
        """Tell whether this process sees to a build: it has its code, and is the one who does."""
        projection = self._projections.get(build.name)
        if build.status not in {"building", "failed"} or projection is None or projection.version != build.version:
            return False
        if build.name not in self._mine and not win(connection, f"builder.{build.name}.{build.version}"):
            return False
        self._mine.add(build.name)
        return True

    def _takes(self, connection: psycopg.Connection[Any], build: Build) -> bool:
        """Tell whether a build that this process sees to is to be filled, and take it up."""
        if build.status != "building":
            return False
        if self._taken.get(build.name) != build.generation or build.name in self._folding.parked:
            self._folding.begin_anew(build.name)
            resume(connection, build)
            self._taken[build.name] = build.generation
            _log.info("build.taken", action="builds.take", projection=build.name, position=build.position)
        return True

    def _fill(self, connection: psycopg.Connection[Any], under_way: Sequence[Build]) -> int:
        """Fold one batch into each and return how many events that were; a comparison goes no further than the rows."""
        shared = [build.place for build in under_way if build.purpose != "compare"]
        moved = dict(self._folding.step(connection, shared))
        for build in under_way:
            if build.purpose == "compare":
                moved |= self._folding.step(connection, [build.place], _live(connection, build.name).position)
        return max((moved[build.name] - build.position for build in under_way if build.name in moved), default=0)

    def _finish(self, connection: psycopg.Connection[Any], name: str, newest: int) -> bool:
        """End a build that has caught up with the log up to `newest`; False if not, or if somebody is in the way."""
        build = next((one for one in builds(connection) if one.name == name and one.status == "building"), None)
        live = _live(connection, name)
        if build is None or live.position - build.position > self._batch:
            return False
        if build.purpose == "compare" and live.status == "running" and live.lag(newest) > self._batch:
            return False  # what was erased since is looked for while it is held
        if build.purpose != "compare" and build.position < newest:
            return False
        try:
            done = self._compare(connection, build) if build.purpose == "compare" else self._swap(connection, build)
        except psycopg.errors.LockNotAvailable:
            _log.info("build.waits", action="builds.wait", projection=name)
            return False
        if done:
            _log.info("build.done", action="builds.end", projection=name, purpose=build.purpose)
        return done

    def _swap(self, connection: psycopg.Connection[Any], build: Build) -> bool:
        """Put the built generation in the live one's place, in one transaction: a crash leaves the build as it was."""
        with connection.transaction():
            # 1. Nobody makes tables, and the live generation stands still.
            connection.execute(queries("engine/builds")["briefly"])
            generations.lock(connection)
            live = hold(connection, build.name)
            # 2. What was folded there since is folded here. The live one may be behind, where it is parked.
            place = self._reach(connection, build, live)
            if place is None:
                return False
            # 3. Readers and runner find it; the runner of the old one moves nothing any more.
            old = () if live.version == place.version else live.tables
            generations.show(connection, place.tables, place.generation, instead_of=old)
            swap(connection, place)
        return True

    def _compare(self, connection: psycopg.Connection[Any], build: Build) -> bool:
        """Compare the built generation with the live one where both stand at the same position, then drop it."""
        with self._connect() as holder:
            holder.autocommit = False
            # 1. The live generation is held for no longer than it takes to fold one batch and to open a snapshot.
            holder.execute(queries("engine/builds")["briefly"])
            live = hold(holder, build.name)
            if self._reach(connection, build, live) is None:
                return False
            # 2. What was erased since is in the one and not in the other, by when each read it: it goes from both.
            self._forget_ahead(connection, build, live)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            try:
                with connection.transaction():
                    builds(connection)
                    # 3. In this snapshot both stand still, and outside of it they move on.
                    holder.rollback()
                    found = compare(connection, build, live.generation)
            finally:
                connection.isolation_level = None
        # 4. What was erased meanwhile must not live on in what was found. From here on the runner sees to that.
        if any(erasing(self._events, live.position, self._batch)):
            connection.execute(queries("engine/projection")["forget_differences"], {"name": build.name})
        with connection.transaction():
            generations.lock(connection)
            end(connection, build, "done", found)
            generations.drop(connection, build.tables, build.generation)
        return True

    def _reach(
        self, connection: psycopg.Connection[Any], build: Build, live: ReadModelStatus
    ) -> ReadModelStatus | None:
        """Bring a build to where the live generation stands, by one batch at most; None if it is still behind."""
        if build.position >= live.position:
            return build.place
        moved = self._folding.step(connection, [build.place], live.position)
        reached = moved.get(build.name) == live.position
        return replace(build.place, position=live.position) if reached else None

    def _forget_ahead(self, connection: psycopg.Connection[Any], build: Build, live: ReadModelStatus) -> None:
        """Take out of both generations what was erased after where they stand; LockNotAvailable beside a batch."""
        for stretch in erasing(self._events, live.position, self._batch):
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(queries("engine/builds")["briefly"])
                for generation in (live.generation, build.generation):
                    forget_early(cursor, self._projections[build.name], generation, stretch)

    def _sweep(self, connection: psycopg.Connection[Any]) -> bool:
        """Drop what swaps have left behind; False if somebody still reads it."""
        try:
            sweep(connection)
        except psycopg.errors.LockNotAvailable:
            return False
        return True


def _live(connection: psycopg.Connection[Any], name: str) -> ReadModelStatus:
    return next(place for place in statuses(connection) if place.name == name)
