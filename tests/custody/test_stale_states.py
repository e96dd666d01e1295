"""States that a process remembers may be old: nothing is granted, refused or called done because of that."""

import pytest

from custody import ADMIN, CONTENT, RECORDS, SERVICE, Custody
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import ContentTooLarge, Gone, WrongState
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, access_stream, file_stream, project
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.uploads.initiation import NewFile


def _cold(custody: Custody, file: File) -> File:
    """Return the file as a process folds it that has never seen it."""
    return PostgresEventLog(custody.log.database).load(file.stream, project)


def test_what_is_remembered_is_what_would_be_folded(custody: Custody) -> None:
    """After each command the remembered state equals the fold of the stream."""
    ledger = custody.ledger
    file = custody.initiated()
    assert ledger.recorder.file(file.id, recent=True) == _cold(custody, file) == file
    file = ledger.upload_content(SERVICE, file.id, [CONTENT])
    assert ledger.recorder.file(file.id, recent=True) == _cold(custody, file) == file
    file, _ = ledger.place_hold(RECORDS, file.id, name="matter 7", reason="asked by counsel")
    assert ledger.recorder.file(file.id, recent=True) == _cold(custody, file) == file


def test_content_that_another_process_deleted_is_not_given_out(custody: Custody) -> None:
    """The access is guarded by the version that was remembered."""
    file = custody.stored()
    assert custody.read(SERVICE, file.id) == CONTENT
    custody.another_process().soft_delete(SERVICE, file.id)
    assert custody.ledger.recorder.file(file.id, recent=True).status == "stored"  # as it is remembered
    with pytest.raises(Gone):
        custody.read(SERVICE, file.id)
    accesses = custody.log.events([access_stream(file.id)])
    assert [event.outcome for event in accesses if isinstance(event.data, fe.Accessed)] == ["ok"]


def test_a_range_of_deleted_content_is_not_given_out(custody: Custody) -> None:
    """Not even where its record would be merged with an earlier one."""
    file = custody.stored()
    with custody.ledger.content(SERVICE, file.id, first=0, last=3):
        pass
    custody.another_process().soft_delete(SERVICE, file.id)
    with pytest.raises(Gone), custody.ledger.content(SERVICE, file.id, first=0, last=3):
        pass


def test_what_another_process_made_possible_is_not_refused(custody: Custody) -> None:
    """A refusal by what is remembered is none, and is not recorded."""
    file = custody.stored()
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.another_process().restore(SERVICE, file.id)
    assert custody.ledger.recorder.file(file.id, recent=True).status == "soft_deleted"
    assert custody.read(SERVICE, file.id) == CONTENT
    custody.another_process().soft_delete(SERVICE, file.id)
    restored = custody.ledger.restore(SERVICE, file.id)
    assert restored.status == "stored"
    types = [event.type for event in custody.log.events([file_stream(file.id), access_stream(file.id)])]
    assert "file.access_denied.v1" not in types


def test_what_seems_to_be_done_already_is_done(custody: Custody) -> None:
    """Another process has undone it."""
    file = custody.stored()
    custody.ledger.change_file(SERVICE, file.id, access="workspace")
    custody.another_process().change_file(SERVICE, file.id, access="private")
    assert custody.ledger.change_file(SERVICE, file.id, access="workspace").access == "workspace"
    assert _cold(custody, file).access == "workspace"


def test_parts_of_an_upload_that_another_process_ended(custody: Custody) -> None:
    """Are refused, and none is recorded."""
    file = custody.initiated(upload="multipart", size=20)
    custody.ledger.upload_part(SERVICE, file.id, 1, [b"x" * 20], size=20)
    custody.another_process().abort_upload(SERVICE, file.id, None)
    with pytest.raises(WrongState):
        custody.ledger.upload_part(SERVICE, file.id, 1, [b"y" * 20], size=20)


def test_the_policy_of_another_process_holds(custody: Custody) -> None:
    """A category that was widened, or narrowed, since the policy was remembered."""
    custody.initiated()
    other = custody.another_process()
    limits = we.Limits(max_size=10)
    other.change_workspace(ADMIN, "acme", ws.SetLimits(category="book_content", limits=limits))
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="book_content", size=11)
    with pytest.raises(ContentTooLarge, match="takes at most 10 bytes"):
        custody.ledger.initiate(SERVICE, new)
    limits = we.Limits(max_size=20)
    other.change_workspace(ADMIN, "acme", ws.SetLimits(category="book_content", limits=limits))
    assert custody.ledger.initiate(SERVICE, new).initiated.max_size == 20
