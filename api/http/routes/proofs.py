"""Receipts, and proofs that a workspace's list or a range of the log is whole: what somebody keeps and checks offline.

Documents leave as they are: the bytes of an event inside them are those that were sealed.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.responses import Response

from provenstore.api.acts import proofs
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.services import Services
from provenstore.domain.access.provable_events import Provable
from provenstore.domain.errors import Unsigned
from provenstore.domain.proofs.receipt import Receipt
from provenstore.domain.proofs.tlog_proof import FORMAT

router = APIRouter(tags=["proofs"])

MAX_WAIT: Final = 30.0
"""Seconds; a checkpoint comes every few, and a proxy in front of us has patience, too."""

_LOOK_AGAIN: Final = 0.1
"""Seconds between two looks for a checkpoint; whoever waits holds no thread meanwhile."""

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"


class RangeProof(shapes.Shape):
    """Exact events, the hashes of the nodes beside them, left to right, in base64, and a signed checkpoint."""

    begin: int = Field(alias="from")
    end: int = Field(alias="to")
    events: list[str]
    proof: list[str]
    checkpoint: str


class WorkspacePage(shapes.Shape):
    """Exact events in order of their numbers; `next` goes into `after`. The last page proves all that came before.

    All `events` of all pages, with `workspace` and the last page's `index`, `proof` and `checkpoint`, are the document
    that `provenstore verify` and `provenstore-verify` check.
    """

    workspace: str
    through: int
    events: list[str]
    next: int | None
    index: int | None
    proof: list[str] | None
    checkpoint: str | None


WaitIn = Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for a checkpoint over the event")]
AcceptIn = Annotated[str | None, Header(description=f"{_TEXT} for {FORMAT}, the format of other logs; otherwise JSON")]
_RECEIPT: shapes.Responses = {
    200: {"model": shapes.Receipt, "content": {_TEXT: {"schema": {"type": "string"}}}},
    **shapes.PROBLEM,
}


@router.get("/v1/files/{file_id}/receipt", responses=_RECEIPT)
async def get_file_receipt(
    file_id: UUID, services: ServicesIn, caller: CallerIn, accept: AcceptIn = None, wait: WaitIn = 0
) -> Response:
    """Prove a file's newest lifecycle event: what a client keeps. 503 until a checkpoint has been signed over it."""
    return await _receipt(services, lambda: services.ledger.proving.newest(caller, file_id), accept, wait)


@router.get("/v1/events/{event_id}/receipt", responses=_RECEIPT)
async def get_event_receipt(
    event_id: UUID, services: ServicesIn, caller: CallerIn, accept: AcceptIn = None, wait: WaitIn = 0
) -> Response:
    """Prove any event that the key reaches. 503 until a checkpoint has been signed over it.

    But for events of a file's own life, that it was read is recorded.
    """
    return await _receipt(services, lambda: services.ledger.proving.event(caller, event_id), accept, wait)


@router.get("/v1/workspaces/{workspace}/proof", responses=shapes.ok(WorkspacePage))
def get_workspace_proof(
    workspace: str, services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.ListProofQuery, Query()]
) -> Response:
    """Return the events of a workspace with the proof that none is missing, a page at a time; it is recorded."""
    page = proofs.workspace_page(
        services, caller, workspace, through=asked.through, after=asked.after, limit=asked.limit
    )
    return JsonAnswer(page)


@router.get("/log/proof/range", responses=shapes.ok(RangeProof))
def get_range(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.RangeQuery, Query()]) -> Response:
    """Prove the entries that the log of `to` has and that of `from` had not, 1,000 at most; it is recorded."""
    return Response(proofs.log_range(services, caller, asked.begin, asked.end).encode(), media_type=_JSON)


async def _receipt(services: Services, find: Callable[[], Provable], accept: str | None, wait: float) -> Response:
    until = asyncio.get_running_loop().time() + wait
    shown: list[Provable] = []

    def prove() -> Receipt:
        """Look the event up, once, and prove it: in one thread, as each change of threads costs as much as a query."""
        if not shown:
            shown.append(find())
        return proofs.receipt(services, shown[0])

    while True:
        try:
            found = await to_thread.run_sync(prove)
            break
        except Unsigned:
            if not shown or asyncio.get_running_loop().time() >= until:
                raise
        await asyncio.sleep(_LOOK_AGAIN)
    if prefers_text(accept):
        return Response(found.to_tlog_proof().encode(), media_type=_TEXT, headers={"Vary": "Accept"})
    return Response(found.encode(), media_type=_JSON, headers={"Vary": "Accept"})


def prefers_text(accept: str | None) -> bool:
    """Tell whether a client takes text rather than JSON; of equal weights, and of what is unknown, JSON (RFC 9110)."""
    weights = {}
    for one in (accept or "").split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = next((part[2:].strip() for part in parameters if part.startswith("q=")), "1")
        weights[kind] = _weight(weight)
    text = max(weights.get(_TEXT, 0.0), weights.get(FORMAT, 0.0))
    other = max(weights.get(_JSON, 0.0), weights.get("application/*", 0.0), weights.get("*/*", 0.0))
    return text > other


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
