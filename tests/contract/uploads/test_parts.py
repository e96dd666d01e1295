"""Uploads in parts, through the ledger: any order, twice, resumed, completed once, and refused where they must be."""

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from custody import APPROVER, RECORDS, SERVICE, Custody
from provenstore.domain.errors import ContentMismatch, ContentTooLarge, IntegrityViolated, InvalidInput, WrongState
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File
from provenstore.domain.files.parts import Chunk, combined_etag
from provenstore.domain.storage.objects import PartRef
from provenstore.domain.storage.upload_sizes import PART_SIZE
from whole_custody import check_whole

pytestmark = pytest.mark.any_bucket

FULL = bytes(range(256)) * (PART_SIZE // 256)
TAIL = b"the end"
CONTENT = FULL + TAIL
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _whole(custody: Custody) -> Iterator[None]:
    """Whatever a test does, log, objects and quota agree after it."""
    yield
    check_whole(custody)


def begun(custody: Custody, **changes: Any) -> File:
    """Initiate an upload in two parts."""
    return custody.initiated(**{"upload": "multipart", "size": len(CONTENT), **changes})


def send(custody: Custody, file_id: UUID, number: int, body: bytes) -> Chunk:
    """Send one part through the ledger."""
    return custody.ledger.upload_part(SERVICE, file_id, number, [body], size=len(body))


def arrived(custody: Custody, **changes: Any) -> File:
    """Initiate an upload and send both parts."""
    file = begun(custody, **changes)
    send(custody, file.id, 2, TAIL)
    send(custody, file.id, 1, FULL)
    return file


def reads_itself(custody: Custody) -> bool:
    """Tell whether the store computes the SHA-256 of what it makes of parts."""
    return "sha256" in custody.store.capabilities().checksums


def refs(custody: Custody, file_id: UUID) -> list[PartRef]:
    """Return the parts as a client names them."""
    return [PartRef(part.number, part.etag) for part in custody.ledger.parts(SERVICE, file_id).parts]


def test_parts_in_any_order_make_the_whole(custody: Custody) -> None:
    """Each is recorded once its bytes are there; the SHA-256 stays a claim unless the store has computed it."""
    file = arrived(custody)
    stored = custody.ledger.complete_upload(SERVICE, file.id, sha256=SHA256)
    assert custody.types(file.id) == [
        *("upload_initiated", "multipart_opened", "chunk_uploaded", "chunk_uploaded"),
        *("completion_requested", "stored"),
    ]
    assert stored.stored is not None
    assert (stored.stored.size, stored.stored.sha256) == (len(CONTENT), SHA256)
    assert stored.stored.sha256_status == ("verified" if reads_itself(custody) else "claimed")
    chunks = [event.data for event in custody.events(file.id) if isinstance(event.data, e.ChunkUploaded)]
    assert [(one.number, one.first, one.size) for one in chunks] == [(2, PART_SIZE, len(TAIL)), (1, 0, PART_SIZE)]
    assert chunks[1].md5 == hashlib.md5(FULL).hexdigest()
    assert stored.stored.parts_head is not None
    assert stored.stored.parts_head.version == 2
    assert custody.read(SERVICE, file.id) == CONTENT


def test_completing_again_answers_the_same_file(custody: Custody) -> None:
    """With the same parts, with none named, and with the same digest; anything else is refused."""
    file = arrived(custody)
    named = refs(custody, file.id)
    stored = custody.ledger.complete_upload(SERVICE, file.id, parts=named)
    again = custody.ledger.complete_upload(SERVICE, file.id, parts=named)
    assert custody.ledger.complete_upload(SERVICE, file.id) == again == stored
    with pytest.raises(WrongState, match="other parts"):
        custody.ledger.complete_upload(SERVICE, file.id, parts=named[:1])
    assert custody.types(file.id).count("stored") == 1


def test_a_part_may_come_twice(custody: Custody) -> None:
    """The last one counts."""
    file = begun(custody)
    send(custody, file.id, 1, bytes(PART_SIZE))
    send(custody, file.id, 2, TAIL)
    send(custody, file.id, 1, FULL)
    custody.ledger.complete_upload(SERVICE, file.id)
    assert custody.read(SERVICE, file.id) == CONTENT


def test_another_process_goes_on_with_the_parts(custody: Custody) -> None:
    """What has arrived is listed from the store, and nothing is kept in a process."""
    file = begun(custody)
    send(custody, file.id, 1, FULL)
    other = custody.another_process()
    listed = other.parts(SERVICE, file.id)
    assert [(part.number, part.size) for part in listed.parts] == [(1, PART_SIZE)]
    assert listed.part_size == PART_SIZE
    other.upload_part(SERVICE, file.id, 2, [TAIL], size=len(TAIL))
    assert other.complete_upload(SERVICE, file.id).status == "stored"


def test_a_part_that_the_ledger_had_not_seen_is_recorded_at_completion(custody: Custody) -> None:
    """Its bytes went past us, or we died before saying so."""
    file = begun(custody)
    send(custody, file.id, 1, FULL)
    state = custody.ledger.recorder.file(file.id)
    assert state.multipart is not None
    custody.store.put_part(file.upload_key, state.multipart, 2, [TAIL], size=len(TAIL))
    custody.ledger.complete_upload(SERVICE, file.id)
    assert custody.types(file.id).count("chunk_uploaded") == 2


def test_an_unknown_size_is_settled_by_the_parts(custody: Custody) -> None:
    """What is reserved is settled at Stored; parts in the middle must be full."""
    file = begun(custody, size=None)
    send(custody, file.id, 1, FULL)
    send(custody, file.id, 2, TAIL)
    send(custody, file.id, 3, TAIL)
    with pytest.raises(InvalidInput, match=r"part 2 must have 10,485,760 bytes"):
        custody.ledger.complete_upload(SERVICE, file.id)
    send(custody, file.id, 2, FULL)
    stored = custody.ledger.complete_upload(SERVICE, file.id)
    assert stored.reserved == stored.size == 2 * PART_SIZE + len(TAIL)


@pytest.mark.parametrize("number", [-1, 0, 3, 10_001])
def test_numbers_that_the_upload_cannot_have(custody: Custody, number: int) -> None:
    """They are refused before a byte is read, and before anything is opened."""
    file = begun(custody)
    with pytest.raises(InvalidInput, match="must be 1 to 2"):
        send(custody, file.id, number, TAIL)
    with pytest.raises(InvalidInput, match="must be 1 to 2"):
        custody.ledger.part_urls(SERVICE, file.id, [number])


def test_sizes_that_a_part_cannot_have(custody: Custody) -> None:
    """A part in the middle is full, the last one has the rest, and no part reaches beyond the category's limit."""
    file = begun(custody)
    for number, size in ((1, PART_SIZE - 1), (1, PART_SIZE + 1), (2, len(TAIL) + 1)):
        with pytest.raises(InvalidInput, match="must have"):
            send(custody, file.id, number, bytes(size))
    unknown = begun(custody, size=None)
    with pytest.raises(ContentTooLarge):
        send(custody, unknown.id, 10_000, TAIL)


def test_a_damaged_part_is_not_taken(custody: Custody) -> None:
    """Its digest is compared before it is stored."""
    file = begun(custody)
    with pytest.raises(ContentMismatch):
        custody.ledger.upload_part(SERVICE, file.id, 2, [TAIL], size=len(TAIL), md5="00" * 16)
    assert custody.ledger.parts(SERVICE, file.id).parts == ()


def test_missing_and_wrong_parts_are_named(custody: Custody) -> None:
    """A completion says which parts it lacks, and the upload stays open."""
    file = begun(custody)
    with pytest.raises(InvalidInput, match="these have not arrived: 1, 2; send"):
        custody.ledger.complete_upload(SERVICE, file.id)
    two = send(custody, file.id, 2, TAIL)
    with pytest.raises(InvalidInput, match="these have not arrived: 1; send"):
        custody.ledger.complete_upload(SERVICE, file.id)
    send(custody, file.id, 1, FULL)
    with pytest.raises(ContentMismatch, match="part 1 has another ETag"):
        custody.ledger.complete_upload(SERVICE, file.id, parts=[PartRef(1, "0" * 32), PartRef(2, two.etag)])
    with pytest.raises(InvalidInput, match="these have arrived but are not named: 1"):
        custody.ledger.complete_upload(SERVICE, file.id, parts=[PartRef(2, two.etag)])
    with pytest.raises(InvalidInput, match="these have not arrived: 3; send"):
        custody.ledger.complete_upload(SERVICE, file.id, parts=[*refs(custody, file.id), PartRef(3, two.etag)])
    assert custody.ledger.complete_upload(SERVICE, file.id).status == "stored"


def test_a_part_overwritten_after_it_was_recorded_is_not_taken_silently(custody: Custody) -> None:
    """Whoever means the new bytes names their ETag; otherwise the recorded ones are sent again."""
    file = arrived(custody)
    state = custody.ledger.recorder.file(file.id)
    assert state.multipart is not None
    other = custody.store.put_part(file.upload_key, state.multipart, 1, [bytes(PART_SIZE)], size=PART_SIZE)
    with pytest.raises(ContentMismatch, match="part 1 was overwritten after it was recorded"):
        custody.ledger.complete_upload(SERVICE, file.id)
    named = refs(custody, file.id)
    assert named[0] == other.ref
    assert custody.ledger.complete_upload(SERVICE, file.id, parts=named).status == "stored"
    assert custody.read(SERVICE, file.id) == bytes(PART_SIZE) + TAIL
    assert custody.types(file.id).count("chunk_uploaded") == 3


def test_nothing_is_taken_once_the_upload_is_over(custody: Custody) -> None:
    """Aborted, expired or stored: parts, URLs and completion are refused, and nothing is left in the store."""
    aborted, expired, stored = arrived(custody), begun(custody), arrived(custody)
    custody.ledger.abort_upload(SERVICE, aborted.id, "changed my mind")
    custody.ledger.complete_upload(SERVICE, stored.id)
    custody.clock.pass_time(hours=25)
    custody.ledger.settle(expired.id)
    for file, status in ((aborted, "aborted"), (expired, "expired"), (stored, "stored")):
        with pytest.raises(WrongState, match=status):
            send(custody, file.id, 2, TAIL)
        with pytest.raises(WrongState, match=status):
            custody.ledger.part_urls(SERVICE, file.id, [1])
    for file in (aborted, expired):
        with pytest.raises(WrongState):
            custody.ledger.complete_upload(SERVICE, file.id)


def test_a_part_in_flight_when_the_upload_is_aborted_leaves_nothing(custody: Custody) -> None:
    """The bytes may reach the store, but not the log."""
    file = begun(custody)
    send(custody, file.id, 1, FULL)

    def late() -> Iterator[bytes]:
        yield TAIL[:3]
        custody.ledger.abort_upload(SERVICE, file.id, None)
        yield TAIL[3:]

    with pytest.raises(WrongState, match="aborted"):
        custody.ledger.upload_part(SERVICE, file.id, 2, late(), size=len(TAIL))
    assert custody.types(file.id).count("chunk_uploaded") == 1


def test_a_part_in_flight_when_the_upload_is_completed_changes_nothing(custody: Custody) -> None:
    """What was announced is what is stored."""
    file = arrived(custody)

    def late() -> Iterator[bytes]:
        custody.ledger.complete_upload(SERVICE, file.id)
        yield b"another"

    with pytest.raises(WrongState, match="stored"):
        custody.ledger.upload_part(SERVICE, file.id, 2, late(), size=len(TAIL))
    assert custody.read(SERVICE, file.id) == CONTENT


def test_the_claimed_digest_must_be_the_declared_one(custody: Custody) -> None:
    """Two claims that differ are refused before anything is announced."""
    file = arrived(custody, sha256=SHA256)
    with pytest.raises(InvalidInput, match="sha256"):
        custody.ledger.complete_upload(SERVICE, file.id, sha256="0" * 64)
    stored = custody.ledger.complete_upload(SERVICE, file.id)
    assert stored.stored is not None
    assert stored.stored.sha256 == SHA256


def test_urls_for_parts_are_recorded_before_they_leave(custody: Custody) -> None:
    """Until when they write stands in the log, and the space of an aborted upload is kept until then."""
    file = begun(custody)
    with pytest.raises(InvalidInput, match="each once"):
        custody.ledger.part_urls(SERVICE, file.id, [1, 1])
    with pytest.raises(InvalidInput, match="was not declared"):
        custody.ledger.part_urls(SERVICE, begun(custody, size=None).id, [1])


def test_content_that_was_never_read_is_read_before_it_is_destroyed(custody: Custody) -> None:
    """The certificate names the digest of what was there, which nobody had claimed."""
    file = arrived(custody)
    custody.ledger.complete_upload(SERVICE, file.id)
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, None)
    purged = custody.ledger.approve_purge(APPROVER, file.id, None, None)
    assert purged.purged is not None
    assert purged.purged.sha256 == SHA256


def test_a_verifying_read_proves_a_claim_or_refutes_it(custody: Custody) -> None:
    """A right claim becomes a verified digest; after a wrong one the content is not given out."""
    right, wrong, none = arrived(custody), arrived(custody), arrived(custody)
    custody.ledger.complete_upload(SERVICE, right.id, sha256=SHA256)
    custody.ledger.complete_upload(SERVICE, none.id)
    if reads_itself(custody):
        with pytest.raises(ContentMismatch):
            custody.ledger.complete_upload(SERVICE, wrong.id, sha256="0" * 64)
    else:
        custody.ledger.complete_upload(SERVICE, wrong.id, sha256="0" * 64)
    for file in (right, none):
        found = custody.ledger.verify_content(RECORDS, file.id)
        assert found.stored is not None
        assert (found.stored.sha256, found.stored.sha256_status, found.damage) == (SHA256, "verified", None)
    if not reads_itself(custody):
        assert custody.ledger.verify_content(RECORDS, wrong.id).damage == "altered"
        assert custody.types(wrong.id)[-1] == "integrity_failed"
        with pytest.raises(IntegrityViolated, match="altered"):
            custody.read(SERVICE, wrong.id)


def test_the_etag_of_parts_follows_from_them() -> None:
    """As S3 makes it: the MD5 of the parts' MD5s, and their number."""
    md5s = [hashlib.md5(FULL), hashlib.md5(TAIL)]
    whole = hashlib.md5(b"".join(one.digest() for one in md5s)).hexdigest()
    assert combined_etag([PartRef(n, one.hexdigest()) for n, one in enumerate(md5s, 1)]) == f"{whole}-2"
