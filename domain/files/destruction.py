"""The certificate of destruction: destroyed versions, persons, times and reasons that the reader may see. Pure."""

from collections.abc import Callable, Iterable

from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.errors import WrongState
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.eventlog.event_log import Disclosures, Values, disclosed
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.destroyed import destroyed, list_digest
from provenstore.domain.files.file import File

ReachOf = Callable[[Actor], str | None]
"""Looks up an actor's reach: the workspace of its API key, or `system`."""


def certificate(file: File, events: Iterable[Event], disclosures: Disclosures, reach: ReachOf) -> dict[str, Json]:
    """Return the certificate of a file's destruction: requester, approver, destroyed versions, and the events.

    `disclosures` are the private values that the reader may see; `reach` looks up each actor's reach. WrongState if the
    file was not purged.
    """
    if file.purged is None:
        raise WrongState("the file has not been purged, so there is no certificate of its destruction")
    events = list(events)
    listed = destroyed(file.purged, events)
    return {
        "file_id": str(file.id),
        "workspace": file.workspace,
        "provider": file.purged.provider,
        "path": file.purged.path,
        "size": file.purged.size,
        "sha256": file.purged.sha256,
        "found": file.purged.found,
        "versions": [one.model_dump() for one in listed],
        "count": len(listed),
        "list_sha256": list_digest(listed),
        "policy": file.purged.policy,
        "purge": file.purged.purge,
        **circumstances(events, disclosures, file.purged.purge, reach),
    }


def circumstances(events: Iterable[Event], disclosures: Disclosures, purge: str, reach: ReachOf) -> dict[str, Json]:
    """Return the file's name, deletion, retention and holds, and the steps of one purge.

    A private value that the reader may not see, or that was erased, is null.
    """
    found: dict[str, Json] = {"filename": None, "deleted": None, "retention": None}
    holds: dict[str, dict[str, Json]] = {}
    steps: list[Json] = []
    for event in events:
        values = disclosed(disclosures, event.id, parse_canonical)
        if "filename" in values:
            found["filename"] = values["filename"]
        match event.data:
            case fe.SoftDeleted() | fe.FileExpired():
                found["deleted"] = _act(event, values, reach)
            case fe.RetentionSet() as data:
                found["retention"] = {"until": format_time(data.until), "mode": data.mode, **_act(event, values, reach)}
            case fe.LegalHoldPlaced() as data:
                said = {"id": data.hold, "name": values.get("name"), "matter": values.get("matter")}
                holds[data.hold] = {**said, "placed": _act(event, values, reach), "released": None}
            case fe.LegalHoldReleased() as data if data.hold in holds:
                holds[data.hold]["released"] = _act(event, values, reach)
        if event.type.startswith("file.purge") and event.data.to_json().get("purge") == purge:
            steps.append(_step(event, values, reach))
    return {**found, "legal_holds": list(holds.values()), "steps": steps}


def _act(event: Event, values: Values, reach: ReachOf) -> dict[str, Json]:
    return {
        "by": event.actor.id,
        "reach": reach(event.actor),
        "at": format_time(event.time),
        "reason": values.get("reason"),
    }


def _step(event: Event, values: Values, reach: ReachOf) -> dict[str, Json]:
    return {
        "position": event.position,
        "type": event.type,
        "time": format_time(event.time),
        "actor": event.actor.id,
        "credential": event.actor.credential,
        "reach": reach(event.actor),
        "decision": event.decision,
        "reason": values.get("reason"),
        "leaf_hash": event.leaf.hex(),
    }
