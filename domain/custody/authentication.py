"""Authenticates a request: by its API key, or by a signed URL of ours and the event that grants it."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import NotFound, Unauthenticated
from provenstore.domain.eventlog.caller import Caller, LinkUse, Role
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import file_stream, parts_stream
from provenstore.domain.tenants import credential as cr

Arriving = Callable[[Caller], Caller]
"""Adds the origin of the request to a caller."""

_NOT_GOOD = "the key is unknown, expired or revoked"


class Authentication:
    """Checks API keys and signed URLs. Changes nothing; the use of an API key after its end is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def authenticate(self, key: str, arriving: Arriving | None = None) -> Caller:
        """Return the caller of an API key, guarded by the state of its credential; Unauthenticated otherwise.

        `arriving` adds the origin of the request to the caller. A use of an API key after its end is recorded. An
        unknown key, or a known key with a wrong secret, is not recorded: its sender is unknown.
        """
        credential_id, digest = cr.parse_key(key)
        state = _proven(self.credential(credential_id), digest)
        caller = _bearer(state) if arriving is None else arriving(_bearer(state))
        self._require_usable(state, caller, _NOT_GOOD)
        return caller

    def credential(self, credential_id: str) -> cr.Credential | None:
        """Return the current state of a credential in the log, or None if it does not exist."""
        return self._recorder.find(cr.credential_stream(credential_id), cr.project)

    def bearer(self, state: cr.Credential | None, digest: str) -> Caller | None:
        """Return the caller of an API key with this digest, by a state of its credential; None if the key has ended.

        Does no I/O, so that it may be called on an event loop. For a key that has ended, call `authenticate`, which
        records its use. Unauthenticated for a wrong secret, or without a credential.
        """
        found = _proven(state, digest)
        return _bearer(found) if cr.usable(found, self._recorder.clock.now()) else None

    def _require_usable(self, state: cr.Credential, caller: Caller, message: str) -> None:
        """Refuse an API key that was revoked or has expired, and record its use. Unauthenticated."""
        if not cr.usable(state, self._recorder.clock.now()):
            self._recorder.refusals.credential(caller, "revoked" if state.revoked else "expired")
            raise Unauthenticated(message)

    def authenticate_upload(
        self, file_id: UUID, grant: UUID, part: int | None = None, arriving: Arriving | None = None
    ) -> Caller:
        """Return the caller for whom a signed URL writes: its requester, while the requester's credential is good.

        `grant` is the id of the event that grants it (the initiation, or PartUrlsIssued for a `part`), from a URL that
        is known to be ours. Unauthenticated otherwise.
        """
        recorder = self._recorder
        try:
            event = recorder.log.find(grant)
        except NotFound:
            raise Unauthenticated("signed URL is not valid") from None
        if part is None:
            granted = event.stream == file_stream(file_id) and isinstance(event.data, fe.UploadInitiated)
        else:
            issued = event.data if isinstance(event.data, fe.PartUrlsIssued) else None
            granted = event.stream == parts_stream(file_id) and issued is not None and part in issued.numbers
        if not granted:
            raise Unauthenticated("signed URL is not valid")
        # A requester without an API key was admin of the data directory, and so may fill private files.
        return self.grantor(event, "service", "records", arriving=arriving)

    def grantor(self, event: Event, *roles: Role, arriving: Arriving | None = None) -> Caller:
        """Return the caller behind a signed URL: the actor of the event that grants it, while its API key is good.

        An actor without an API key, who acted on the data directory itself, gets `roles`: the URL permits one action
        only. Unauthenticated if the key has ended.
        """
        arriving = arriving or _unchanged
        if event.actor.credential is None:
            return arriving(Caller(event.actor, frozenset(roles), event.workspace))
        state = self._recorder.find(cr.credential_stream(event.actor.credential), cr.project)
        message = "the key that asked for the signed URL is expired or revoked"
        if state is None:
            raise Unauthenticated(message)
        caller = arriving(_bearer(state))
        link = LinkUse(event.data.link, event.position) if isinstance(event.data, fe.LinkIssued) else None
        self._require_usable(state, replace(caller, cause=event.id, link=link), message)
        return caller


def _proven(state: cr.Credential | None, digest: str) -> cr.Credential:
    if state is None:
        raise Unauthenticated(_NOT_GOOD)
    cr.prove(state, digest)
    return state


def _unchanged(caller: Caller) -> Caller:
    return caller


def _bearer(state: cr.Credential) -> Caller:
    return Caller(
        actor=Actor(state.actor, state.kind, "api_key", state.id),
        roles=frozenset(state.roles),
        scope=state.scope,
        guards=(Guard(cr.credential_stream(state.id), state.version),),
    )
