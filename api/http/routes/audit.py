"""The audit trail: officers' questions, answered a page at a time; that they were asked is itself recorded."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from provenstore.api.acts import audit
from provenstore.api.contract import shapes
from provenstore.api.contract.audit_question import AuditQuery
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.projections.audit.row import Action
from provenstore.projections.audit.storage_log import StorageAction

router = APIRouter(tags=["audit"])


class AuditActor(shapes.Shape):
    """Who acted: an opaque id, what it is, how it proved it, and with which key."""

    id: str
    kind: str
    via: str
    credential: shapes.Text
    reach: shapes.Text


class AuditEntry(shapes.Shape):
    """An event. Private values are null once erased."""

    position: int | None
    id: UUID
    time: datetime
    occurred: shapes.Moment
    type: str
    action: Action
    outcome: str
    decision: shapes.Text
    workspace: str
    stream: str
    file_id: shapes.Text
    filename: shapes.Text = Field(description="What the file is called now")
    filename_then: shapes.Text = Field(description="What the file was called when it happened")
    actor: AuditActor
    on_behalf_of: shapes.Text
    session: shapes.Text
    request: shapes.Text = Field(description="The id that the server gave the request")
    client_request: shapes.Text = Field(description="The id that the client gave it")
    cause: UUID | None
    address: shapes.Text
    user_agent: shapes.Text
    reason: shapes.Text
    related: list[shapes.Related]
    subjects: list[str]
    details: dict[str, Any] = Field(
        description="The event's own data by the names of the events reference; of a change `was` and `became`"
    )


class AuditEntries(shapes.Shape):
    """A page of the audit trail; `next` is the cursor of the page after it."""

    entries: list[AuditEntry]
    next: shapes.Text


class StorageEntry(shapes.Shape):
    """An event in the words of an ordinary storage audit log."""

    id: UUID
    timestamp: datetime
    action: StorageAction
    user_id: str
    workspace_id: str
    file_id: shapes.Text
    file_name: shapes.Text
    ip_address: shapes.Text
    user_agent: shapes.Text
    success: bool
    error_message: shapes.Text
    bytes: int | None
    request_id: shapes.Text
    metadata: dict[str, Any]


class StorageEntries(shapes.Shape):
    """A page with `format=storage-log`."""

    entries: list[StorageEntry]
    next: shapes.Text


@router.get("/v1/audit", responses={200: {"model": AuditEntries | StorageEntries}, **shapes.PROBLEM})
def search_audit(services: ServicesIn, caller: CallerIn, asked: Annotated[AuditQuery, Query()]) -> Response:
    """Search the audit trail, newest first; `min_position` and `fresh` wait until it has seen so much."""
    return JsonAnswer(audit.search(services, caller, asked))
