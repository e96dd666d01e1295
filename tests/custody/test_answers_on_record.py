"""A command that is on record is never answered as though nothing was done, whatever fails after its commit."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody import ADMIN, APPROVER, CONTENT, OTHER_ADMIN, RECORDS, SERVICE, Custody, caller
from cut_log import CutLog
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.postgres.database import Database
from provenstore.domain.errors import AppendOutcomeUnknown, StoreUnavailable, Unavailable, Unfinished
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.uploads.initiation import NewFile

Act = Callable[[], object]
NEW = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="book_content")
NO_COMMANDS = frozenset(
    {
        *(
            "accesses",
            "authenticate",
            "bearer",
            "credential",
            "glance",
            "authenticate_link",
            "authenticate_upload",
            "certificate",
            "content",
        ),
        *("describe_workspace", "filename", "find_id", "flush", "history", "just_verified", "lifecycle", "listable"),
        *("find_erasure", "list_erasures", "preview_erasure"),
        *("list_workspaces", "parts", "readable", "record_search", "redirect", "redirects", "searchable", "settle"),
        "write_url",
    }
)
"""What answers questions, records readings before it shows anything, or works in the background."""


class CutCustody(Custody):
    """A ledger whose database goes away when a test says so."""

    def __init__(self, log: CutLog, folder: LocalFolder) -> None:
        """Stand on `log`."""
        self.cut_log = log
        super().__init__(log, folder)


@pytest.fixture
def cut(postgres: Any, tmp_path: Path) -> Iterator[CutCustody]:
    """A ledger with the workspace `acme`, whose log can be cut off."""
    with Database(postgres.conninfo("provenstore_writer")) as database:
        folder = LocalFolder(tmp_path / "objects", urls=LocalUrlSigner(b"k" * 32))
        yield CutCustody(CutLog(database), folder)


def _parts(on: CutCustody) -> UUID:
    return on.initiated(upload="multipart", size=len(CONTENT)).id


def _sent(on: CutCustody) -> UUID:
    file_id = _parts(on)
    on.ledger.upload_part(SERVICE, file_id, 1, [CONTENT], size=len(CONTENT))
    return file_id


def _requested(on: CutCustody) -> UUID:
    return on.ledger.request_purge(RECORDS, on.deleted().id, "no longer needed").id


def _held(on: CutCustody) -> tuple[UUID, str]:
    file, hold = on.ledger.place_hold(RECORDS, on.stored().id, name="case", reason="asked to")
    return file.id, hold


def _linked(on: CutCustody) -> tuple[UUID, UUID]:
    file_id = on.stored().id
    return file_id, UUID(on.ledger.issue_link(SERVICE, file_id).id)


def _issued(on: CutCustody) -> UUID:
    return UUID(on.ledger.issue_key(ADMIN, actor="svc", kind="service", roles=("service",), scope="acme").id)


def _erasure(on: CutCustody) -> UUID:
    wanted = Wanted(file=on.stored().id, fields=("filename",))
    return UUID(on.ledger.request_erasure(PRIVACY, wanted, "asked to").id)


def _policy(on: CutCustody) -> str:
    days = on.log.position() % 1_000 + 1
    return on.ledger.request_disposal_policy(OTHER_ADMIN, "acme", "misc", after_days=days, reason="law").id


def _asked_off(on: CutCustody) -> Act:
    command = ws.SetPurgePolicy(four_eyes=False, reason="one is enough")
    on.ledger.change_workspace(OTHER_ADMIN, "acme", command)
    return lambda: on.ledger.change_workspace(ADMIN, "acme", command)


def _names() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"tenant-{number}"


def _until(on: CutCustody) -> Any:
    return on.clock.now() + timedelta(days=30)


def _with(prepare: Callable[[CutCustody], Any], act: Callable[[CutCustody, Any], object]) -> Callable[[Any], Act]:
    def begin(on: CutCustody) -> Act:
        found = prepare(on)
        return lambda: act(on, found)

    return begin


_FRESH = _names()
PRIVACY = caller("dora", "privacy")
CASES: dict[str, Callable[[CutCustody], Act]] = {
    "create_workspace": _with(
        lambda _: next(_FRESH), lambda on, name: on.ledger.create_workspace(ADMIN, ws.CreateWorkspace(id=name))
    ),
    "change_workspace": _with(
        lambda on: on.ledger.recorder.workspace("acme").max_files or 100,
        lambda on, files: on.ledger.change_workspace(ADMIN, "acme", ws.SetQuota(max_bytes=None, max_files=files + 1)),
    ),
    "change_workspace of two persons": _asked_off,
    "issue_key": _with(lambda _: None, lambda on, _: _issued(on)),
    "revoke_key": _with(_issued, lambda on, key: on.ledger.revoke_key(ADMIN, key, "lost")),
    "initiate": _with(lambda _: None, lambda on, _: on.ledger.initiate(SERVICE, NEW)),
    "begin": _with(lambda _: None, lambda on, _: on.ledger.begin(SERVICE, NEW, None)),
    "begin with content": _with(lambda _: None, lambda on, _: on.ledger.begin(SERVICE, NEW, CONTENT)),
    "upload_content": _with(
        lambda on: on.initiated().id, lambda on, file: on.ledger.upload_content(SERVICE, file, [CONTENT])
    ),
    "part_urls": _with(_parts, lambda on, file: on.ledger.part_urls(SERVICE, file, [1])),
    "upload_part": _with(
        _parts, lambda on, file: on.ledger.upload_part(SERVICE, file, 1, [CONTENT], size=len(CONTENT))
    ),
    "complete_upload": _with(_sent, lambda on, file: on.ledger.complete_upload(SERVICE, file)),
    "abort_upload": _with(
        lambda on: on.initiated().id, lambda on, file: on.ledger.abort_upload(SERVICE, file, "not wanted")
    ),
    "verify_content": _with(lambda on: on.stored().id, lambda on, file: on.ledger.verify_content(SERVICE, file)),
    "soft_delete": _with(lambda on: on.stored().id, lambda on, file: on.ledger.soft_delete(SERVICE, file, "old")),
    "restore": _with(lambda on: on.deleted().id, lambda on, file: on.ledger.restore(SERVICE, file, "needed")),
    "change_file": _with(
        lambda on: on.stored().id, lambda on, file: on.ledger.change_file(SERVICE, file, access="workspace")
    ),
    "set_retention": _with(
        lambda on: on.stored().id,
        lambda on, file: on.ledger.set_retention(RECORDS, file, until=_until(on), mode="governance", reason="law"),
    ),
    "place_hold": _with(
        lambda on: on.stored().id, lambda on, file: on.ledger.place_hold(RECORDS, file, name="case", reason="asked")
    ),
    "release_hold": _with(_held, lambda on, held: on.ledger.release_hold(APPROVER, held[0], held[1], "over")),
    "request_disposal_policy": _with(lambda _: None, lambda on, _: _policy(on)),
    "approve_disposal_policy": _with(
        _policy, lambda on, one: on.ledger.approve_disposal_policy(ADMIN, "acme", one, "agreed")
    ),
    "reject_disposal_policy": _with(
        _policy, lambda on, one: on.ledger.reject_disposal_policy(ADMIN, "acme", one, "no")
    ),
    "request_erasure": _with(
        lambda on: Wanted(file=on.stored().id, fields=("filename",)),
        lambda on, wanted: on.ledger.request_erasure(PRIVACY, wanted, "asked to"),
    ),
    "approve_erasure": _with(_erasure, lambda on, one: on.ledger.approve_erasure(APPROVER, one, "agreed")),
    "reject_erasure": _with(_erasure, lambda on, one: on.ledger.reject_erasure(APPROVER, one, "no")),
    "request_purge": _with(lambda on: on.deleted().id, lambda on, file: on.ledger.request_purge(RECORDS, file, "old")),
    "approve_purge": _with(_requested, lambda on, file: on.ledger.approve_purge(APPROVER, file, None, "agreed")),
    "reject_purge": _with(_requested, lambda on, file: on.ledger.reject_purge(APPROVER, file, None, "no")),
    "withdraw_purge": _with(_requested, lambda on, file: on.ledger.withdraw_purge(RECORDS, file, None, "no")),
    "issue_link": _with(lambda on: on.stored().id, lambda on, file: on.ledger.issue_link(SERVICE, file)),
    "revoke_link": _with(_linked, lambda on, link: on.ledger.revoke_link(SERVICE, link[0], link[1], "done")),
    "skip_event": _with(lambda _: None, lambda on, _: on.ledger.skip_event(ADMIN, "files", 1, 1, "it cannot be taken")),
}


def test_every_command_has_its_case(cut: CutCustody) -> None:
    """A new method of the ledger is a command with a case here, or is said to be none."""
    methods = {name for name in dir(cut.ledger) if name[0] != "_" and callable(getattr(cut.ledger, name))}
    commands = {name for name in methods if hasattr(getattr(cut.ledger, name), "__wrapped__")} - NO_COMMANDS
    assert commands == {name.partition(" ")[0] for name in CASES}
    assert methods - commands == NO_COMMANDS


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lose", [False, True], ids=["cut after the commit", "reply lost"])
def test_a_command_on_record(cut: CutCustody, name: str, lose: bool) -> None:
    """Its answer, or that it is on record, or that this is not known: the last append's answer needs nothing more."""
    for nth in range(1, 10):
        act = CASES[name](cut)
        before = cut.log.position()
        cut.cut_log.cut(nth, lose=lose)
        met: Unavailable | None = None
        try:
            act()
        except Unavailable as exc:
            met = exc
        gone = cut.cut_log.heal()
        if not gone:
            assert nth > 1, "nothing was recorded, so nothing was looked at"
            assert met is None
            break
        assert cut.log.position() >= before + nth
        assert met is None or isinstance(met, Unfinished | AppendOutcomeUnknown)
        last = met
    if not lose:
        assert last is None, "once all is on record the answer is the answer"


def test_the_store_goes_away_once_a_purge_is_approved(cut: CutCustody, monkeypatch: pytest.MonkeyPatch) -> None:
    """The approval is the answer, and the background work carries it out."""
    file_id = _requested(cut)

    def away(*_: object, **__: object) -> object:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "versions", away)
        file = cut.ledger.approve_purge(APPROVER, file_id, None, "agreed")
    assert file.purge is not None
    assert file.purge.approved_at is not None
    assert cut.ledger.settle(file_id).status == "purged"
