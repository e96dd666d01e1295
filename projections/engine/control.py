"""What operators do with read models: look, stop, let go on, build anew. Runner and builder carry it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from provenstore.domain.errors import NotFound, Refused
from provenstore.projections.engine import builds
from provenstore.projections.engine.builds import Build, Difference, Purpose
from provenstore.projections.engine.database import Pool, transaction
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.status import ReadModelStatus, statuses

Stop = Literal["paused", "parked"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A read model: its live generation, and the newest one that was begun beside it."""

    live: ReadModelStatus
    build: Build | None

    @property
    def poison(self) -> ReadModelStatus | Build | None:
        """What cannot take an event: the live generation, or else the one being built."""
        if self.live.error_position is not None:
            return self.live
        return self.build if self.build is not None and self.build.error_position is not None else None


class Control:
    """The read models of this release, through the role that owns them. Thread safe."""

    def __init__(self, pool: Pool, projections: Sequence[Projection[Any]]) -> None:
        """Work through `pool`."""
        self._pool = pool
        self._projections: Mapping[str, Projection[Any]] = {one.name: one for one in projections}

    def all(self) -> tuple[Standing, ...]:
        """Return how all read models stand, by name."""
        with transaction(self._pool) as connection:
            begun = {build.name: build for build in builds.builds(connection)}
            return tuple(Standing(place, begun.get(place.name)) for place in statuses(connection))

    def one(self, name: str) -> Standing:
        """Return how one stands; NotFound."""
        found = next((one for one in self.all() if one.live.name == name), None)
        if found is None:
            raise NotFound(f"there is no read model {name!r}" if name.isprintable() else "there is no such read model")
        return found

    def projection(self, name: str) -> Projection[Any]:
        """Return a read model of this release; NotFound."""
        self.one(name)
        if name not in self._projections:
            raise NotFound(f"this release has no read model {name!r}")
        return self._projections[name]

    def rebuild(self, name: str, by: str, *, compare: bool = False) -> Build:
        """Begin to build it anew, only to be compared where that is said; BuildUnderWay."""
        projection = self.projection(name)
        purpose: Purpose = "compare" if compare else "rebuild"
        with transaction(self._pool) as connection:
            return builds.begin(connection, projection, purpose, by)

    def cancel(self, name: str) -> None:
        """Give up building; the live generation stays. Refused where nothing is being built."""
        self.one(name)
        with transaction(self._pool) as connection:
            if not builds.cancel(connection, name):
                raise Refused(f"{name} is not being built")

    def stop(self, name: str, status: Stop, by: str) -> None:
        """Fold nothing into it until somebody lets it go on; parked, it also counts as not healthy."""
        self.one(name)
        with transaction(self._pool) as connection:
            connection.execute(queries("engine/projection")["pause"], {"name": name, "status": status, "by": by})

    def resume(self, name: str) -> None:
        """Let a paused read model go on; Refused where it is not paused."""
        if self.one(name).live.status != "paused":
            raise Refused(f"{name} is not paused")
        self._resume(name, "paused")

    def retry(self, name: str) -> None:
        """Try a parked read model, or a build that failed, at the event where it stands; Refused where neither is."""
        found = self.one(name)
        failed = found.build is not None and found.build.status == "failed"
        if found.live.status != "parked" and not failed:
            raise Refused(f"{name} is not parked")
        self._resume(name, "parked")
        with transaction(self._pool) as connection:
            builds.again(connection, name)

    def differences(self, name: str) -> tuple[Difference, ...]:
        """Return what the newest comparison found."""
        self.one(name)
        with transaction(self._pool) as connection:
            return builds.differences(connection, name)

    def _resume(self, name: str, status: Stop) -> None:
        with transaction(self._pool) as connection:
            connection.execute(queries("engine/projection")["resume"], {"name": name, "from": [status]})
