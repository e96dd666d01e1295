"""API keys as officers see them: actor, roles, scope, issue and issuer; never a secret or a digest.

Read from the log itself, so that a revocation shows as soon as it is durable. The read is recorded before its result is
shown, since the reason of a revocation is a private value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from provenstore.domain.access.reads import AuthorisedReads
from provenstore.domain.canonical import parse_canonical
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.eventlog.event_log import disclosed
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.credential import credential_stream

MAX_PAGE: Final = 1_000

_LAST: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """One API key; `revoked` and `reason` are None for one that has not been revoked."""

    issued: Event
    data: we.CredentialIssued
    revoked: Event | None
    reason: str | None

    def status(self, now: datetime) -> str:
        """Return revoked, expired or active."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.data.expires_at is not None and self.data.expires_at <= now else "active"


class KeyList:
    """Lists and describes API keys within the caller's reach. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder, reading: AuthorisedReads) -> None:
        """Read with `recorder`; `reading` records the reads."""
        self._recorder = recorder
        self._reading = reading

    def page(
        self, caller: Caller, workspace: str | None, *, after: UUID | None, limit: int
    ) -> tuple[Sequence[KeyDescription], UUID | None]:
        """Return up to `limit` API keys of a workspace (None: all within reach), and the id after which to continue.

        In the order of their issue; `system` means ledger-wide API keys. Forbidden; NotFound for a workspace that does
        not exist or is not within reach.
        """
        within = workspace if workspace is not None else caller.scope
        self._recorder.require(caller, "credential.get", within)
        if within not in (None, SYSTEM_WORKSPACE):
            self._recorder.existing_workspace(caller, "credential.get", str(within))
        self._looked(caller, within, {} if workspace is None else {"workspace": workspace})
        first = UUID(int=0) if after is None else UUID(int=min(after.int + 1, _LAST.int))
        found = self._recorder.log.ids("credential", first, _LAST, workspace=within, limit=limit + 1)
        page = found[:limit]
        return self._described(page), page[-1] if len(found) > limit else None

    def one(self, caller: Caller, credential: UUID) -> KeyDescription:
        """Return one API key; the same NotFound for a key that does not exist and one that is not within reach."""
        self._recorder.require(caller, "credential.get", caller.scope)  # before it is told whether there is such a key
        found = self._described([credential])
        if not found or not caller.reaches(found[0].data.scope or SYSTEM_WORKSPACE):
            refusal = NotFound("there is no such key")
            raise self._recorder.refused(caller, "credential.get", refusal, Asked(target=str(credential)))
        self._looked(caller, found[0].data.scope, {"credential": str(credential)})
        return found[0]

    def _looked(self, caller: Caller, within: str | None, asked: Mapping[str, object]) -> None:
        place = within if within is not None else SYSTEM_WORKSPACE
        self._reading.record_audit_read(caller, place, what="keys", file=None, conditions=asked)

    def _described(self, credentials: Sequence[UUID]) -> list[KeyDescription]:
        log = self._recorder.log
        events = log.events([credential_stream(str(one)) for one in credentials]) if credentials else ()
        issued = {event.stream: event for event in events if isinstance(event.data, we.CredentialIssued)}
        revoked = {event.stream: event for event in events if isinstance(event.data, we.CredentialRevoked)}
        disclosures = log.disclosures([event.id for event in revoked.values()])
        found = []
        for credential in credentials:
            event = issued.get(stream := credential_stream(str(credential)))
            if event is not None and isinstance(event.data, we.CredentialIssued):
                end = revoked.get(stream)
                private = {} if end is None else disclosed(disclosures, end.id, parse_canonical)
                reason = private.get("reason")
                found.append(KeyDescription(event, event.data, end, None if reason is None else str(reason)))
        return found
