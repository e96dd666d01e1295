"""Moving the log's own time: a log never goes back behind its newest event, so one from the future sets its clock."""

from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL

from guards import GUARDS_ON
from provenstore.domain.eventlog.envelope import Event
from sealing import join
from store_commands import happened

_NEWEST = "select position, version, number, leaf from provenstore.event where {} order by position desc limit 1"


def move_log(owner: psycopg.Connection[Any], moment: datetime) -> None:
    """Append a rightly sealed event of `moment`, as the owner; all later events have at least that time."""
    position, *_ = _newest(owner, "true")
    _, version, _, leaf = _newest(owner, "stream = 'system:clock'")
    _, _, number, workspace_leaf = _newest(owner, "workspace = 'system'")
    draft = happened("system:clock", workspace="system")
    state = join(
        draft,
        number=number + 1,
        prev=leaf,
        time=moment,
        version=version + 1,
        workspace_prev=workspace_leaf,
        head=b"null",
    )
    event = Event.parse(position + 1, state)
    owner.execute(
        "insert into provenstore.event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(event.position, event.id, event.stream, event.version, event.workspace, event.number),
            *(event.type, event.time, event.leaf, state),
        ),
    )


def _newest(owner: psycopg.Connection[Any], where: LiteralString) -> tuple[int, int, int, str | None]:
    """Return position, version, number and leaf of the newest such event; 0 and None where there is none."""
    found = owner.execute(SQL(_NEWEST).format(SQL(where))).fetchone()
    return (0, 0, 0, None) if found is None else (found[0], found[1], found[2], found[3].hex())


_RESET = f"""
begin;
alter table provenstore.event disable trigger user;
alter table provenstore.private_value disable trigger user;
truncate provenstore.event, provenstore.private_value, provenstore.quota, provenstore.idempotency;
{GUARDS_ON}commit;
"""


def empty_log(owner: psycopg.Connection[Any]) -> None:
    """Begin the log anew, with the triggers off as only the owner can: for many examples in one test."""
    owner.execute(_RESET)
