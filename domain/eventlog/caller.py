"""The caller: its actor, the roles and reach of its credential, and where the request came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Actor, Origin
from provenstore.domain.eventlog.event_log import Guard

Role = Literal["service", "auditor", "operator", "records", "approver", "privacy", "admin"]
"""The roles of a credential; the permission table lists the operations that each allows."""

Operation = Literal[
    "file.initiate",
    "file.upload",
    "file.abort",
    "file.get",
    "file.list",
    "file.content",
    "file.verify",
    "file.link",
    "file.link_revoke",
    "file.history",
    "file.certificate",
    "file.soft_delete",
    "file.restore",
    "file.change",
    "file.retention",
    "file.hold",
    "file.release",
    "file.purge_get",
    "file.purge_request",
    "file.purge_withdraw",
    "file.purge_approve",
    "file.purge_reject",
    "file.erase",
    "erasure.request",
    "erasure.approve",
    "erasure.get",
    "audit.search",
    "workspace.create",
    "workspace.get",
    "workspace.change",
    "disposal.get",
    "disposal.request",
    "disposal.approve",
    "disposal.reject",
    "credential.get",
    "credential.issue",
    "credential.revoke",
    "provider.probe",
    "projection.get",
    "projection.rows",
    "projection.change",
    "log.read",
    "log.entries",
    "log.change",
    "system.sweep",
    "system.operations",
]


@dataclass(frozen=True, slots=True)
class LinkUse:
    """The link used for a read: its id, and the position of the event that granted it."""

    id: str
    issued_at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated identity and its request.

    `scope` is the workspace of the credential, None for the whole ledger. `guards` are the streams (the credential's)
    that must not have moved when the command is recorded: a revoked API key grants nothing.
    """

    actor: Actor
    roles: frozenset[Role]
    scope: str | None
    guards: tuple[Guard, ...] = ()
    on_behalf_of: str | None = None
    session: str | None = None
    request: str | None = None
    address: str | None = None
    user_agent: str | None = field(default=None)
    client_request: str | None = None
    """The client's own id of the request, in addition to ours."""
    cause: UUID | None = None
    """The event that permits a request made without an API key: the grant of a signed URL."""
    link: LinkUse | None = None
    """The link that is used, if any."""

    def reaches(self, workspace: str) -> bool:
        """Tell whether this workspace is within the caller's reach."""
        return self.scope is None or self.scope == workspace

    def unguarded(self, reads: Sequence[Guard]) -> list[Guard]:
        """Return these guards without the caller's own; those stay at the version that was authenticated."""
        mine = {guard.stream for guard in self.guards}
        return [guard for guard in reads if guard.stream not in mine]

    @property
    def principal(self) -> str:
        """The namespace of a caller's own names: actor and reach, since tenants may choose the same actor ids."""
        return self.actor.id if self.scope is None else f"{self.scope}/{self.actor.id}"

    @property
    def reach(self) -> str:
        """The workspace of the caller's API key, `system` for the whole ledger."""
        return self.scope or SYSTEM_WORKSPACE

    @property
    def is_person(self) -> bool:
        """Tell whether the actor is a person; API keys of services never count as one."""
        return self.actor.kind == "person"

    @property
    def origin(self) -> Origin:
        """Return the fields that all events of this request share."""
        return Origin(self.actor, self.on_behalf_of, self.session, self.request, self.cause)

    @property
    def client(self) -> dict[str, Json]:
        """Return the private values that say where the request came from."""
        if self.address is None and self.user_agent is None and self.client_request is None:
            return {}
        known = {"address": self.address, "client_request": self.client_request, "user_agent": self.user_agent}
        return {name: value for name, value in known.items() if value is not None}


Permits = Callable[[Caller, Operation], bool]
"""The permission table: tells whether any of the caller's roles allows the operation."""
