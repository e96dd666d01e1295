"""Background work: what is due, a round at once, and trying one file again. For operators."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.acts import jobs
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.projections.files.jobs import Kind

router = APIRouter(tags=["jobs"])


class Job(shapes.Shape):
    """Something that is left to be done for a file; `next_at` is the earliest moment at which it is tried by itself."""

    file_id: UUID
    workspace: str
    kind: Kind
    due_at: datetime
    attempts: int
    last_code: str | None
    last_at: datetime | None
    next_at: datetime


class Jobs(shapes.Shape):
    """A page of jobs; `next` is the cursor of the page after it."""

    jobs: list[Job]
    next: str | None


class Round(shapes.Shape):
    """How many jobs were done, how many failed, and whether time ran out before all had been tried."""

    done: int
    failed: int
    stopped: bool


class Retried(shapes.Shape):
    """Where a file stands after trying it again, and what is left to be done for it."""

    file_id: UUID
    status: str
    jobs: list[Job]


_EVERYWHERE = bodies.RunBody()


@router.get("/v1/jobs", responses=shapes.ok(Jobs))
def list_jobs(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.JobsQuery, Query()]) -> Response:
    """List what is due, oldest files first; with `upcoming` also what will be."""
    found = jobs.list_jobs(
        services,
        caller,
        kinds=asked.kind,
        workspace=asked.workspace,
        upcoming=asked.upcoming,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    return JsonAnswer(found)


@router.post("/v1/jobs/run", responses=shapes.ok(Round))
def run_jobs(services: ServicesIn, caller: CallerIn, body: bodies.RunBody = _EVERYWHERE) -> Response:
    """Do one round of the background work now, for at most about 20 seconds; content is not verified."""
    return JsonAnswer(jobs.run_jobs(services, caller, workspace=body.workspace))


@router.post("/v1/jobs/{file_id}/retry", responses=shapes.ok(Retried))
def retry_job(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Do now what is due for one file, however often that was in vain; its content is read in the next round."""
    return JsonAnswer(jobs.retry_job(services, caller, file_id, verify=False))
