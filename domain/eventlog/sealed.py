"""Builds a sealed event from its draft and the sealed bytes, without parsing them.

Parsing an event takes longer than sealing it, and the draft holds all but the sealed fields. The bytes are checked to
be the draft's fragments around fields of the right form, and nothing else.
"""

from datetime import datetime

from provenstore.domain.canonical import parse_canonical
from provenstore.domain.errors import IntegrityViolated, InvalidInput
from provenstore.domain.eventlog.envelope import Draft, Event
from provenstore.domain.eventlog.event_types import StreamHead
from provenstore.domain.transparency.merkle import leaf_hash


def event_from_draft(draft: Draft, position: int, state: bytes) -> Event:
    """Return the event that `draft` became at `position`, equal to `Event.parse(position, state)`.

    IntegrityViolated if these are not the bytes of that draft.
    """
    fact, origin = draft.fact, draft.origin
    head, number, prev, time, version, workspace_prev = _between(draft, position, state)
    data = fact.data
    try:
        if data.HEAD is not None and head != b"null":
            data = data.model_copy(update={data.HEAD: StreamHead.model_validate(parse_canonical(head))})
        return Event(
            position=position,
            state=state,
            leaf=leaf_hash(state),
            id=draft.id,
            type=draft.type,
            stream=draft.stream,
            version=int(version),
            prev=_leaf(prev),
            workspace=draft.workspace,
            number=int(number),
            workspace_prev=_leaf(workspace_prev),
            time=datetime.fromisoformat(time.decode()),
            occurred=draft.occurred,
            actor=origin.actor,
            on_behalf_of=origin.on_behalf_of,
            session=origin.session,
            outcome=fact.outcome,
            decision=fact.decision,
            request=origin.request,
            cause=origin.cause,
            private=draft.commitments,
            data=data,
        )
    except (ValueError, InvalidInput) as exc:
        raise IntegrityViolated("a sealed field is not of its form", position=position) from exc


def _between(draft: Draft, position: int, state: bytes) -> list[bytes]:
    """Return the bytes after each of the draft's fragments; the first is empty for an event without a head."""
    fields, at = [], 0
    for index, fragment in enumerate(draft.fragments):
        found = state.find(fragment, at)
        if found < at or (index == 0 and found):
            raise IntegrityViolated("the log sealed other bytes than were sent", position=position)
        if index:
            fields.append(state[at:found])
        at = found + len(fragment)
    if state[-1:] != b"}" or (draft.head_of is None and fields[0]):
        raise IntegrityViolated("the log sealed other bytes than were sent", position=position)
    return [*fields, state[at:-1]]


def _leaf(text: bytes) -> str | None:
    if text == b"null":
        return None
    if len(text) != 66 or text[:1] + text[-1:] != b'""':
        raise ValueError("a leaf is 64 hexadecimal digits in quotes")
    return bytes.fromhex(text[1:-1].decode()).hex()
