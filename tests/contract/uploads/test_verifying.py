"""What is believed of bytes that nobody here has read, and what reading them proves."""

import hashlib
from typing import Any
from uuid import UUID

import pytest

from custody import RECORDS, SERVICE, Custody
from provenstore.domain.errors import ContentMismatch, IntegrityViolated, WrongState
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import PartRef
from provenstore.domain.storage.upload_sizes import PART_SIZE
from whole_custody import check_whole

CONTENT = bytes(PART_SIZE) + b"the end"
OTHER = bytes(PART_SIZE) + b"the END"


def uploaded(custody: Custody, content: bytes = CONTENT, **changes: Any) -> File:
    """Upload content in parts."""
    file = custody.initiated(upload="multipart", size=len(content), **changes)
    for number, start in enumerate(range(0, len(content), PART_SIZE), 1):
        part = content[start : start + PART_SIZE]
        custody.ledger.upload_part(SERVICE, file.id, number, [part], size=len(part))
    return custody.ledger.complete_upload(SERVICE, file.id)


def replace(custody: Custody, file: File, content: bytes) -> None:
    """Put other bytes in a stored object's place, as somebody with the bucket's key can."""
    for version in custody.store.versions(file.path):
        custody.store.delete(file.path, version=version.version_id)
    custody.store.put(file.path, [content], media_type="application/pdf", max_size=len(content))


def replace_with_parts(custody: Custody, file: File, content: bytes) -> None:
    """Do as `replace`, in parts as they came."""
    for version in custody.store.versions(file.path):
        custody.store.delete(file.path, version=version.version_id)
    upload = custody.store.create_multipart(file.path, media_type="application/pdf")
    refs = []
    for number, start in enumerate(range(0, len(content), PART_SIZE), 1):
        part = content[start : start + PART_SIZE]
        refs.append(custody.store.put_part(file.path, upload, number, [part], size=len(part)).ref)
    custody.store.complete_multipart(file.path, upload, [PartRef(one.number, one.etag) for one in refs])


def last(custody: Custody, file_id: UUID) -> str:
    """Return the name of a file's newest event."""
    return custody.types(file_id)[-1]


def test_a_claim_is_proven_by_reading(custody: Custody) -> None:
    """Nobody has computed a digest over the whole, but for a store that does; then somebody reads it."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for claim in (sha256, None):
        file = uploaded(custody, sha256=claim)
        assert file.stored is not None
        told = "sha256" in custody.store.capabilities().checksums
        assert file.stored.sha256_status == ("verified" if told else "claimed" if claim else "none")
        proven = custody.ledger.verify_content(RECORDS, file.id)
        assert proven.stored is not None
        assert (proven.stored.sha256, proven.stored.sha256_status) == (sha256, "verified")
        assert last(custody, file.id) == "integrity_verified"
    check_whole(custody)


def test_bytes_altered_between_claim_and_read_are_found(custody: Custody) -> None:
    """Their content is not given out any more, and what is found is recorded once."""
    for replacing in (replace, replace_with_parts):
        file = uploaded(custody, sha256=hashlib.sha256(CONTENT).hexdigest())
        replacing(custody, file, OTHER)
        for _ in range(2):
            assert custody.ledger.verify_content(RECORDS, file.id).damage in ("altered", "missing")
        assert custody.types(file.id).count("integrity_failed") + custody.types(file.id).count("object_missing") == 1
        with pytest.raises(IntegrityViolated):
            custody.read(SERVICE, file.id)


def test_a_wrong_claim_is_refuted_by_reading(custody: Custody) -> None:
    """The bytes are those that came, but not those that were meant."""
    if "sha256" in custody.store.capabilities().checksums:
        with pytest.raises(ContentMismatch, match="is not what was announced"):
            uploaded(custody, sha256="0" * 64)
        return
    file = uploaded(custody, sha256="0" * 64)
    assert custody.ledger.verify_content(RECORDS, file.id).damage == "altered"


def test_an_object_that_is_gone_is_recorded(custody: Custody) -> None:
    """Once, and what comes back in its place unharmed is given out again."""
    file = custody.stored()
    assert file.stored is not None
    for version in custody.store.versions(file.path):
        custody.store.delete(file.path, version=version.version_id)
    for _ in range(2):
        assert custody.ledger.verify_content(RECORDS, file.id).damage == "missing"
    assert custody.types(file.id).count("object_missing") == 1


def test_verifying_again_is_recorded_again(custody: Custody) -> None:
    """Each reading says when the bytes were still right; a file without content has nothing to read."""
    file = custody.stored()
    for _ in range(2):
        custody.ledger.verify_content(RECORDS, file.id)
    assert custody.types(file.id).count("integrity_verified") == 2
    with pytest.raises(WrongState):
        custody.ledger.verify_content(RECORDS, custody.initiated().id)
