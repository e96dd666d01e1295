"""Every outside effect of the ledger fails, before or after it was done, or the process dies: custody stays whole.

Afterwards either the background work alone, or a client's second try and then the background work, brings the file to a
right end.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from custody import APPROVER, CONTENT, RECORDS, SERVICE, Custody
from custody_fixtures import log
from interposed import Crash, Interposed, When, raising
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import (
    AppendOutcomeUnknown,
    ContentMismatch,
    DatabaseUnavailable,
    StorageFull,
    StoreUnavailable,
    Unavailable,
    Unfinished,
    WrongState,
)
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.storage.objects import Capabilities
from whole_custody import check_whole

__all__ = ["log"]


class Imitation(LocalFolder):
    """A folder that says of itself what a bucket may say: URLs pass us by, and outlive their uploads."""

    def capabilities(self) -> Capabilities:
        """Do what a folder does, and less."""
        found = replace(super().capabilities(), direct=True, presign=True, late_parts=True, signed_if_absent=False)
        return replace(found, sound_put_urls=True, sound_part_urls=True)


class FragileCustody(Custody):
    """A ledger whose log and store can be interrupted."""

    def __init__(self, log: PostgresEventLog, folder: LocalFolder) -> None:
        """Stand before both."""
        self.folder = folder
        self.fragile_log, self.fragile_store = Interposed(log), Interposed(folder)
        super().__init__(self.fragile_log, self.fragile_store)  # type: ignore[arg-type]  # they answer as the real ones

    def restart(self) -> None:
        """Go on as another process would: with nothing remembered."""
        self.fragile_log = Interposed(PostgresEventLog(self.log.database))
        self.ledger = self._ledger(self.fragile_log)  # type: ignore[arg-type]  # it answers as the real one


@pytest.fixture
def fragile(log: PostgresEventLog, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> FragileCustody:
    """A fragile ledger with the workspace `acme`.

    The log's own time stands while these tests move the clock, so a verification is not asked when things happened.
    """
    monkeypatch.setattr("provenstore.domain.proofs.two_person_check.SKEW", timedelta(days=365))
    return FragileCustody(log, Imitation(tmp_path / "objects"))


@dataclass(frozen=True)
class Act:
    """A command, the state from which it begins, and the status in which its file may end."""

    prepare: Callable[[FragileCustody], UUID]
    command: Callable[[FragileCustody, UUID], object]
    ends: frozenset[str]


# -- where the commands begin ------------------------------------------------------------------------------


def _initiated(custody: FragileCustody) -> UUID:
    file = custody.initiated()
    custody.store.create_multipart(file.path, media_type="application/pdf")
    return file.id


def _announced(custody: FragileCustody, when: When = "after") -> UUID:
    """Leave an upload whose process died when its object had been published, or shortly before."""
    file = custody.initiated()
    custody.fragile_store.interrupt("put", when, raising(Crash))
    with pytest.raises(Crash):
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    return file.id


def _usurped(custody: FragileCustody) -> UUID:
    """Leave an announced upload with something else in its place."""
    file_id = _announced(custody, "confirmed")
    path = custody.ledger.recorder.file(file_id).path
    custody.store.put(path, [b"stranger"], media_type="application/pdf", max_size=100)
    return file_id


def _requested(custody: FragileCustody) -> UUID:
    """Leave a deleted file of unverified content, with an open multipart beside it, whose purge is asked for."""
    file_id = _deleted(custody)
    custody.ledger.request_purge(RECORDS, file_id, None)
    return file_id


def _deleted(custody: FragileCustody, **said: Any) -> UUID:
    file = custody.initiated(**said)
    real = LocalFolder.put

    def unhashed(*args: Any, **kwargs: Any) -> Any:
        return replace(real(*args, **kwargs), sha256=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFolder, "put", unhashed)
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    custody.store.create_multipart(file.path, media_type="application/pdf")
    custody.ledger.soft_delete(SERVICE, file.id)
    return file.id


def _approved(custody: FragileCustody) -> UUID:
    file_id = _requested(custody)
    custody.fragile_store.interrupt("versions", "before", raising(Crash))
    with pytest.raises(Crash):
        custody.ledger.approve_purge(APPROVER, file_id, None, None)
    return file_id


def _parts_sent(custody: FragileCustody) -> UUID:
    """Leave an upload whose one part has landed, beside an upload that was opened by a process that died."""
    file = custody.initiated(upload="multipart", size=len(CONTENT))
    custody.ledger.upload_part(SERVICE, file.id, 1, [CONTENT], size=len(CONTENT))
    custody.store.create_multipart(file.upload_key, media_type="application/pdf")
    return file.id


def _landed(custody: FragileCustody) -> UUID:
    """Leave an upload whose bytes have come by a URL, and whose client has vanished."""
    file = custody.initiated(upload="presigned", size=len(CONTENT))
    assert file.initiated.landing is not None
    custody.folder.put(file.initiated.landing, [CONTENT], media_type="application/pdf", max_size=100)
    return file.id


def _completing(custody: FragileCustody, begin: Callable[[FragileCustody], UUID], method: str, when: When) -> UUID:
    """Leave a completion whose process died."""
    file_id = begin(custody)
    custody.fragile_store.interrupt(method, when, raising(Crash))
    with pytest.raises(Crash):
        custody.ledger.complete_upload(SERVICE, file_id)
    return file_id


def _overwritten(custody: FragileCustody) -> UUID:
    """Leave a stored file to whose landing key a URL has written again."""
    file_id = _landed(custody)
    file = custody.ledger.complete_upload(SERVICE, file_id)
    custody.folder.put(file.keys[1], [b"late"], media_type="application/pdf", max_size=100)
    return file_id


# -- what they do ------------------------------------------------------------------------------------------


def _settle_later(custody: FragileCustody, file_id: UUID, **delta: float) -> object:
    custody.clock.pass_time(**delta)
    return custody.ledger.settle(file_id)


def _dispose(custody: FragileCustody, file_id: UUID) -> None:
    """Do a run of disposal over one file, its week being over."""
    custody.clock.pass_time(days=8)
    disposing = custody.ledger.disposing
    run = disposing.begin("acme")
    disposing.dispose(SYSTEM, run, file_id)
    disposing.end(SYSTEM, run)


ACTS = {
    "upload": Act(
        _initiated,
        lambda on, file: on.ledger.upload_content(SERVICE, file, [CONTENT]),
        frozenset({"stored", "expired"}),
    ),
    "upload again": Act(
        _announced, lambda on, file: on.ledger.upload_content(SERVICE, file, [CONTENT]), frozenset({"stored"})
    ),
    "settle announced": Act(_announced, lambda on, file: _settle_later(on, file, minutes=6), frozenset({"stored"})),
    "settle usurped": Act(
        _usurped, lambda on, file: suppressing(_settle_later, on, file, minutes=6), frozenset({"stored", "expired"})
    ),
    "abort": Act(_initiated, lambda on, file: on.ledger.abort_upload(SERVICE, file, "no"), frozenset({"aborted"})),
    "expire": Act(_initiated, lambda on, file: _settle_later(on, file, hours=25), frozenset({"expired"})),
    "expire file": Act(
        lambda on: on.stored(category="temp").id,
        lambda on, file: _settle_later(on, file, hours=25),
        frozenset({"expired"}),
    ),
    "approve": Act(
        _requested, lambda on, file: on.ledger.approve_purge(APPROVER, file, None, None), frozenset({"purged"})
    ),
    "dispose": Act(lambda on: _deleted(on, category="temp"), _dispose, frozenset({"purged", "soft_deleted"})),
    "settle purge": Act(_approved, lambda on, file: _settle_later(on, file, minutes=1), frozenset({"purged"})),
    "content": Act(lambda on: on.stored().id, lambda on, file: on.read(SERVICE, file), frozenset({"stored"})),
    "part": Act(
        lambda on: on.initiated(upload="multipart", size=len(CONTENT)).id,
        lambda on, file: on.ledger.upload_part(SERVICE, file, 1, [CONTENT], size=len(CONTENT)),
        frozenset({"expired"}),
    ),
    "complete parts": Act(
        _parts_sent, lambda on, file: on.ledger.complete_upload(SERVICE, file), frozenset({"stored", "expired"})
    ),
    "complete landed": Act(
        _landed, lambda on, file: on.ledger.complete_upload(SERVICE, file), frozenset({"stored", "expired"})
    ),
    "settle parts": Act(
        lambda on: _completing(on, _parts_sent, "complete_multipart", "before"),
        lambda on, file: _settle_later(on, file, minutes=6),
        frozenset({"stored"}),
    ),
    "settle joined": Act(
        lambda on: _completing(on, _parts_sent, "complete_multipart", "after"),
        lambda on, file: _settle_later(on, file, minutes=6),
        frozenset({"stored"}),
    ),
    "settle landed": Act(
        lambda on: _completing(on, _landed, "copy", "before"),
        lambda on, file: _settle_later(on, file, minutes=6),
        frozenset({"stored"}),
    ),
    "settle copied": Act(
        lambda on: _completing(on, _landed, "copy", "after"),
        lambda on, file: _settle_later(on, file, minutes=6),
        frozenset({"stored"}),
    ),
    "abort parts": Act(
        _parts_sent, lambda on, file: on.ledger.abort_upload(SERVICE, file, "no"), frozenset({"aborted"})
    ),
    "look again": Act(_overwritten, lambda on, file: _settle_later(on, file, minutes=16), frozenset({"stored"})),
    "verify": Act(
        lambda on: on.stored().id, lambda on, file: on.ledger.verify_content(SERVICE, file), frozenset({"stored"})
    ),
}


SETTLED = {name for name in ACTS if name.startswith("settle")} | {"expire", "expire file"}


def suppressing(act: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Do it, whatever the object in the file's place turns out to be."""
    with suppress(ContentMismatch):
        act(*args, **kwargs)


_CLEARING = [("list_multiparts", 1), ("abort_multipart", 1), ("versions", 1), ("list_multiparts", 2), ("versions", 2)]
_PURGING = [
    *[("versions", 1), ("get", 1), ("versions", 2), ("delete", 1)],
    *[("list_multiparts", 1), ("abort_multipart", 1), ("versions", 3), ("list_multiparts", 2)],
]
_COPYING = [("copy", 1), ("versions", 1), ("delete", 1)]
_LOOKING_BESIDE = [("list_multiparts", 1), ("list_multiparts", 2)]
_JOINING = [("head", 2), ("complete_multipart", 1), *_COPYING, *_LOOKING_BESIDE]
EFFECTS: dict[str, list[tuple[str, int]]] = {
    "upload": [("put", 1), ("list_multiparts", 1)],
    "upload again": [("put", 1), ("head", 1), ("list_multiparts", 1)],
    "settle announced": [("head", 1), ("list_multiparts", 1)],
    "settle usurped": [("head", 1), ("delete", 1), ("versions", 1)],
    "abort": _CLEARING,
    "expire": _CLEARING,
    "expire file": [],
    "approve": _PURGING,
    "dispose": _PURGING,
    "settle purge": _PURGING,
    "content": [("get", 1)],
    "part": [("create_multipart", 1), ("put_part", 1)],
    "complete parts": [("extras", 1), ("list_parts", 1), ("head", 1), *_JOINING],
    "complete landed": [("extras", 1), ("head", 1), ("head", 2), ("head", 3), *_COPYING],
    "settle parts": [("extras", 1), ("head", 1), *_JOINING[1:], ("head", 2)],
    "settle joined": [("extras", 1), ("head", 1), ("head", 2), *_COPYING, *_LOOKING_BESIDE],
    "settle landed": [("extras", 1), ("head", 1), ("head", 2), *_COPYING],
    "settle copied": [("extras", 1), ("head", 1), *_COPYING[1:]],
    "abort parts": [
        *[("abort_multipart", 1), ("abort_multipart", 2)],
        *[("list_multiparts", number) for number in range(1, 5)],
        *[("versions", number) for number in range(1, 5)],
    ],
    "look again": [
        *[("versions", number) for number in range(1, 5)],
        *[("list_multiparts", number) for number in range(1, 5)],
        *[("delete", 1), ("head", 1), ("extras", 1)],
    ],
    "verify": [("head", 1), ("get", 1)],
}
REFUSED = {
    # Where the object is there already, nothing is put; and what is not there has no answer that could be lost.
    ("upload again", "put", 1, "after"),
    *[("complete parts", "head", nth, "after") for nth in (1, 2)],
    *[("settle parts", "head", nth, "after") for nth in (1, 2)],
    *[("settle joined", "head", 1, "after"), ("settle landed", "head", 1, "after")],
    ("complete landed", "head", 2, "after"),
}
CASES = [
    (name, method, nth, when)
    for name, effects in EFFECTS.items()
    for method, nth in effects
    for when in ("before", "after", *(["confirmed"] if (name, method) == ("upload", "put") else []))
    if (name, method, nth, when) not in REFUSED
]


@pytest.mark.parametrize(("name", "method", "nth", "when"), CASES)
def test_an_effect_that_fails(fragile: FragileCustody, name: str, method: str, nth: int, when: When) -> None:
    """Unavailable, full, or dead: nothing is claimed that is not so, and every file comes to a right end."""
    act = ACTS[name]
    errors = ((StoreUnavailable, False), (StorageFull, True), (Crash, True))
    for error, client_tries_again in errors:
        file_id = act.prepare(fragile)
        fragile.fragile_store.interrupt(method, when, raising(error), nth=nth)
        with _failing(name, error):
            act.command(fragile, file_id)
        assert not fragile.fragile_store.armed
        _comes_to_its_end(fragile, act, file_id, client_tries_again)


ON_RECORD_FIRST = frozenset({"abort", "abort parts", "approve"})
"""Commands whose record is their first append, and all that follows can be done by the background work."""


def _failing(name: str, error: type[BaseException], nth: int | None = None) -> AbstractContextManager[object]:
    """Expect what a command answers whose `nth` append, or an effect in the store (None), fails with `error`."""
    unavailable = issubclass(error, Unavailable)
    if name in ON_RECORD_FIRST and nth != 1 and unavailable:
        return nullcontext()  # what is on record is the answer
    asked = not name.startswith(("settle", "expire", "look", "dispose"))
    told = Unfinished if error is DatabaseUnavailable and asked and nth not in (None, 1) else error
    return pytest.raises(told)


APPENDS = {
    "upload": 2,
    "upload again": 1,
    "settle announced": 1,
    "settle usurped": 2,
    "abort": 2,
    "expire": 2,
    "expire file": 1,
    "approve": 3,
    "dispose": 4,
    "settle purge": 2,
    "content": 1,
    "part": 2,
    "complete parts": 2,
    "complete landed": 2,
    "settle parts": 1,
    "settle joined": 1,
    "settle landed": 1,
    "settle copied": 1,
    "abort parts": 2,
    "look again": 2,
    "verify": 1,
}


EVERY_APPEND = [(name, nth + 1) for name, count in APPENDS.items() for nth in range(count)]


@pytest.mark.parametrize(("name", "nth"), EVERY_APPEND)
def test_an_append_that_fails(fragile: FragileCustody, name: str, nth: int) -> None:
    """The log is away, its answer is lost, or the process dies around it."""
    act = ACTS[name]
    failures: list[tuple[When, type[BaseException], bool]] = [
        ("before", DatabaseUnavailable, True),
        ("before", AppendOutcomeUnknown, False),
        ("after", AppendOutcomeUnknown, True),
        ("before", Crash, False),
        ("after", Crash, False),
        ("after", Crash, True),
    ]
    for when, error, client_tries_again in failures:
        file_id = act.prepare(fragile)
        before = fragile.ledger.recorder.file(file_id).version
        fragile.fragile_log.interrupt("append", when, raising(error), nth=nth)
        with _failing(name, error, nth):
            act.command(fragile, file_id)
        assert not fragile.fragile_log.armed
        if fragile.ledger.recorder.file(file_id).version > before or client_tries_again:
            _comes_to_its_end(fragile, act, file_id, client_tries_again)
        else:
            check_whole(fragile)  # as if nothing had been asked for


RACED = SETTLED | {"abort", "approve", "dispose"}


@pytest.mark.parametrize(("name", "nth"), [one for one in EVERY_APPEND if one[0] in RACED])
def test_another_process_is_quicker(fragile: FragileCustody, name: str, nth: int) -> None:
    """The background work may race itself and a client: what it finds done is done, and no refusal is recorded."""
    act = ACTS[name]
    file_id = act.prepare(fragile)
    other = fragile.another_process()
    fragile.fragile_log.interrupt("append", "before", lambda: suppressing(other.settle, file_id), nth=nth)
    act.command(fragile, file_id)
    assert not fragile.fragile_log.armed
    assert "access_denied" not in fragile.types(file_id)
    _comes_to_its_end(fragile, act, file_id, client_tries_again=False)


def test_a_stalled_upload_that_was_given_up_leaves_nothing(fragile: FragileCustody) -> None:
    """It had announced its bytes and slept; meanwhile the upload was found without them, aborted and cleared."""
    file = fragile.initiated()
    other = fragile.another_process()

    def give_up() -> None:
        fragile.clock.pass_time(minutes=6)
        other.settle(file.id)
        other.abort_upload(SERVICE, file.id, None)

    fragile.fragile_store.interrupt("put", "confirmed", give_up)
    with pytest.raises(WrongState):
        fragile.ledger.upload_content(SERVICE, file.id, [CONTENT])
    check_whole(fragile)


def _comes_to_its_end(custody: FragileCustody, act: Act, file_id: UUID, client_tries_again: bool) -> None:
    custody.restart()
    if client_tries_again:
        with suppress(WrongState):  # because it was done after all
            act.command(custody, file_id)
    for delta in ({"minutes": 6}, {"hours": 25}, {"minutes": 1}, {"hours": 2}):
        custody.clock.pass_time(**delta)
        suppressing(custody.ledger.settle, file_id)
    check_whole(custody)
    file = custody.ledger.recorder.file(file_id)
    assert file.status in act.ends
    if client_tries_again and act is ACTS["upload"]:
        assert custody.read(SERVICE, file_id) == CONTENT
    assert file.completion is None
    assert file.purge is None
    assert file.cleared == (file.stored is None)


def test_the_number_of_appends_is_right(fragile: FragileCustody) -> None:
    """The table above misses no append of a command."""
    for name, act in ACTS.items():
        file_id = act.prepare(fragile)
        fragile.fragile_log.calls.clear()
        act.command(fragile, file_id)
        assert (name, APPENDS[name]) == (name, fragile.fragile_log.calls.count("append"))


def test_the_effects_are_all_there(fragile: FragileCustody) -> None:
    """The table above misses no call to the store."""
    for name, act in ACTS.items():
        file_id = act.prepare(fragile)
        fragile.fragile_store.calls.clear()
        act.command(fragile, file_id)
        assert (name, sorted(EFFECTS[name])) == (name, sorted(_numbered(fragile.fragile_store.calls)))


def _numbered(calls: list[str]) -> list[tuple[str, int]]:
    reads = {"capabilities", "identity"}
    return [(call, calls[:index].count(call) + 1) for index, call in enumerate(calls) if call not in reads]
