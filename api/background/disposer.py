"""The runs that destroy what is due under the disposal policies of each workspace.

A run is bounded in files and time and serves one workspace; the workspaces take turns, so that none waits for the end
of another one's millions. It decides nothing: the ledger does, which is safe to repeat and to race.
"""

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from provenstore.api.background.completer import Completer, Going, Round
from provenstore.api.background.disposal_terms import terms_of
from provenstore.api.services import Services
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.removal.policy_disposal import Run
from provenstore.projections.files.disposal import Term
from provenstore.projections.files.jobs import Job

RUN_FILES: Final = 500
"""Files that one run destroys at most."""

RUN_FOR: Final = 30.0
"""Seconds after which a run begins no further file."""


class Disposer:
    """Runs disposal. Thread safe; any number may work on one ledger."""

    def __init__(self, services: Services, *, files: int = RUN_FILES, seconds: float = RUN_FOR) -> None:
        """Destroy at most so many files in a run, and begin none after so many seconds."""
        self._services = services
        self._completer = Completer(services)
        self._files = files
        self._seconds = seconds

    def dispose_all(self, *, workspace: str | None = None, going: Going) -> Round:
        """Let the workspaces take turns, a run each, until nothing is due that need not be left alone for now.

        WrongStore and StoreUnavailable where nothing may be destroyed at all: then nothing was recorded.
        """
        self._completer.catch_up()
        done = failed = 0
        waiting = self._waiting(workspace)
        while waiting:
            left = []
            for terms in waiting:
                if not going():
                    return Round(done, failed, stopped=True)
                ended, more = self._run(terms, going)
                done, failed = done + ended.done, failed + ended.failed
                if more:
                    left.append(terms)
            waiting = left
        return Round(done, failed)

    def dispose_file(self, file_id: UUID) -> None:
        """Dispose of a file that is due, however often that was in vain, in a run of its own; raises what it meets."""
        services, disposing = self._services, self._services.ledger.disposing
        workspace = services.ledger.recorder.file(file_id).workspace
        terms = terms_of(services, workspace)
        for job in services.jobs.list(services.clock.now(), kinds=["dispose"], file=str(file_id), terms=terms).jobs:
            run = disposing.begin(workspace)
            met = self._completer.attempt(job, self._disposed(run))
            run.failed = int(met is not None)
            disposing.end(SYSTEM, run)
            if met is not None:
                raise met

    def _waiting(self, workspace: str | None) -> list[list[Term]]:
        """Return the policies of each workspace that has something deleted or expired."""
        terms = terms_of(self._services, workspace)
        return [list(group) for _, group in groupby(terms, key=lambda term: term.workspace)]

    def _run(self, terms: Sequence[Term], going: Going) -> tuple[Round, bool]:
        """Do one run in a workspace; tell also whether files were left for a further one."""
        services, workspace = self._services, terms[0].workspace
        disposing, deadline = services.ledger.disposing, time.monotonic() + self._seconds
        run, tried = disposing.begin(workspace), 0
        jobs = services.jobs.ready(services.clock.now(), ("dispose",), workspace, terms=terms)
        try:
            for job in jobs:
                if tried == 0:
                    services.ledger.identity.require()
                if tried == self._files or time.monotonic() >= deadline or not going():
                    run.more = True
                    break
                tried += 1
                if self._completer.attempt(job, self._disposed(run)) is not None:
                    run.failed += 1
        finally:
            # What was destroyed is reported even where the end of the run is an error.
            disposing.end(SYSTEM, run)
        if run.more:
            self._completer.catch_up()  # or the next run would find the same files again
        # A read model that stands still would show the same files for ever.
        moved = bool(run.destroyed or run.failed)
        return Round(len(run.destroyed), run.failed), run.more and moved

    def _disposed(self, run: Run) -> Callable[[Job], object]:
        def dispose(job: Job) -> object:
            return self._services.ledger.disposing.dispose(SYSTEM, run, UUID(job.file))

        return dispose
