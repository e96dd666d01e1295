"""Group commit: what waits goes together, each command keeps its own answer, and nobody waits for nothing."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.writer import MAX_EVENTS, Answer, Writer
from provenstore.domain.errors import AppendOutcomeUnknown, Busy, Conflict, DatabaseUnavailable, Unavailable
from provenstore.domain.eventlog.event_log import Append, Appended, Guard
from store_commands import happened


class Gate:
    """Seals nothing, but keeps what it was asked for; the first batch waits until the gate is opened."""

    def __init__(self, answer: Callable[[Append], Answer] = lambda _: Appended(())) -> None:
        self.batches: list[list[Append]] = []
        self.reached = threading.Event()
        self.open = threading.Event()
        self._answer = answer

    def seal(self, commands: Sequence[Append]) -> Sequence[Answer]:
        """Answer each command."""
        self.batches.append(list(commands))
        self.reached.set()
        assert self.open.wait(10)
        return [self._answer(command) for command in commands]


def _command(stream: str = "file:1", events: int = 1) -> Append:
    return Append(drafts=[happened(stream) for _ in range(events)])


def _begin(writer: Writer, gate: Gate, pool: ThreadPoolExecutor, waiting: Sequence[Append]) -> list[Future[Appended]]:
    """Let one command be written, and the others wait, in this order."""
    futures = [pool.submit(writer.append, _command("file:first"))]
    assert gate.reached.wait(10)
    for number, command in enumerate(waiting, start=1):
        futures.append(pool.submit(writer.append, command))
        while len(writer._queue) < number:  # nothing else tells that a thread waits
            pass
    return futures


def test_what_waits_goes_together_in_order() -> None:
    """One batch while the first is written, then all that came meanwhile."""
    gate = Gate()
    writer = Writer(gate.seal)
    commands = [_command(f"file:{number}") for number in range(5)]
    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, commands)
        gate.open.set()
        for future in futures:
            future.result(10)
    assert [len(batch) for batch in gate.batches] == [1, 5]
    assert gate.batches[1] == commands


def test_a_batch_has_an_end() -> None:
    """More events than one batch takes go into the next; a larger command goes alone."""
    gate = Gate()
    writer = Writer(gate.seal)
    commands = [_command(events=MAX_EVENTS - 1), _command(events=2), _command(events=MAX_EVENTS + 1), _command()]
    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, commands)
        gate.open.set()
        for future in futures:
            future.result(10)
    assert [[len(command.drafts) for command in batch] for batch in gate.batches[1:]] == [
        [MAX_EVENTS - 1],
        [2],
        [MAX_EVENTS + 1],
        [1],
    ]


def test_a_full_queue_refuses_at_once() -> None:
    """Busy says that nothing was done; those who wait are served."""
    gate = Gate()
    writer = Writer(gate.seal, max_waiting=2)
    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, [_command(), _command()])
        with pytest.raises(Busy) as refused:
            writer.append(_command())
        assert isinstance(refused.value, Unavailable)
        gate.open.set()
        for future in futures:
            future.result(10)
    assert sum(map(len, gate.batches)) == 3


def test_closing_waits_for_what_was_taken() -> None:
    """And takes nothing more."""
    gate = Gate()
    writer = Writer(gate.seal)
    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, [_command(), _command()])
        closing = pool.submit(writer.close)
        while not writer._closed:  # nothing else tells
            pass
        with pytest.raises(DatabaseUnavailable):
            writer.append(_command())
        assert not closing.done()
        gate.open.set()
        closing.result(10)
        assert sum(map(len, gate.batches)) == 3  # their threads may still be on their way home
        assert [future.result(10) for future in futures] == [Appended(())] * 3
    writer.close()


def test_a_leader_that_fails_leaves_nobody_waiting() -> None:
    """Whoever was in its batch does not know; whoever came later is written by the next."""

    def fail_once(command: Append) -> Answer:
        if command.drafts[0].stream == "file:first":
            raise MemoryError
        return Appended(())

    gate = Gate(fail_once)
    writer = Writer(gate.seal)
    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, [_command(), _command("file:first"), _command()])
        gate.open.set()
        with pytest.raises(MemoryError):
            futures[0].result(10)
        for future in futures[1:]:
            with pytest.raises((AppendOutcomeUnknown, MemoryError)):
                future.result(10)
    assert writer.append(_command()) == Appended(())


def test_whoever_is_interrupted_while_waiting_does_not_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a thread that was to lead next: the one behind it leads, and its own command is not written."""
    gate = Gate()
    writer = Writer(gate.seal)
    mine, behind = _command("file:mine"), _command("file:behind")

    class Interrupted(BaseException):
        pass

    with ThreadPoolExecutor(8) as pool:
        futures = _begin(writer, gate, pool, [])
        lead = writer._lead  # the interruption comes between being called to lead and leading

        def interrupted(one: Any) -> None:
            if one.command is mine:
                raise Interrupted
            lead(one)

        monkeypatch.setattr(writer, "_lead", interrupted)
        futures.append(pool.submit(writer.append, mine))
        while len(writer._queue) < 1:
            pass
        futures.append(pool.submit(writer.append, behind))
        while len(writer._queue) < 2:
            pass
        gate.open.set()
        assert futures[0].result(10) == Appended(())
        with pytest.raises(Interrupted):
            futures[1].result(10)
        assert futures[2].result(10) == Appended(())
    assert [command for batch in gate.batches[1:] for command in batch] == [behind]


def test_a_refusal_is_its_own_commands_alone(log: PostgresEventLog) -> None:
    """Of many who want the same version exactly one gets it; those who want nothing of the kind all do."""
    with ThreadPoolExecutor(32) as pool:
        wanting = [
            pool.submit(log.append, Append(drafts=[happened("file:wanted")], expected=[Guard("file:wanted", 0)]))
            for _ in range(16)
        ]
        others = [pool.submit(log.append, Append(drafts=[happened(f"file:{number}")])) for number in range(16)]
        refused = [future.exception(30) for future in wanting]
        for future in others:
            assert len(future.result(30).events) == 1
    assert [type(one) for one in refused if one is not None] == [Conflict] * 15
    assert [event.position for event in log.read(0, 100)] == list(range(1, 18))


def test_the_log_closes_when_all_is_recorded(log: PostgresEventLog) -> None:
    """Leaving it drains the queue."""
    with log, ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(log.append, _command(f"file:{number}")) for number in range(64)]
    assert log.position() == 64
    assert all(future.done() for future in futures)
    with pytest.raises(DatabaseUnavailable):
        log.append(_command())
