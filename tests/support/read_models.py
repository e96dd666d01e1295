"""Runners and builders for the length of a block, and how to wait for what they come to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from memory_log import MemoryLog
from provenstore.projections.engine.building import Builder
from provenstore.projections.engine.builds import Build, builds
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.runner import Runner
from provenstore.projections.engine.skips import Skips, no_skips
from provenstore.projections.engine.status import ReadModelStatus, statuses
from provenstore.projections.files.index import FileIndex

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]
PATIENCE = 20.0  # seconds after which a test gives up


@contextmanager
def running(
    log: MemoryLog,
    connect: Connect,
    *projections: Projection[Any],
    batch: int = 1000,
    poll: float = 0.01,
    gather: float = 0,
    decided: Callable[[], Skips] = no_skips,
) -> Iterator[Runner]:
    """Run a runner for the length of a block."""
    models = projections or [FileIndex()]
    runner = Runner(log, connect, models, poll=poll, takeover=0.05, gather=gather, batch=batch, decided=decided)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


@contextmanager
def building(
    log: MemoryLog,
    connect: Connect,
    *projections: Projection[Any],
    batch: int = 1000,
    rate: int | None = None,
    decided: Callable[[], Skips] = no_skips,
) -> Iterator[Builder]:
    """Run a builder for the length of a block."""
    builder = Builder(log, connect, projections or [FileIndex()], look=0.01, batch=batch, rate=rate, decided=decided)
    builder.start()
    try:
        yield builder
    finally:
        builder.stop()


def until(condition: Callable[[], object]) -> None:
    """Return once `condition` holds; fail when it does not for long."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "it never came to that"
        time.sleep(0.01)


def place(connection: Connection, name: str) -> ReadModelStatus:
    """Return where a read model stands."""
    return next(one for one in statuses(connection) if one.name == name)


def build(connection: Connection, name: str) -> Build:
    """Return the newest build of a read model."""
    return next(one for one in builds(connection) if one.name == name)


def ended(connection: Connection, name: str) -> Callable[[], bool]:
    """Return what tells whether the newest build of a read model is over."""
    return lambda: build(connection, name).status != "building"
