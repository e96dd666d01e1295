"""Whoever owns the database can change everything in it; `verify_log` names the first position that is not sound."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from custody import Custody
from provenstore.domain.canonical import canonical
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.proofs.verification import Verifier, verify_log
from provenstore.domain.transparency.merkle import leaf_hash

Owner = psycopg.Connection[tuple[Any, ...]]
Tamper = Callable[[Owner], None]

FAR = 1_000_000
"""Added to positions and taken away again: they are unique at every moment."""


def run(*statements: str) -> Tamper:
    """Return a tampering in SQL; `event` and the other tables are the log's."""

    def tamper(owner: Owner) -> None:
        owner.execute("set search_path = provenstore")
        for statement in statements:
            owner.execute(statement.encode())

    return tamper


def move(condition: str, by: int) -> tuple[str, str]:
    """Return the statements that move the positions of some events."""
    return (
        f"update event set position = position + {FAR} where {condition}",
        f"update event set position = position - {FAR} + {by} where position > {FAR}",
    )


def rewrite(position: int, **fields: Any) -> Tamper:
    """Return a tampering that changes fields of the envelope and hashes it anew; the columns stay."""

    def tamper(owner: Owner) -> None:
        row = owner.execute("select state from provenstore.event where position = %s", (position,)).fetchone()
        assert row is not None
        state = canonical({**json.loads(row[0]), **fields})
        owner.execute(
            "update provenstore.event set state = %s, leaf = %s where position = %s",
            (state, leaf_hash(state), position),
        )

    return tamper


def forge(position: int) -> Tamper:
    """Return a tampering that moves all later events and slips a well-sealed access in."""

    def tamper(owner: Owner) -> None:
        run("alter table event drop constraint event_workspace_number_key", *move(f"position >= {position}", 1))(owner)
        read = "select id, stream, version, workspace, number, type, time, leaf, state from provenstore.event"
        before = owner.execute(f"{read} where position = {position - 1}".encode()).fetchone()
        access = owner.execute(f"{read} where type = 'file.accessed.v1'".encode()).fetchone()
        assert before is not None
        assert access is not None
        sealed = {
            **json.loads(access[8]),
            "id": "01990000-0000-7000-8000-00000000f00d",
            "stream": "access:01990000-0000-7000-8000-0000000000aa",
            "number": before[4] + 1,
            "workspace_prev": before[7].hex(),
            "time": json.loads(before[8])["time"],
            "private": {},
        }
        state = canonical(sealed)
        event = Event.parse(position, state)
        owner.execute(
            "insert into provenstore.event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(position, event.id, event.stream, event.version, event.workspace, event.number),
                *(event.type, event.time, event.leaf, state),
            ),
        )

    return tamper


EVENTS = {
    "one byte": (run("update event set state = set_byte(state, 30, 120) where position = 8"), 8, 2),
    "one byte, rehashed": (rewrite(8, outcome="no"), 9, 4),
    "no envelope": (run("update event set state = '{}', leaf = sha256('\\x007b7d') where position = 8"), 8, 2),
    "column id": (run("update event set id = gen_random_uuid() where position = 8"), 8, 3),
    "column type": (run("update event set type = 'file.stored.v1' where position = 8"), 8, 3),
    "column stream": (run("update event set stream = 'file:other' where position = 8"), 8, 3),
    "column version": (run("update event set version = 99 where position = 8"), 8, 3),
    "column workspace": (run("update event set workspace = 'other' where position = 8"), 8, 3),
    "column number": (run("update event set number = 99 where position = 8"), 8, 3),
    "column time": (run("update event set time = time + interval '1 microsecond' where position = 8"), 8, 3),
    "column leaf": (run("update event set leaf = sha256('x') where position = 8"), 8, 2),
    "column position": (run("update event set position = 99 where position = 17"), 99, 1),
    "deleted": (run("delete from event where position = 8"), 9, 1),
    "deleted and closed up": (run("delete from event where position = 8", *move("position > 8", -1)), 8, 4),
    "swapped within a stream": (
        run(*move("position = 8", 91), *move("position = 9", -1), *move("position = 99", -90)),
        8,
        4,
    ),
    "swapped between streams": (
        run(*move("position = 6", 93), *move("position = 7", -1), *move("position = 99", -92)),
        6,
        5,
    ),
    "slipped in": (forge(8), 9, 5),
    "slipped in before all": (
        run(
            "alter table event drop constraint event_position_check, drop constraint event_stream_version_key,"
            " drop constraint event_workspace_number_key, drop constraint event_id_key",
            "insert into event select -1, id, stream, version, workspace, number, type, time, leaf, state"
            " from event where position = 8",
        ),
        -1,
        1,
    ),
}
VALUES = {
    "value": (run("update private_value set value = '\"x\"' where field = 'name'"), 12, 7),
    "salt": (run("update private_value set salt = sha256('x') where field = 'name'"), 12, 7),
    "dropped": (run("delete from private_value where field = 'name'"), 12, 7),
    "added": (
        run(
            "insert into private_value (event_id, field, workspace, salt, value)"
            " select id, 'reason', workspace, sha256('x'), '\"x\"' from event where position = 9"
        ),
        9,
        7,
    ),
    "erased by no event": (
        run(
            "update private_value set salt = null, value = null, erased_by = gen_random_uuid() where field = 'name'",
        ),
        12,
        7,
    ),
    "erased by an event of something else": (
        run(
            "update private_value set salt = null, value = null,"
            " erased_by = (select id from event where position = 17) where field = 'name'"
        ),
        12,
        7,
    ),
    "erased by an erasure of another file": (
        run(
            "update private_value set salt = null, value = null,"
            " erased_by = (select id from event where position = 15) where field = 'name'"
        ),
        12,
        7,
    ),
    "erased by an erasure of another field": (
        run(
            "update private_value set salt = null, value = null,"
            " erased_by = (select id from event where position = 15)"
            " where field = 'metadata' and event_id = (select id from event where position = 4)"
        ),
        4,
        7,
    ),
    "erased by an event before it": (
        run(
            "update private_value set salt = null, value = null,"
            " erased_by = (select id from event where position = 4)"
            " where field = 'filename' and event_id = (select id from event where position = 11)"
        ),
        11,
        7,
    ),
    "counter": (run("update quota set bytes = bytes - 1"), 17, 8),
    "limit": (run("update quota set max_bytes = 5"), 17, 8),
    "counter of nobody": (run("insert into quota values ('ghost', 'workspace', 5, 1)"), 17, 8),
}


@pytest.mark.parametrize("case", EVENTS | VALUES)
def test_tampering_is_named_where_it_begins(story: Custody, owner: Owner, case: str) -> None:
    """The first finding names the first position that is not sound, and the step that it breaks."""
    tamper, position, step = (EVENTS | VALUES)[case]
    tamper(owner)
    first = verify_log(story.log, page=5).first
    assert first is not None
    assert (position, step) == (first.position, first.step)


ONLY_VERIFIED = {"slipped in", "slipped in before all", "swapped between streams", "swapped within a stream"}
"""Each stream is whole by its versions: only the chain of the workspace, or the order of positions, shows these."""


@pytest.mark.parametrize("case", sorted(EVENTS.keys() - ONLY_VERIFIED))
def test_tampered_events_are_never_handed_out(story: Custody, owner: Owner, case: str) -> None:
    """Reading the log and loading its streams refuses with IntegrityViolated instead of answering with a lie."""
    streams = sorted({event.stream for event in story.log.read(0, 100)})
    EVENTS[case][0](owner)
    with pytest.raises(IntegrityViolated):
        _read_everything(story, streams)


def _read_everything(story: Custody, streams: list[str]) -> None:
    story.log.read(0, 100)
    for stream in streams:
        story.log.load(stream, lambda _, found: list(found) or None)


def test_a_deleted_end_of_a_stream_is_named_by_the_gap(story: Custody, owner: Owner) -> None:
    """Nothing in the stream itself misses its newest event; the log's positions do."""
    run("delete from event where position = 10")(owner)
    first = verify_log(story.log).first
    assert first is not None
    assert (first.position, first.step) == (11, 1)


def test_a_cut_tail_is_not_found_without_an_outside_witness(story: Custody, owner: Owner) -> None:
    """What docs/explanation/verification.md says: the rest agrees with itself. A noted position finds it."""
    newest = story.log.position()
    run("delete from event where position = 17")(owner)
    report = verify_log(story.log)
    assert (report.checked, report.findings) == (16, ())
    verifier = Verifier()
    for row in story.log.rows(0, 100):
        verifier.take(row)
    first = verifier.finish(newest=newest).first
    assert first is not None
    assert first.position == newest


def test_a_cut_tail_that_had_effects_is_found(story: Custody, owner: Owner) -> None:
    """An erasure that is gone leaves values behind that nobody erased, from the first one on."""
    run("delete from event where position >= 15")(owner)
    findings = verify_log(story.log).findings
    assert [(finding.position, finding.step) for finding in findings] == [(4, 7), (11, 7)]


NONSENSE = {
    "infinity": run("update event set time = 'infinity' where position = 8"),
    "long ago": run("update event set time = '4000-01-01 BC' where position = 8"),
    "no bytes": run("update event set state = '' where position = 8"),
    "no text": run("update event set state = '\\xff' where position = 8"),
    "deep": run(f"update event set state = convert_to(repeat('[', {60_000}), 'UTF8') where position = 8"),
    "no leaf": run("alter table event drop constraint event_leaf_check", "update event set leaf = '' where position=8"),
    "largest numbers": run(f"update event set version = {2**63 - 1}, number = {2**63 - 1} where position = 8"),
    "private": rewrite(8, private=["x"]),
    "stream": rewrite(8, stream={"x": 1}),
    "version": rewrite(8, version="1"),
    "number": rewrite(8, number=True),
    "time": rewrite(8, time="0001-01-01T00:00:00.000000+14:00"),
    "data": rewrite(8, type="unknown.v1", data=[1]),
    "actor": rewrite(8, actor={"id": ["x"], "kind": None, "via": None, "credential": None}),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_reported_like_everything_else(story: Custody, owner: Owner, case: str) -> None:
    """Whatever the database can hold, the check ends with a report that names it, and readers refuse it."""
    NONSENSE[case](owner)
    first = verify_log(story.log).first
    assert first is not None
    assert first.position == 8
    with pytest.raises(IntegrityViolated):
        story.log.read(0, 100)
