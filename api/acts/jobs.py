"""What operators do about the background work, for HTTP and the CLI alike: look at it, run a round, try a file again.

Whoever may do it acts within the reach of their key; what is recorded then is recorded of the system, as ever.
"""

import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from provenstore.api.acts.existing import require_workspace
from provenstore.api.background.completer import Completer
from provenstore.api.background.disposal_terms import terms_of
from provenstore.api.background.disposer import Disposer
from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.files.jobs import KINDS, Job, Kind

RUN_FOR: Final = 20.0
"""Seconds after which a round that somebody waits for begins no further file."""

_OPERATION: Final[Operation] = "system.sweep"


def list_jobs(
    services: Services,
    caller: Caller,
    *,
    kinds: Sequence[Kind] = (),
    workspace: str | None = None,
    upcoming: bool = False,
    cursor: str | None = None,
    limit: int = 100,
) -> dict[str, Json]:
    """Return a page of what is due, with `upcoming` also of what will be; all kinds where none is named.

    Forbidden, NotFound for a foreign workspace, InvalidInput for a foreign cursor.
    """
    within = _within(services, caller, workspace)
    Completer(services).catch_up()
    page = services.jobs.list(
        services.clock.now(),
        kinds=tuple(kinds) or KINDS,
        workspace=within,
        upcoming=upcoming,
        cursor=services.marks.read_cursor(caller.scope, cursor),
        limit=limit,
        terms=terms_of(services, within),
    )
    return {"jobs": [_job_json(job) for job in page.jobs], "next": services.marks.cursor(caller.scope, page.next)}


def run_jobs(
    services: Services, caller: Caller, *, workspace: str | None = None, seconds: float = RUN_FOR
) -> dict[str, Json]:
    """Settle and dispose once of what is due and not to be left alone; `stopped` says that time ran out before the end.

    Whichever process leads, this one does it: settling is safe to race. Nothing is verified, which may take long.
    """
    within = _within(services, caller, workspace)
    deadline = time.monotonic() + seconds

    def going() -> bool:
        return time.monotonic() < deadline

    settled = Completer(services).settle_all(workspace=within, going=going)
    disposed = Disposer(services).dispose_all(workspace=within, going=going)
    return {
        "done": settled.done + disposed.done,
        "failed": settled.failed + disposed.failed,
        "stopped": settled.stopped or disposed.stopped,
    }


def retry_job(services: Services, caller: Caller, file_id: UUID, *, verify: bool) -> dict[str, Json]:
    """Do now what is due for a file, and return what is left to be done for it; raises what stood in the way.

    Without `verify` a reading of the content is left to the background work.
    """
    services.ledger.recorder.authorised_file(caller, _OPERATION, file_id)
    Disposer(services).dispose_file(file_id)
    left = Completer(services).retry(file_id, verify=verify)
    status = services.ledger.recorder.file(file_id).status
    return {"file_id": str(file_id), "status": status, "jobs": [_job_json(job) for job in left]}


def _within(services: Services, caller: Caller, workspace: str | None) -> str | None:
    """Return the one workspace that the caller may act in, None for all."""
    wanted = caller.scope if workspace is None else workspace
    services.ledger.recorder.require(caller, _OPERATION, wanted)
    require_workspace(services, caller, _OPERATION, wanted)
    return wanted


def _job_json(job: Job) -> dict[str, Json]:
    return {
        "file_id": job.file,
        "workspace": job.workspace,
        "kind": job.kind,
        "due_at": format_time(job.due_at),
        "attempts": job.attempts,
        "last_code": job.last_code,
        "last_at": format_time(job.last_at) if job.last_at else None,
        "next_at": format_time(job.next_at),
    }
