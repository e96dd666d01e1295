"""A server is killed between each pair of steps of each command; what was acknowledged stands, and nothing hangs.

The steps are those that a dry run takes, so a step that is added to a command is killed here, too. At every SIGKILL
many requests stand still in the server, each at a step of its own: for every command one whose client tries again, one
that is left to the background work, and where a purge is approved one on whose file a hold is placed meanwhile.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from provenstore.api.services import Services
from provenstore.api.wiring import open_services
from tests.crash import acts
from tests.crash.acts import IN_TIME
from tests.crash.killable import Ground, Killable
from tests.crash.ways_up import WAYS_UP
from tests.crash.whole import check_whole, events_of, files_named

ACTS = acts.ACTS | WAYS_UP

A_DAY = timedelta(hours=25)
"""Longer than an upload is kept open."""

PURGE = "approve purge"


@dataclass
class Victim:
    """A file whose command was interrupted at a step.

    `returns`: its client tries again, until it is `told` that the command is done. `held`: whether a hold that
    was asked for meanwhile was placed.
    """

    act: str
    name: str
    step: str
    returns: bool = False
    told: bool = False
    held: bool | None = None


@pytest.mark.timeout(900)  # dozens of starts and kills of a server, each with requests to a slow store
def test_commands_that_are_killed(ground: Ground) -> None:
    """They are done wholly or not at all, and exactly once for the client that tries again."""
    victims: list[Victim] = []
    with ground.serving() as server:
        server.ready()
        steps = {name: _dry_run(server, name, victims) for name in ACTS}
        _interrupt(server, steps, 0, victims)
    for turn in range(1, max(len(acts.gaps(taken)) for taken in steps.values())):
        with ground.serving() as server:
            _try_again(server.ready(), victims)
            _interrupt(server, steps, turn, victims)
    with ground.serving() as server:
        _try_again(server.ready(), victims)
    assert [victim for victim in victims if victim.returns and not victim.told] == []
    # What was announced is settled, and what was given up is cleared; then what nobody goes on with expires.
    for passed in (IN_TIME, A_DAY):
        with ground.serving(pass_time=passed) as server:
            _try_again(server.ready(), victims)
            server.stop()
    assert {victim.held for victim in victims} == {None, True, False}
    with open_services(ground.settings, sweep=False, make=False) as services:
        outcomes = [_outcome(services, victim) for victim in victims]
        assert set(outcomes) == {"done", "as if never asked for"}, outcomes
        check_whole(services)


def _dry_run(server: Killable, name: str, victims: list[Victim]) -> list[str]:
    """Do the command once, without harm, and return the steps that it takes."""
    act = ACTS[name]
    file = act.prepare(server)
    before = len(server.steps())
    acts.done(act.command(server, file))
    victims.append(Victim(name, file, "never", told=True))
    steps = server.steps()[before:]
    seen = iter(steps)
    assert all(step in seen for step in act.effects), (name, steps)
    return steps


def _interrupt(server: Killable, steps: dict[str, list[str]], turn: int, victims: list[Victim]) -> None:
    """Bring files of every command to a standstill at its next gap, and kill the server."""
    for name, taken in steps.items():
        for number in acts.gaps(taken)[turn : turn + 1]:
            step = f"{number} {taken[number - 1]}"
            for returns in (True, False):
                victims.append(_stuck(server, name, number, step, returns=returns))
            if name == PURGE:
                victims.append(victim := _stuck(server, name, number, step))
                answer = acts.hold(server, victim.name)
                assert answer.status_code in {201, 409}, answer.text
                victim.held = answer.is_success
    server.kill()


def _stuck(server: Killable, name: str, number: int, step: str, *, returns: bool = False) -> Victim:
    act = ACTS[name]
    victim = Victim(name, act.prepare(server), step, returns=returns)
    server.stick(number, partial(act.command, server, victim.name))
    return victim


def _try_again(server: Killable, victims: list[Victim]) -> None:
    """Let the clients that were not answered ask once more."""
    for victim in victims:
        if victim.returns and not victim.told:
            act = ACTS[victim.act]
            answer = act.command(server, victim.name)
            # Without an idempotency key a client that is refused looks whether it was done.
            assert answer.is_success or (answer.status_code == 409 and not act.repeatable), (victim, answer.text)
            victim.told = answer.is_success or server.status(victim.name) == act.ends
        elif victim.held:
            # The approval is on record, and its repetition says so; the hold has called the purge off.
            assert ACTS[PURGE].command(server, victim.name).status_code in {200, 409}
            assert server.status(victim.name) == "soft_deleted"


def _outcome(services: Services, victim: Victim) -> str:
    """Return what became of a victim."""
    act, log = ACTS[victim.act], services.ledger.log
    file = files_named(log).get(victim.name)
    status, recorded = _become(services, file) if file else ("none", Counter[str]())
    counts = [recorded[record] if act.once else min(1, recorded[record]) for record in act.records]
    if victim.held:
        # The approval stands; what it was for was called off by the hold.
        whole = status == act.begins and not {"purge_started", "purged"} & recorded.keys()
        return "as if never asked for" if whole else f"{victim}: {status} after {dict(recorded)}"
    if status == act.ends and set(counts) == {1}:
        return "done"
    if status in {act.begins, act.leaves} and set(counts) == {0} and not victim.told:
        return "as if never asked for"
    return f"{victim}: {status} after {dict(recorded)}"


def _become(services: Services, file: UUID) -> tuple[str, Counter[str]]:
    """Return what a file was, and how often what had happened to it, before the day that ends unfinished uploads."""
    found, recorded = services.ledger.recorder.file(file), Counter(events_of(services.ledger.log, file))
    if found.status != "expired":
        return found.status, recorded
    del recorded["upload_cleared"]
    return "initiated", recorded


def test_an_expiry_that_is_killed(ground: Ground) -> None:
    """Nobody asks for it twice: the background work of a later server ends it, however often it is killed."""
    with ground.serving() as server:
        victims = [acts.initiated(server.ready())]
    with ground.serving(pass_time=A_DAY) as server:
        steps = server.ready().steps()
        assert tuple(steps) == ("log.append:before", "log.append:after") * 2
        victims += [acts.initiated(server) for _ in steps]
    ground.ahead += A_DAY
    for number in range(1, len(steps) + 1):
        # The uploads that nothing has been done for come first, so that each is stopped at the next step.
        with ground.serving(stop_at=number) as server:
            server.await_steps(number)
    with ground.serving() as server:
        server.ready().stop()
    with open_services(ground.settings, sweep=False, make=False) as services:
        files = files_named(services.ledger.log)
        for victim in victims:
            found = events_of(services.ledger.log, files[victim])
            assert found == ["upload_initiated", "upload_expired", "upload_cleared"]
        check_whole(services)
