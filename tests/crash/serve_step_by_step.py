"""`provenstore serve` whose ports write down every step, and stop at the one at which the process is to be killed.

Started as a process of its own in the place of the command, with the command's arguments. The shipped code is as it is:
only the names by which the composition root builds the log, the store, the clock and the sweeper lead here. A step is
the moment before or after a call that may change something; a crash around a call that only reads is the crash around
the change before it. At the chosen step the calling thread stops for good; the SIGKILL comes from outside.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.api import wiring
from provenstore.api.background.completer import Round
from provenstore.api.background.sweeper import Sweeper
from provenstore.api.services import Services
from provenstore.domain.errors import Unavailable

CONTROL = "CRASH_CONTROL"
"""Environment variable: a folder of files. `steps`: one a line; `stop_at`: the line to stop at. `swept`, `verified`:
the one round of each kind of background work is over; `idle`: there is to be none."""
AHEAD = "CRASH_AHEAD"
"""Environment variable: seconds by which this process's clock is ahead."""

READS = {
    "store": {"capabilities", "get", "head", "versions", "list", "list_parts", "list_multiparts"}
    | {"presign_get", "presign_put", "presign_part", "presign_form", "identity", "extras"},
    "log": {"recall", "load", "events", "workspaces", "head", "read", "rows", "find", "position"}
    | {
        "disclosures",
        "counters",
        "quota",
        "erased",
        "recent",
        "keep",
        "close",
        "ids",
        "events_with_private_values",
        "lifecycles",
    },
}
"""What changes nothing; every other method of a port is taken to change something, those to come included."""


class Steps:
    """The steps of this process, in the order in which its threads take them."""

    def __init__(self, folder: Path) -> None:
        self._stop_at = folder / "stop_at"
        self._file = os.open(folder / "steps", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._count = 0
        self._lock = threading.Lock()

    def take(self, step: str) -> None:
        """Write the step down and go on, unless it is the one to stop at."""
        with self._lock:
            self._count += 1
            number = self._count
            stop = self._stop_at.exists() and int(self._stop_at.read_text()) == number
            os.write(self._file, f"{step}\n".encode())
        if stop:
            threading.Event().wait()


class Stepwise:
    """A port whose changes are steps; `confirm` of a put lies inside its two."""

    def __init__(self, name: str, real: Any, steps: Steps) -> None:
        self._name, self._real, self._steps = name, real, steps

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._real, method)
        return found if method in READS[self._name] or not callable(found) else self._stepping(method, found)

    def _stepping(self, method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._steps.take(f"{self._name}.{method}:before")
            result = real(*args, **kwargs)
            self._steps.take(f"{self._name}.{method}:after")
            return result

        return call


def wait_for_projections(services: Services) -> None:
    """Return once the read models have seen everything, however busy the machine is."""
    while True:
        with suppress(Unavailable):
            return services.wait_for(services.ledger.log.position())


def main() -> None:
    folder, ahead = Path(os.environ[CONTROL]), timedelta(seconds=float(os.environ.get(AHEAD, "0")))
    steps = Steps(folder)

    class Clock:
        def now(self) -> datetime:
            return datetime.now(UTC) + ahead

    class SeenSweeper(Sweeper):
        def __init__(self, services: Services) -> None:
            # One round at the start: a later one would take steps between those of the commands.
            super().__init__(services, every=timedelta(days=1).total_seconds())

        def _going(self) -> bool:
            return super()._going() and not (folder / "idle").exists()

        def sweep(self) -> Round:
            # A round settles what the list knows; the one that counts knows everything.
            wait_for_projections(self._services)
            found = super().sweep()
            (folder / "swept").touch()
            return found

        def _verify(self) -> None:
            wait_for_projections(self._services)
            leads = self._going()
            super()._verify()
            if leads:
                (folder / "verified").touch()

    def stepwise(name: str, build: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: Stepwise(name, build(*args, **kwargs), steps)

    replaced: dict[str, object] = {
        "PostgresEventLog": stepwise("log", PostgresEventLog),
        "LocalFolder": stepwise("store", LocalFolder),
        "SystemClock": Clock,
        "Sweeper": SeenSweeper,
    }
    for name, replacement in replaced.items():
        setattr(wiring, name, replacement)
    if os.environ.get("DO_SPACES_BUCKET"):
        from provenstore.api import bucket

        setattr(bucket, "open_bucket", stepwise("store", bucket.open_bucket))  # noqa: B010  # mypy knows its type
    from provenstore.api.cli import main as provenstore

    provenstore()


if __name__ == "__main__":
    main()
