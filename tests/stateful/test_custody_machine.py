"""Any sequence of acts by anybody at any time: the real ledger answers, and becomes, what a plain model says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from custody import ADMIN, OTHER_ADMIN, SERVICE, Custody, caller
from custody_model import DAY, Codes, Model, ModelFile, Party
from examples import examples
from followed import Followed
from log_clock import empty_log, move_log
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import ProvenstoreError, Refused
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File, evolve, file_stream, project
from provenstore.domain.files.file_decisions import decide
from provenstore.domain.tenants.workspace import SetPurgePolicy
from whole_custody import check_whole

START = datetime(2040, 1, 1, tzinfo=UTC)
"""Later than any test run: from here the log's time is the machine's, and a seed replays."""

MAX_BYTES, MAX_FILES = 100, 4

_SERVICES = frozenset({"initiate", "upload", "abort", "read", "delete", "restore", "change", "request"})
_KEEPERS = frozenset({"read", "delete", "restore", "change", "request", "retain", "hold", "release", "approve"})
_PEOPLE = _SERVICES | _KEEPERS | {"erase"}

ALICE = caller("alice", "service", "records", "approver", "privacy")
PARTIES = {
    "service": (SERVICE, Party("svc-books", False, _SERVICES, False)),
    "robot": (caller("robot", "records", "approver", kind="service"), Party("robot", False, _KEEPERS, True)),
    "alice": (ALICE, Party("alice", True, _PEOPLE, True)),
    "bob": (replace(ALICE, actor=caller("bob").actor), Party("bob", True, _PEOPLE, True)),
}
ANOTHER_KEY = "alice with another key"
by_anybody = st.sampled_from(sorted([*PARTIES, ANOTHER_KEY]))
which = st.integers(0, 9)
delays = st.sampled_from([timedelta(minutes=-1), timedelta(minutes=10), DAY, 2 * DAY])
STEPS = [timedelta(minutes=10), timedelta(hours=12), DAY, 31 * DAY]
DESCRIBED: dict[str, Any] = {
    "related": ({"type": "book", "id": "1"},),
    "subjects": ("ann",),
    "metadata": {"author": "ann"},
}
"""What every file begins with: private values for erasure to take."""

descriptions = st.sampled_from(
    [
        {"subjects": ["ann", "bea"], "metadata": {"shelf": "7"}},
        {"related": [{"type": "order", "id": "7"}], "filename": "b.pdf"},
    ]
)
erasable = st.sampled_from([("filename",), ("reason",), ("subjects", "reason"), ("related", "metadata")])

LOOK_EVERY = 5
"""Steps between two looks at the read models."""

Beginning = tuple[Custody, Callable[[datetime], None], Followed]


class CustodyMachine(RuleBasedStateMachine):
    """Does each act on the ledger and on the model, and compares."""

    def __init__(self, begin: Callable[[], Beginning]) -> None:
        """Begin with an empty log and store."""
        super().__init__()
        self._begin = begin
        self.ids: list[UUID] = []
        self.steps = 0

    @initialize()
    def begin(self) -> None:
        self.custody, self.move, self.followed = self._begin()
        self.ledger = self.custody.ledger
        issued = self.ledger.issue_key(
            ADMIN, actor="alice", kind="person", roles=("service", "records", "approver", "privacy"), scope="acme"
        )
        again = (self.ledger.authenticate(issued.key), Party("alice", True, _PEOPLE, True))
        self.parties = {**PARTIES, ANOTHER_KEY: again}
        self.model = Model(START, max_bytes=MAX_BYTES, max_files=MAX_FILES)
        self.store(0, 40, temporary=False)

    def _act(self, expected: Callable[[], Codes], act: Callable[[], object]) -> None:
        """Do it, and see it refused or done as the model says."""
        code = None
        try:
            act()
        except ProvenstoreError as refusal:
            code = refusal.code
        codes = expected()
        assert code in codes if codes else code is None, f"{code} instead of {codes or 'success'}"

    def _pick(self, number: int) -> tuple[UUID, ModelFile]:
        index = number % len(self.ids)
        return self.ids[index], self.model.files[index]

    def _simple(self, by: str, number: int, expected: str, act: Callable[[Any, UUID], object]) -> None:
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        self._act(lambda: getattr(self.model, expected)(party, file), lambda: act(caller_, file_id))
        self._compare(file_id, file)

    # -- acts ----------------------------------------------------------------------------------------------

    @rule(by=by_anybody, size=st.sampled_from([0, 1, 40, 99]), temporary=st.booleans())
    def initiate(self, by: str, size: int, temporary: bool) -> None:
        caller_, party = self.parties[by]
        category = "temp" if temporary else "book_content"
        self._act(
            lambda: self.model.initiate(party, size, temporary=temporary),
            lambda: self.ids.append(self.custody.initiated(caller_, size=size, category=category, **DESCRIBED).id),
        )
        assert len(self.ids) == len(self.model.files)
        self._compare(*self._pick(-1))

    @rule(by=by_anybody, number=which, right=st.sampled_from([True, True, False]))
    def upload(self, by: str, number: int, right: bool) -> None:
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        content = b"x" * (file.size if right else file.size + 1)
        self._act(
            lambda: self.model.upload(party, file, right=right),
            lambda: self.ledger.upload_content(caller_, file_id, [content]),
        )
        self._compare(file_id, file)

    @rule(by=by_anybody, number=which)
    def abort(self, by: str, number: int) -> None:
        self._simple(by, number, "abort", lambda who, file: self.ledger.abort_upload(who, file, None))

    @rule(by=by_anybody, number=which)
    def read(self, by: str, number: int) -> None:
        size = self._pick(number)[1].size

        def act(who: Any, file: UUID) -> None:
            assert self.custody.read(who, file) == b"x" * size

        self._simple(by, number, "read", act)

    @rule(by=by_anybody, number=which)
    def soft_delete(self, by: str, number: int) -> None:
        self._simple(by, number, "soft_delete", self.ledger.soft_delete)

    @rule(by=by_anybody, number=which)
    def restore(self, by: str, number: int) -> None:
        self._simple(by, number, "restore", self.ledger.restore)

    @rule(
        by=by_anybody,
        number=which,
        access=st.sampled_from([None, "private", "workspace", "public"]),
        delay=st.none() | delays,
        values=st.none() | descriptions,
    )
    def change(self, by: str, number: int, access: Any, delay: timedelta | None, values: Any) -> None:
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        expires = None if delay is None else self.model.now + delay
        self._act(
            lambda: self.model.change(party, file, access, expires),
            lambda: self.ledger.change_file(
                caller_, file_id, values=values, access=access, expiry=None if expires is None else (expires,)
            ),
        )
        self._compare(file_id, file)

    def retain(self, by: str, number: int, delay: timedelta, mode: Any) -> None:
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        until = self.model.now + delay
        self._act(
            lambda: self.model.retain(party, file, until, mode),
            lambda: self.ledger.set_retention(caller_, file_id, until=until, mode=mode, reason="law"),
        )
        self._compare(file_id, file)

    def hold(self, by: str, number: int) -> None:
        placed: list[str] = []
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        self._act(
            lambda: self.model.hold(party, file, placed[0] if placed else None),
            lambda: placed.append(self.ledger.place_hold(caller_, file_id, name="n", reason="r")[1]),
        )
        self._compare(file_id, file)

    @rule(by=by_anybody, number=which, hold=which)
    def release(self, by: str, number: int, hold: int) -> None:
        caller_, party = self.parties[by]
        file_id, file = self._pick(number)
        wanted = [*file.holds, "no-such-hold"][hold % (len(file.holds) or 1)]
        self._act(
            lambda: self.model.release(party, file, wanted), lambda: self.ledger.release_hold(caller_, file_id, wanted)
        )
        self._compare(file_id, file)

    @rule(by=by_anybody, number=which, fields=erasable)
    def erase(self, by: str, number: int, fields: tuple[str, ...]) -> None:
        self._simple(
            by,
            number,
            "erase",
            lambda who, file: self.custody.erase(who, file, *fields),
        )

    @rule(by=by_anybody, number=which)
    def request_purge(self, by: str, number: int) -> None:
        self._simple(by, number, "request_purge", lambda who, file: self.ledger.request_purge(who, file, None))

    @rule(by=by_anybody, number=which)
    def approve_purge(self, by: str, number: int) -> None:
        self._simple(by, number, "approve_purge", lambda who, file: self.ledger.approve_purge(who, file, None, None))

    @rule(by=by_anybody, number=which)
    def reject_purge(self, by: str, number: int) -> None:
        self._simple(by, number, "reject_purge", lambda who, file: self.ledger.reject_purge(who, file, None, None))

    @rule(by=by_anybody, number=which)
    def withdraw_purge(self, by: str, number: int) -> None:
        self._simple(by, number, "withdraw_purge", lambda who, file: self.ledger.withdraw_purge(who, file, None, None))

    # Random acts seldom follow each other as they would in life; these do, each step compared like any other.

    @rule(number=which, size=st.sampled_from([0, 1, 40]), temporary=st.booleans())
    def store(self, number: int, size: int, temporary: bool) -> None:
        self.initiate("service", size, temporary=temporary)
        self.upload("service", number if self.ids[1:] else 0, right=True)

    @rule(number=which, asks=by_anybody, agrees=by_anybody, at_last=by_anybody)
    def go_towards_a_purge(self, number: int, asks: str, agrees: str, at_last: str) -> None:
        self.soft_delete("alice", number)
        self.request_purge(asks, number)
        self.approve_purge(agrees, number)
        self.approve_purge(at_last, number)

    @rule(number=which, first=by_anybody, second=by_anybody)
    def hold_and_release(self, number: int, first: str, second: str) -> None:
        self.hold(first, number)
        self.soft_delete("alice", number)
        self.release(second, number, 0)
        self.release("bob", number, 0)

    @rule(number=which, first=by_anybody, second=by_anybody, delay=delays)
    def lengthen_and_shorten(self, number: int, first: str, second: str, delay: timedelta) -> None:
        self.retain("alice", number, DAY, "governance")
        self.retain(first, number, delay, "governance")
        self.retain(second, number, delay, "governance")

    @rule(number=which, asks=by_anybody, then=st.sampled_from(["hold", "restore", "reject_purge", "withdraw_purge"]))
    def nearly_purge(self, number: int, asks: str, then: str) -> None:
        self.soft_delete("alice", number)
        self.request_purge(asks, number)
        getattr(self, then)("bob", number)

    @rule(four_eyes=st.sampled_from([True, True, True, False]))
    def change_policy(self, four_eyes: bool) -> None:
        for admin in (ADMIN, OTHER_ADMIN):
            self.ledger.change_workspace(admin, "acme", SetPurgePolicy(four_eyes=four_eyes, reason="r"))
        self.model.set_policy(four_eyes)

    @rule(step=st.sampled_from(STEPS))
    def time_goes_by(self, step: timedelta) -> None:
        self.model.now += step
        self.move(self.model.now)
        for file_id, file in zip(self.ids, self.model.files, strict=True):
            self.ledger.settle(file_id)
            self.model.settle(file)
            self._compare(file_id, file)

    @rule()
    def another_process(self) -> None:
        self.ledger = self.custody.another_process()

    # -- what must be true ---------------------------------------------------------------------------------

    def _compare(self, file_id: UUID, expected: ModelFile) -> None:
        file = self.ledger.recorder.file(file_id)
        assert _described(file) == (
            *(expected.status, expected.had_content, expected.cleared, expected.access, expected.expires),
            *(expected.holds, expected.retained_until, expected.mode, expected.wish, expected.purge_by),
        )
        assert bool(self.custody.store.versions(file.path)) == expected.has_object
        use = self.custody.log.quota("acme")
        assert use is not None
        assert (use.bytes, use.files) == self.model.used
        assert use.bytes <= MAX_BYTES
        assert use.files <= MAX_FILES

    @invariant()
    def every_few_steps(self) -> None:
        self.steps += 1
        if self.steps % LOOK_EVERY == 0:
            self._compare_read_models()

    def _compare_read_models(self) -> None:
        rows = self.followed.check()
        assert rows.keys() == {str(file_id) for file_id in self.ids}
        for file_id, file in zip(self.ids, self.model.files, strict=True):
            row = rows[str(file_id)]
            assert (row.status, row.stored_at is not None, row.access) == (file.status, file.had_content, file.access)
            assert {hold.id: hold.placed_by for hold in row.legal_holds} == file.holds
            assert (row.expires_at, row.retention_until) == (file.expires, file.retained_until)

    def teardown(self) -> None:
        if not hasattr(self, "custody"):
            return
        self._compare_read_models()
        check_whole(self.custody)
        for file_id in self.ids:
            _check_story(self.custody, file_id)
            _check_purity(self.custody, file_id)


def _described(file: File) -> tuple[object, ...]:
    retention, asked = file.retention, file.retention_wish
    wish = None
    if asked is not None:
        wish = (asked.until, asked.asked.by.id)
    return (
        file.status,
        file.stored is not None,
        file.cleared,
        file.access,
        file.expires_at,
        {hold.id: hold.placed_by for hold in file.holds},
        retention.until if retention else None,
        retention.mode if retention else "",
        wish,
        file.purge.requested_by if file.purge else None,
    )


def _check_story(custody: Custody, file_id: UUID) -> None:
    """Assert from the events alone: nothing is read that is out of reach, nothing held is taken away."""
    readable, holds = False, 0
    for event in custody.events(file_id):
        match event.type.removeprefix("file.").removesuffix(".v1"):
            case "stored" | "restored":
                readable = True
            case "soft_deleted" | "expired" | "purge_started" | "purged" | "upload_aborted" | "upload_expired":
                assert holds == 0
                readable = False
            case "personal_data_erased":
                assert holds == 0
            case "legal_hold_placed":
                holds += 1
            case "legal_hold_released":
                holds -= 1
            case "accessed":
                assert readable


def _check_purity(custody: Custody, file_id: UUID) -> None:
    """Assert that folding again gives the same state, and deciding again the same facts, at each step."""
    events = custody.log.events([file_stream(file_id)])
    assert project(None, events) == custody.ledger.recorder.file(file_id)
    state = None
    for event in events:
        again = evolve(state, event)
        state = evolve(state, event)
        assert again == state
        for command in (c.SoftDelete, c.Restore, c.ApprovePurge, c.Abort):
            ask = command(by=ALICE.actor, now=event.time, reason="r")
            assert _decided(state, ask) == _decided(state, ask)


def _decided(state: File | None, command: c.FileCommand) -> object:
    try:
        return decide(state, command)
    except Refused as refusal:
        return (refusal.code, refusal.message)


def test_the_ledger_is_its_model(
    log: PostgresEventLog,
    owner: psycopg.Connection[tuple[Any, ...]],
    runner: psycopg.Connection[tuple[Any, ...]],
    tmp_path: Path,
) -> None:
    """Whatever is asked, by whom, and when: answers, states, objects and counters are those of the plain model.

    So are, after every few acts, the rows of every read model, which are also those of a plain fold in memory.
    """
    numbers = iter(range(1_000_000))

    def begin() -> Beginning:
        empty_log(owner)
        move_log(owner, START)
        store = LocalFolder(tmp_path / str(next(numbers)))
        custody = Custody(PostgresEventLog(log.database), store, max_bytes=MAX_BYTES, max_files=MAX_FILES)

        def move(moment: datetime) -> None:
            custody.clock.moment = moment
            move_log(owner, moment)

        custody.clock.moment = START
        return custody, move, Followed(runner, log)

    run_state_machine_as_test(
        cast(Any, lambda: CustodyMachine(begin)),  # documented to take any callable
        settings=settings(
            max_examples=examples(6, 25), stateful_step_count=40, suppress_health_check=list(HealthCheck)
        ),
    )
