"""Rows of any moment are those that a runner which had stopped there would have left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from memory_log import START, MemoryLog, at, story
from provenstore.domain.errors import InvalidInput, UnknownEventType
from provenstore.domain.eventlog.event_types import RawData
from provenstore.projections.engine import generations
from provenstore.projections.engine.as_of import parse_moment, position_at, rows_at
from provenstore.projections.engine.positions import prepare
from provenstore.projections.files.index import FileIndex
from shelf import index

Connection = psycopg.Connection[Any]
NOW = START + timedelta(days=1)


def live(connection: Connection, log: MemoryLog) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows that a runner leaves at the end of `log`."""
    index(connection, log)
    return [
        (view, row)
        for view in FileIndex.tables
        for (row,) in connection.execute(f"SELECT to_jsonb(v) FROM provenstore_read.{view} v ORDER BY 1")
    ]


@pytest.mark.parametrize("position", [1, 7, 13, 25])
def test_rows_are_those_of_the_moment(connection: Connection, position: int) -> None:
    """Whatever came later has no part in them; what is folded for a look is gone afterwards, also half way."""
    log = story(6)
    connection.execute("SET timezone = 'UTC'")
    found = list(rows_at(connection, log, FileIndex(), position))
    assert found == live(connection, MemoryLog(events=log.events[:position], private=log.private))
    looking = rows_at(connection, log, FileIndex(), position)
    next(looking)
    looking.close()
    assert generations.made(connection, "file_index") == (1,)


def test_rows_of_some_keys_alone(connection: Connection) -> None:
    """The same rows as among all."""
    log = story(6)
    prepare(connection, [FileIndex()])
    some = list(rows_at(connection, log, FileIndex(), 20, keys={"f1", "nobody"}))
    assert some == [
        one for one in rows_at(connection, log, FileIndex(), 20) if "f1" in (one[1].get("id"), one[1].get("file"))
    ]
    assert some


def test_two_look_at_once(connect: Callable[[], Connection]) -> None:
    """Each has tables of its own."""
    log = story(2)
    with connect() as one, connect() as other:
        for connection in (one, other):
            prepare(connection, [FileIndex()])
        first, second = rows_at(one, log, FileIndex(), 2), rows_at(other, log, FileIndex(), 3)
        assert (next(first)[1]["id"], next(second)[1]["id"]) == ("f0", "f0")
        assert (len(list(first)), len(list(second))) == (2, 4)


def test_an_unknown_type_is_refused_unless_it_was_skipped(connection: Connection) -> None:
    """As the runner would park there."""
    log = story(2)
    log.events[2] = replace(log.events[2], data=RawData(fields={}))
    assert list(rows_at(connection, log, FileIndex(), 2))
    with pytest.raises(UnknownEventType):
        list(rows_at(connection, log, FileIndex(), 3))
    assert list(rows_at(connection, log, FileIndex(), 3, skipped={3}))


@settings(max_examples=examples(20, 60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.lists(st.integers(0, 9), min_size=1, max_size=12), asked=st.integers(0, 200))
def test_a_time_is_the_longest_prefix_up_to_it(seconds: list[int], asked: int) -> None:
    """Several events may have one time; then all of them belong to it."""
    log, moment = MemoryLog(), START
    for event, more in zip(story(6).events, seconds, strict=False):
        moment += timedelta(seconds=more)
        log.events.append(replace(event, time=moment))
    wanted = START + timedelta(seconds=asked)
    expected = sum(event.time <= wanted for event in log.events)
    if expected:
        assert position_at(log, wanted, NOW) == expected
    else:
        with pytest.raises(InvalidInput, match="before the first event"):
            position_at(log, wanted, NOW)


def test_moments_outside_the_log_are_refused() -> None:
    """Each with a sentence that says where the log is."""
    log = story(1)
    assert position_at(log, log.position(), NOW) == log.position()
    assert position_at(log, NOW, NOW) == log.position()
    for moment, words in (
        (0, "not a position between 1 and"),
        (log.position() + 1, "not a position between 1 and"),
        (at(1) - timedelta(microseconds=1), "before the first event"),
        (NOW + timedelta(microseconds=1), "in the future"),
    ):
        with pytest.raises(InvalidInput, match=words):
            position_at(log, moment, NOW)
    with pytest.raises(InvalidInput, match="no event yet"):
        position_at(MemoryLog(), 1, NOW)


def test_moments_are_positions_times_with_a_zone_or_dates() -> None:
    """A time without a zone means different moments to different people; a date is its first moment in UTC."""
    assert parse_moment("17") == 17
    assert parse_moment("2026-11-21T09:00:00+01:00") == datetime.fromisoformat("2026-11-21T08:00:00Z")
    assert parse_moment("2026-11-21") == datetime.fromisoformat("2026-11-21T00:00:00Z")
    for text, words in (
        ("2026-11-21T08:00:00", "without a zone"),
        ("2026-11-32", "neither a position nor a time"),
        ("yesterday", "neither a position nor a time"),
        ("-1", "neither a position nor a time"),
        ("9" * 19, "neither a position nor a time"),
        ("", "neither a position nor a time"),
    ):
        with pytest.raises(InvalidInput, match=words):
            parse_moment(text)
