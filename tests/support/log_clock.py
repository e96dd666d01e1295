"""Moving the log's own time: a log never goes back behind its newest event, so one from the future sets its clock."""

from datetime import datetime
from typing import Any

import psycopg

from provenstore.domain.envelope import Event
from sealing import join
from store_commands import happened

_NEWEST = """
select position, version, leaf, number, state from provenstore.event
where stream = 'system:clock' order by position desc limit 1
"""


def move_log(owner: psycopg.Connection[Any], moment: datetime) -> None:
    """Append a rightly sealed event of `moment`, as the owner; all later events have at least that time.

    Nothing else may be in the workspace `system`.
    """
    before = owner.execute(_NEWEST).fetchone()
    newest = owner.execute("select coalesce(max(position), 0) from provenstore.event").fetchone()
    assert newest is not None
    version, number, leaf = (before[1], before[3], before[2].hex()) if before else (0, 0, None)
    draft = happened("system:clock", workspace="system")
    state = join(
        draft, number=number + 1, prev=leaf, time=moment, version=version + 1, workspace_prev=leaf, head=b"null"
    )
    event = Event.parse(newest[0] + 1, state)
    owner.execute(
        "insert into provenstore.event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(event.position, event.id, event.stream, event.version, event.workspace, event.number),
            *(event.type, event.time, event.leaf, state),
        ),
    )


_RESET = """
begin;
alter table provenstore.event disable trigger user;
alter table provenstore.private_value disable trigger user;
truncate provenstore.event, provenstore.private_value, provenstore.quota, provenstore.idempotency;
alter table provenstore.event enable trigger user;
alter table provenstore.private_value enable trigger user;
commit;
"""


def empty_log(owner: psycopg.Connection[Any]) -> None:
    """Begin the log anew, with the triggers off as only the owner can: for many examples in one test."""
    owner.execute(_RESET)
