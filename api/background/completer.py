"""The completer: does what is left to be done for files, as the system, and keeps what came of trying.

It decides nothing: the ledger settles and verifies, which is safe to repeat and to race. A crash between an effect and
the note about it leaves one attempt too many or too few, which the next one puts right.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from provenstore.api.background.disposal_terms import terms_of
from provenstore.api.services import Services
from provenstore.domain.errors import ProvenstoreError, Unavailable, error_code
from provenstore.domain.ledger import SYSTEM
from provenstore.projections.files.jobs import SETTLED, Job, Kind

_UNSETTLED: Final = (
    ProvenstoreError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What trying one file may raise, our own mistakes included: they must not keep all others from being tried."""

Going = Callable[[], bool]
"""Asked before each job, and during long ones, whether to go on."""

_log = structlog.get_logger(__name__)


class _GivenUp(Exception):  # nothing went wrong
    """Somebody wants to stop."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of trying everything that was due."""

    done: int
    failed: int
    stopped: bool = False
    """Whether it ended before everything had been tried."""


def _always() -> bool:
    return True


class Completer:
    """Works through the jobs. Thread safe; any number may work on one ledger."""

    def __init__(self, services: Services) -> None:
        """Work with the ledger and the jobs of `services`."""
        self._services = services
        self._ledger = services.ledger
        self._jobs = services.jobs

    def settle_all(self, *, workspace: str | None = None, going: Going = _always) -> Round:
        """Settle once whatever is due, within a workspace or everywhere; the rest is logged and met again later."""
        self.catch_up()
        if workspace is None:
            self._erase(going)
        done = failed = 0
        for job in self._jobs.ready(self._now(), SETTLED, workspace):
            if not going():
                return Round(done, failed, stopped=True)
            if self.attempt(job, self._settle) is None:
                done += 1
            else:
                failed += 1
        self._jobs.forget(self._now(), terms_of(self._services))
        return Round(done, failed)

    def _erase(self, going: Going) -> None:
        """Go on with erasures that were approved, and end requests that nobody approved in time."""
        for one in self._ledger.erasing.due():
            if not going():
                return
            try:
                self._ledger.erasing.settle(SYSTEM, one)
            except _UNSETTLED as exc:
                _log.warning("erasure.failed", action="erasure.settle", erasure=one.id, code=error_code(exc))

    def verify_all(self, *, going: Going = _always) -> Round:
        """Read once whatever nobody has read since it arrived; a reading under way is given up with `going`."""

        def go_on(_count: int = 0) -> None:
            if not going():
                raise _GivenUp

        self.catch_up()
        done = failed = 0
        try:
            for job in self._jobs.ready(self._now(), ("verify",)):
                go_on()
                if self.attempt(job, lambda job: self._verify(job, go_on)) is None:
                    done += 1
                else:
                    failed += 1
        except _GivenUp:
            return Round(done, failed, stopped=True)
        return Round(done, failed)

    def retry(self, file_id: UUID, *, verify: bool) -> tuple[Job, ...]:
        """Do now what is due for one file, however often that was in vain, and return what is left to be done.

        To read a whole object may take hours: without `verify` that is left to whoever reads in the background, who
        comes to it in the next round. Raises what the attempt met, after keeping it.
        """
        self.catch_up()
        if not self._again(file_id, SETTLED, self._settle):
            # The list may lag, or be parked.
            self._ledger.settle(file_id)
        self.catch_up()
        if verify:
            self._again(file_id, ("verify",), self._verify)
            self.catch_up()
        else:
            self._jobs.hurry(str(file_id), ("verify",), self._now())
        terms = terms_of(self._services, self._ledger.recorder.file(file_id).workspace)
        return self._jobs.list(self._now(), file=str(file_id), upcoming=True, terms=terms).jobs

    def _again(self, file_id: UUID, kinds: Sequence[Kind], act: Callable[[Job], object]) -> int:
        """Try a file's due jobs of these kinds, raise what the first one meets, and return how many there were."""
        jobs = self._jobs.list(self._now(), file=str(file_id), kinds=kinds).jobs
        for job in jobs:
            if (met := self.attempt(job, act)) is not None:
                raise met
        return len(jobs)

    def catch_up(self) -> None:
        """Wait until the list of jobs has seen everything; if that takes too long, work with what is known."""
        try:
            self._services.wait_for(self._ledger.log.position())
        except Unavailable as exc:
            _log.warning("jobs.behind", action="jobs.catch_up", code=exc.code)

    def attempt(self, job: Job, act: Callable[[Job], object]) -> Exception | None:
        """Try one job, keep what came of it, and return what it met."""
        try:
            act(job)
        except _UNSETTLED as exc:
            code = error_code(exc)
            # Jitter: many files that failed together must not all come back in the same round.
            tried = self._jobs.failed(job, code, self._now(), random.uniform(0.5, 1.0))  # noqa: S311
            _log.warning("job.failed", action=f"job.{job.kind}", file=job.file, code=code, attempts=tried.attempts)
            return exc
        self._jobs.done(job)
        return None

    def _settle(self, job: Job) -> object:
        return self._ledger.settle(UUID(job.file))

    def _verify(self, job: Job, progress: Callable[[int], None] | None = None) -> object:
        # The job may have been found hours ago, before the objects that were read since.
        file = self._ledger.recorder.file(UUID(job.file))
        claimed = file.stored is not None and file.stored.sha256_status != "verified"
        if file.status == "stored" and claimed and file.damage is None:
            return self._ledger.verify_content(SYSTEM, file.id, progress)
        return file

    def _now(self) -> datetime:
        return self._services.clock.now()
