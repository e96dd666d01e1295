"""What somebody may try on uploads: none of it is stored, destroyed, given out or left hanging."""

from pathlib import Path
from typing import Any

import pytest

from custody import APPROVER, CONTENT, RECORDS, SERVICE, Custody
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.domain.errors import ContentMismatch, IntegrityViolated, InvalidInput, Misconfigured, WrongState
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import PartRef


class Elsewhere(LocalFolder):
    """A folder that goes by another name."""

    name = "elsewhere"


def arrived(custody: Custody, content: bytes = CONTENT, **changes: Any) -> File:
    """Send the one part of an upload."""
    file = custody.initiated(**{"upload": "multipart", "size": len(content), **changes})
    custody.ledger.upload_part(SERVICE, file.id, 1, [content], size=len(content))
    return file


def test_an_upload_with_a_wrong_md5_can_still_end(custody: Custody) -> None:
    """The object that was made of it is in nobody's name, and removed."""
    file = arrived(custody, md5="0" * 32)
    with pytest.raises(ContentMismatch):
        custody.ledger.complete_upload(SERVICE, file.id)
    assert custody.ledger.abort_upload(SERVICE, file.id, None).status == "aborted"
    assert custody.store.versions(file.path) == ()


def test_what_a_client_names_does_not_enter_the_log(custody: Custody) -> None:
    """An ETag is an MD5 in hex, and nothing else."""
    file = arrived(custody)
    before = custody.types(file.id)
    with pytest.raises(InvalidInput, match="no MD5"):
        custody.ledger.complete_upload(SERVICE, file.id, parts=[PartRef(1, "Jo Doe, born 1970")])
    assert custody.types(file.id) == before


def test_nothing_in_parts_is_nothing(custody: Custody) -> None:
    """A category that takes no empty file takes none in parts."""
    file = arrived(custody, b"", size=None, category="backup")
    with pytest.raises(InvalidInput, match="is 0"):
        custody.ledger.complete_upload(SERVICE, file.id)


def test_a_file_is_looked_for_only_where_it_is_kept(custody: Custody, tmp_path: Path) -> None:
    """Another store that knows nothing of it says neither that it is purged nor that it is missing."""
    file, begun = custody.deleted(), custody.initiated()
    custody.store = elsewhere = Elsewhere(tmp_path / "elsewhere")
    ledger = custody.another_process()
    ledger.request_purge(RECORDS, file.id, None)
    with pytest.raises(Misconfigured, match="kept in local"):
        ledger.approve_purge(APPROVER, file.id, None, None)
    with pytest.raises(Misconfigured):
        ledger.upload_content(SERVICE, begun.id, [CONTENT])
    ledger.restore(SERVICE, file.id)
    for act in (lambda: custody.read(SERVICE, file.id), lambda: ledger.verify_content(SERVICE, file.id)):
        custody.ledger = ledger
        with pytest.raises(Misconfigured):
            act()
    assert elsewhere.versions(file.path) == ()


def test_content_that_is_not_the_stored_object_is_not_given_out(custody: Custody) -> None:
    """Nobody has to verify first."""
    file = custody.stored()
    custody.store.put(file.path, [b"another"], media_type="application/pdf", max_size=99, if_absent=False)
    with pytest.raises(IntegrityViolated):
        custody.read(SERVICE, file.id)
    assert "accessed" not in custody.types(file.id)


def test_a_hold_does_not_come_after_an_upload_was_given_up(custody: Custody, tmp_path: Path) -> None:
    """Its bytes are being cleared away, and a hold would promise them."""
    custody.store = LocalFolder(tmp_path / "signing", urls=LocalUrlSigner(bytes(32)))
    custody.ledger = custody.another_process()
    file = custody.initiated(upload="presigned")
    custody.ledger.abort_upload(SERVICE, file.id, None)
    assert not custody.ledger.recorder.file(file.id).cleared
    with pytest.raises(WrongState):
        custody.ledger.place_hold(RECORDS, file.id, name="matter", reason="litigation")
