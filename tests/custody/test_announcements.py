"""Completions that were announced and cannot be carried out: they end, and neither bytes nor space are lost by that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody import ADMIN, CONTENT, SERVICE, Custody
from interposed import Crash, Interposed, raising
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import ContentMismatch, InvalidInput, StoreUnavailable, WrongState

STRANGER = b"%PDF-1.7 a stranger"


class Interrupted(Custody):
    """A ledger whose log and store can be interrupted."""

    def __init__(self, log: PostgresEventLog, root: Path) -> None:
        """Stand before both."""
        self.folder = LocalFolder(root)
        self.at_log, self.at_store = Interposed(log), Interposed(self.folder)
        super().__init__(self.at_log, self.at_store)  # type: ignore[arg-type]  # they answer as the real ones


@pytest.fixture
def on(log: PostgresEventLog, tmp_path: Path) -> Interrupted:
    """A ledger that can be interrupted."""
    return Interrupted(log, tmp_path / "objects")


def failing(*_: Any, **__: Any) -> None:
    """Fail as a store does that refuses for ever."""
    raise StoreUnavailable("it does not", error="AccessDenied")


def part_sent(on: Custody) -> UUID:
    """Send the only part of an upload."""
    file = on.initiated(upload="multipart", size=len(CONTENT))
    on.ledger.upload_part(SERVICE, file.id, 1, [CONTENT], size=len(CONTENT))
    return file.id


def use(on: Custody) -> tuple[int, int]:
    """Return what the workspace's counters say."""
    found = on.ledger.describe_workspace(ADMIN, "acme").use
    assert found is not None
    return found.bytes, found.files


def test_an_announcement_that_the_store_never_carries_out_ends(
    on: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """upload-expires: while the upload has time it is tried again; then, as nothing is there, it expires."""
    file = part_sent(on)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "complete_multipart", failing)
        with pytest.raises(StoreUnavailable):
            on.ledger.complete_upload(SERVICE, file)
        on.clock.pass_time(hours=24, minutes=4)
        with pytest.raises(StoreUnavailable):
            on.ledger.settle(file)
        on.clock.pass_time(minutes=2)
        assert on.ledger.settle(file).cleared
    assert on.types(file)[-3:] == ["integrity_failed", "upload_expired", "upload_cleared"]
    assert use(on) == (0, 0)
    assert on.folder.list_multiparts("") == ()


def test_an_announced_object_that_is_there_is_stored_however_late(
    on: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store made it, and never said so: its bytes are not given up with the upload."""
    file = part_sent(on)
    real = LocalFolder.complete_multipart

    def unanswered(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        failing()

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "complete_multipart", unanswered)
        with pytest.raises(StoreUnavailable):
            on.ledger.complete_upload(SERVICE, file)
        on.clock.pass_time(days=2)
        assert on.ledger.settle(file).status == "stored"
    assert on.read(SERVICE, file) == CONTENT


def test_a_store_that_says_nothing_is_waited_for(on: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was announced may be there: to call that expired would be a guess."""
    file = part_sent(on)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "complete_multipart", failing)
        patch.setattr(LocalFolder, "head", failing)
        with pytest.raises(StoreUnavailable):
            on.ledger.complete_upload(SERVICE, file)
        on.clock.pass_time(days=9)
        with pytest.raises(StoreUnavailable):
            on.ledger.settle(file)
        assert on.types(file)[-1] == "completion_requested"
    assert on.ledger.settle(file).status == "stored"


def test_what_the_store_refuses_opens_the_upload_again(on: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a day for what another request may put right: the client may send again, or give up."""
    file = part_sent(on)

    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidInput("parts", "are not to the store's liking")

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "complete_multipart", refuse)
        with pytest.raises(ContentMismatch):
            on.ledger.complete_upload(SERVICE, file)
    assert on.types(file)[-1] == "integrity_failed"
    assert on.ledger.complete_upload(SERVICE, file).status == "stored"


def usurped(on: Interrupted) -> UUID:
    """Leave an announced upload with something else in its place."""
    file = on.initiated()
    on.at_store.interrupt("put", "confirmed", raising(Crash))
    with pytest.raises(Crash):
        on.ledger.upload_content(SERVICE, file.id, [CONTENT])
    on.folder.put(file.path, [STRANGER], media_type="application/pdf", max_size=100)
    return file.id


def test_a_stray_that_cannot_be_removed_ends_with_the_upload(on: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upload expires in the end; its space is free once the store has let go of what stands there."""
    file = usurped(on)
    on.clock.pass_time(minutes=6)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "delete", failing)
        with pytest.raises(StoreUnavailable):
            on.ledger.settle(file)
        on.clock.pass_time(hours=25)
        with pytest.raises(StoreUnavailable):
            on.ledger.settle(file)
    assert on.types(file)[-1] == "upload_expired"
    assert use(on)[1] == 1
    assert on.ledger.settle(file).cleared
    assert (use(on), on.folder.list("").objects) == ((0, 0), ())


def test_a_stray_is_not_called_removed_while_it_stands(on: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the store answers: another attempt with its very bytes could adopt what is still to be removed."""
    file = usurped(on)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "delete", lambda *_, **__: None)
        with pytest.raises(StoreUnavailable):
            on.ledger.completing.finish(SERVICE, file)
    assert on.types(file)[-1] == "integrity_failed"
    on.clock.pass_time(minutes=6)
    on.ledger.settle(file)
    assert on.types(file)[-1] == "stray_removed"


def _others(on: Interrupted, file: UUID, refused: list[str], wait: float = 0) -> Callable[[], None]:
    """Return what another process and the client do meanwhile."""

    def act() -> None:
        other = on.another_process()
        if wait:
            on.clock.pass_time(minutes=wait)
        try:
            other.completing.finish(SERVICE, file)
            other.upload_content(SERVICE, file, [STRANGER])
        except WrongState as refusal:
            refused.append(refusal.message)

    return act


@pytest.mark.parametrize(("port", "method", "when"), [("log", "append", "after"), ("store", "delete", "before")])
def test_of_two_only_one_removes_a_stray(on: Interrupted, port: str, method: str, when: Any) -> None:
    """one-completion: the other one leaves it alone, and the client has to wait: nothing can come in its place."""
    file, refused = usurped(on), list[str]()
    at = on.at_log if port == "log" else on.at_store
    at.interrupt(method, when, _others(on, file, refused))
    on.ledger.completing.finish(SERVICE, file)
    assert len(refused) == 1
    happened = [one for one in on.types(file) if one != "access_denied"]
    assert happened == ["upload_initiated", "completion_requested", "integrity_failed", "stray_removed"]
    assert on.ledger.upload_content(SERVICE, file, [STRANGER]).status == "stored"
    assert on.read(SERVICE, file) == STRANGER


def test_whoever_found_a_stray_and_slept_removes_nothing(on: Interrupted) -> None:
    """one-completion: meanwhile it was removed by another, and the client has sent the very same bytes."""
    file, refused = usurped(on), list[str]()
    others = _others(on, file, refused, wait=6)
    on.at_log.interrupt("append", "after", others)
    on.ledger.completing.finish(SERVICE, file)
    assert refused == []
    assert on.read(SERVICE, file) == STRANGER
