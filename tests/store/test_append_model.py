"""Random batches end as if their commands had been executed one by one."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from examples import examples
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.eventlog.envelope import Draft
from provenstore.domain.eventlog.event_log import Append, Erasure, Guard, IdempotencyKey
from provenstore.domain.eventlog.quota import QuotaChange
from sealed_check import check_sealed
from sequential_log import Answer, SequentialLog, answer
from store_commands import SECRETS, closed, happened
from store_database import WRITER, ScratchDatabase

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent / "support")}

STREAMS = ["file:a", "file:b", "parts:a"]
WORKSPACES = ["acme", "other"]
# Few enough that they collide, within a batch and between batches.
IDS = [UUID(int=number) for number in range(1, 60)]

few = st.integers(0, 3)
guards = st.lists(st.builds(Guard, st.sampled_from(STREAMS), few), max_size=1)
limits = st.none() | st.integers(-1, 6)
changes = st.builds(
    QuotaChange,
    workspace=st.sampled_from(WORKSPACES),
    counter=st.sampled_from(["workspace", "link:1"]),
    bytes=st.integers(-2, 4),
    files=st.integers(-1, 2),
    max_bytes=limits,
    max_files=limits,
)
drafts = st.builds(
    happened,
    st.sampled_from(STREAMS),
    st.text(max_size=5),
    workspace=st.sampled_from(WORKSPACES),
    event_id=st.sampled_from(IDS),
    private=st.dictionaries(st.sampled_from(SECRETS), st.text(max_size=5), max_size=2),
) | st.builds(closed, st.sampled_from(STREAMS), st.sampled_from([*STREAMS, "file:never"]))
commands = st.builds(
    Append,
    drafts=st.lists(drafts, min_size=1, max_size=3),
    expected=guards,
    reads=guards,
    quota=st.lists(changes, max_size=2),
    erase=st.lists(st.builds(Erasure, st.sampled_from(IDS), st.sampled_from(SECRETS)), max_size=4),
    key=st.none() | st.builds(IdempotencyKey, st.just("svc-1"), st.sampled_from("kl"), st.sampled_from([b"1", b"2"])),
)
batches = st.lists(st.lists(commands, min_size=1, max_size=6), min_size=1, max_size=4)


@settings(max_examples=examples(20, 60), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_batches_equal_the_sequential_model(
    database: ScratchDatabase, log: PostgresEventLog, data: st.DataObject
) -> None:
    """Answers, log, quota, private values and keys are those of the model, whatever the batches held."""
    database.reset()
    model = SequentialLog()
    for batch in data.draw(batches):
        expected = [model.append(command) for command in batch]
        assert [answer(given) for given in log.append_batch(batch)] == expected
    check_log(log, model)


@dataclass
class Sender:
    """A process that sends batches, and what it was given to send."""

    process: subprocess.Popen[bytes]
    batches: list[list[Append]] = field(default_factory=list)

    def send(self, batches: list[list[Append]]) -> None:
        """Let it begin."""
        self.batches = batches
        assert self.process.stdin is not None
        pickle.dump(batches, self.process.stdin)
        self.process.stdin.flush()

    def told(self) -> list[tuple[Append, Answer]]:
        """Wait for its answers, by command."""
        assert self.process.stdout is not None
        answers: list[Answer] = pickle.load(self.process.stdout)
        return list(zip((command for batch in self.batches for command in batch), answers, strict=True))


@pytest.fixture
def senders(database: ScratchDatabase) -> Iterator[list[Sender]]:
    """Two processes on one log."""
    program = [sys.executable, str(HERE / "batch_sender.py"), database.conninfo(WRITER)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": ENVIRONMENT}
    with subprocess.Popen(program, **pipes) as one, subprocess.Popen(program, **pipes) as other:
        yield [Sender(one), Sender(other)]
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.close()


@settings(max_examples=examples(10, 30), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_two_processes_equal_the_sequential_model_in_one_order(
    database: ScratchDatabase, log: PostgresEventLog, senders: list[Sender], data: st.DataObject
) -> None:
    """There is one order of both processes' commands in which the model gives every answer that they were given."""
    database.reset()
    drawn = [data.draw(batches) for _ in senders]
    for sender, its in zip(senders, drawn, strict=True):
        sender.send(its)
    told = [sender.told() for sender in senders]
    model = explain(SequentialLog(), *told)
    assert model is not None
    check_log(log, model)


def explain(
    model: SequentialLog, one: list[tuple[Append, Answer]], other: list[tuple[Append, Answer]]
) -> SequentialLog | None:
    """Return the model after an order that gives each command its answer, each process's in its own; None if none."""
    if not one and not other:
        return model
    for first, rest in ((one, other), (other, one)):
        if first:
            copy = model.copy()
            command, answered = first[0]
            if copy.append(command) == answered and (found := explain(copy, first[1:], rest)):
                return found
    return None


def check_log(log: PostgresEventLog, model: SequentialLog) -> None:
    """Assert that what is stored is what the model holds."""
    events = log.read(0, 10_000)
    check_sealed(events)
    assert [event.id for event in events] == [draft.id for draft in model.events]
    for event, draft in zip(events, model.events, strict=True):
        assert dict(event.private) == {value.field: value.commitment for value in draft.private}
        head = event.to_json()["data"].get("head")
        assert (head["version"] if head else 0) == model.heads.get(event.position, 0)
    for (workspace, counter), use in model.quotas.items():
        assert log.quota(workspace, counter) == use
    assert {(w, c) for w in WORKSPACES for c in ("workspace", "link:1") if log.quota(w, c)} == model.quotas.keys()
    check_private(log, model, model.events)


def check_private(log: PostgresEventLog, model: SequentialLog, drafts: Sequence[Draft]) -> None:
    """Assert that private values are there with the salts of their drafts, or erased by whom the model says."""
    stored = log.disclosures([draft.id for draft in drafts])
    assert {(event, field) for event, values in stored.items() for field in values} == model.private.keys()
    for draft in drafts:
        for value in draft.private:
            found, erased_by = stored[draft.id][value.field], model.private[draft.id, value.field]
            assert found.erased_by == erased_by
            assert (found.salt, found.value) == ((None, None) if erased_by else (value.salt, value.value))
