"""Who is asking: the actor, the roles and reach of its credential, and where the request came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Actor, Origin
from provenstore.domain.eventlog.event_log import Guard

Role = Literal["service", "auditor", "operator", "records", "approver", "privacy", "admin"]
"""What a credential may do; which operations each allows stands in the permission table."""

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
    """The link by which somebody reads: its id, and the position of the event that granted it."""

    id: str
    issued_at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven identity and its request.

    `scope` is the workspace the credential is for, None for the whole ledger. `guards` are the streams (the
    credential's) that must not have moved when what it does is recorded: a revoked key grants nothing.
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
    """The id that the client gave the request, beside ours."""
    cause: UUID | None = None
    """The event that permits the request where no key does: the grant of a signed URL."""
    link: LinkUse | None = None
    """The link that is used, where one is."""

    def reaches(self, workspace: str) -> bool:
        """Tell whether things of this workspace exist for the caller."""
        return self.scope is None or self.scope == workspace

    def unguarded(self, reads: Sequence[Guard]) -> list[Guard]:
        """Return these guards without the caller's own: a key that has moved since it was proven settles nothing."""
        mine = {guard.stream for guard in self.guards}
        return [guard for guard in reads if guard.stream not in mine]

    @property
    def principal(self) -> str:
        """Within which the names that a caller chooses are its own: actor and reach, since tenants choose alike."""
        return self.actor.id if self.scope is None else f"{self.scope}/{self.actor.id}"

    @property
    def reach(self) -> str:
        """The workspace of the caller's key, `system` for the whole ledger."""
        return self.scope or SYSTEM_WORKSPACE

    @property
    def is_person(self) -> bool:
        """Tell whether a human being acts; keys of services never count as one."""
        return self.actor.kind == "person"

    @property
    def origin(self) -> Origin:
        """Return what the events of this request share."""
        return Origin(self.actor, self.on_behalf_of, self.session, self.request, self.cause)

    @property
    def client(self) -> dict[str, Json]:
        """Return the private values that say where the request came from."""
        if self.address is None and self.user_agent is None and self.client_request is None:
            return {}
        known = {"address": self.address, "client_request": self.client_request, "user_agent": self.user_agent}
        return {name: value for name, value in known.items() if value is not None}


Permits = Callable[[Caller, Operation], bool]
"""The permission table: whether any of the caller's roles allows the operation."""
