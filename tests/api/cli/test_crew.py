"""Several things at once: no more than asked for, none lost, and an end when the caller goes."""

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from threading import Barrier, Event, Timer

import pytest

from provenstore.api.cli.parallel import AHEAD, as_completed

from .conftest import ON_A_TERMINAL


def test_everything_is_done_once() -> None:
    """In whatever order, each item with its own outcome."""
    done = as_completed(lambda one: one * 2, range(100), jobs=4, stop=Event())
    assert sorted((item, outcome.result()) for item, outcome in done) == [(one, one * 2) for one in range(100)]


def test_as_many_at_once_as_asked_for() -> None:
    """Four wait for each other; three could not."""
    meet = Barrier(4, timeout=10)
    list(as_completed(lambda _: meet.wait(), range(8), jobs=4, stop=Event()))


def test_the_list_may_be_longer_than_memory() -> None:
    """Little more is taken from it than is under way."""
    taken = itertools.count()
    outcomes = as_completed(lambda one: one, (next(taken) for _ in itertools.repeat(None)), jobs=3, stop=Event())
    with contextlib.closing(outcomes):
        for _ in range(50):
            next(outcomes)
    assert next(taken) <= 50 + AHEAD * 3


def test_a_failure_is_that_of_its_item() -> None:
    """The others are done."""

    def half(one: int) -> int:
        if one == 3:
            raise ValueError
        return one

    failed = [item for item, outcome in as_completed(half, range(6), jobs=2, stop=Event()) if outcome.exception()]
    assert failed == [3]


def test_when_the_caller_goes_nothing_more_is_begun() -> None:
    """What is under way is told to stop, and waited for."""
    stop, began = Event(), []

    def wait(one: int) -> None:
        began.append(one)
        if one:
            stop.wait(10)

    def work() -> None:
        outcomes = as_completed(wait, itertools.count(), jobs=2, stop=stop)
        with contextlib.closing(outcomes):
            next(outcomes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert stop.is_set()
    assert len(began) <= 4


def test_a_list_that_fails_ends_the_work() -> None:
    """Its error is the caller's."""

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(as_completed(lambda one: one, broken(), jobs=2, stop=Event()))


INTERRUPTED = """
import itertools, threading, time
from provenstore.api.cli.parallel import as_completed

def work(one):
    time.sleep(0.0002)
    return one

for _ in range(ROUNDS):
    try:
        for one, outcome in as_completed(work, itertools.count(), jobs=4, stop=threading.Event()):
            assert outcome.result() == one
            if one == 8:
                print("at work", flush=True)
    except KeyboardInterrupt:
        print("left", flush=True)
"""


def test_an_interruption_ends_it_wherever_it_comes() -> None:
    """No thread waits for a lock that the interrupted one will never give back."""
    rounds = 300
    command = [*ON_A_TERMINAL, sys.executable, "-c", INTERRUPTED.replace("ROUNDS", str(rounds))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        giving_up = Timer(60, process.kill)
        giving_up.start()
        left = 0
        for line in process.stdout:
            if line == "left\n":
                left += 1
                continue
            time.sleep(random.uniform(0, 0.002))
            process.send_signal(signal.SIGINT)
        giving_up.cancel()
    assert (process.returncode, left) == (0, rounds)


IMPATIENT = """
import os, signal, threading
from provenstore.api.cli.parallel import as_completed

def work(_):
    os.kill(os.getpid(), signal.SIGINT)
    stop.wait(20)
    os.kill(os.getpid(), signal.SIGINT)
    never.wait(20)

stop, never = threading.Event(), threading.Event()
try:
    list(as_completed(work, range(1), jobs=1, stop=stop))
except KeyboardInterrupt:
    never.set()
    print("left")
"""


def test_who_interrupts_twice_does_not_wait() -> None:
    """Neither for what is under way nor for a thread that sees nothing of being told to stop."""
    command = [*ON_A_TERMINAL, sys.executable, "-c", IMPATIENT]
    ran = subprocess.run(command, capture_output=True, timeout=15, check=False)
    assert (ran.returncode, ran.stdout) == (0, b"left\n"), ran.stderr
