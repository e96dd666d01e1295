"""Repetitions within a window are counted, and no first occurrence is ever lost."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from pytest import MonkeyPatch

from provenstore.domain.eventlog import deduplication as merging
from provenstore.domain.eventlog.deduplication import Repeated, WindowedCounter
from sealing import START

MINUTE = timedelta(minutes=1)


def test_the_first_is_recorded_and_repetitions_are_counted() -> None:
    """One event at once, and the counts since the last drain."""
    merger: WindowedCounter[str] = WindowedCounter(MINUTE)
    assert merger.is_first("k", "p", START)
    assert not merger.is_first("k", "p", START + timedelta(seconds=59))
    assert merger.drain(START + timedelta(seconds=59)) == [Repeated("p", 1)]
    assert merger.drain(START + timedelta(seconds=59)) == []
    assert not merger.is_first("k", "p", START + timedelta(seconds=59))
    assert merger.drain(START + MINUTE) == [Repeated("p", 1)]
    assert merger.is_first("k", "p", START + MINUTE)


def test_a_count_is_not_lost_when_the_key_comes_again_late() -> None:
    """The open count moves into the next window."""
    merger: WindowedCounter[str] = WindowedCounter(MINUTE)
    merger.is_first("k", "p", START)
    merger.is_first("k", "p", START)
    assert merger.is_first("k", "p", START + MINUTE)
    assert merger.drain(START + MINUTE) == [Repeated("p", 1)]


def test_what_could_not_be_recorded_opens_no_window() -> None:
    """The next occurrence is a first one again."""
    merger: WindowedCounter[str] = WindowedCounter(MINUTE)
    merger.is_first("k", "p", START)
    merger.forget("k")
    assert merger.is_first("k", "p", START)


def test_hostile_variety_costs_no_memory(monkeypatch: MonkeyPatch) -> None:
    """Beyond the bound everything counts as first."""
    monkeypatch.setattr(merging, "MAX_OPEN_WINDOWS", 2)
    merger: WindowedCounter[str] = WindowedCounter(MINUTE)
    for key in range(5):
        assert merger.is_first(key, "p", START)
    assert merger.is_first(4, "p", START)
    assert not merger.is_first(1, "p", START)


def test_nobody_passes_before_the_first_is_recorded() -> None:
    """Whoever comes meanwhile waits; if it could not be recorded, theirs is the first."""
    merger: WindowedCounter[str] = WindowedCounter(MINUTE)
    recorded: list[str] = []
    with ThreadPoolExecutor(1) as other:

        def fail() -> None:
            waiting.append(other.submit(merger.once, "k", "p", START, lambda: recorded.append("second")))
            with pytest.raises(TimeoutError):
                waiting[0].result(0.1)
            raise KeyError

        waiting: list[Future[None]] = []
        with pytest.raises(KeyError):
            merger.once("k", "p", START, fail)
        waiting[0].result(10)
    merger.once("k", "p", START, lambda: recorded.append("third"))
    assert recorded == ["second"]
