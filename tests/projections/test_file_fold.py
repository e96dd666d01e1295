"""What each event makes of a file's row, and how the row is shown."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from memory_log import START, MemoryLog, accessed, add_file, at, initiated, stored
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Actor, Origin
from provenstore.domain.eventlog.event_types import EventData, RawData, format_time
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.private_values import Related
from provenstore.projections.files.fold import FileFold, fold_file
from provenstore.projections.files.row import FileRow, to_json

REQUEST = f.PurgeRequested(purge="p1", four_eyes=True)


KEYED = Origin(Actor("ann", "person", "api_key", "key-1"))


def reach(credential: str | None) -> str | None:
    """Return how far a key reaches, as the log would say."""
    return {None: "system", "key-1": "acme"}[credential]


def folded(*steps: EventData, begin: EventData | None = None, private: dict[str, str] | None = None) -> FileRow:
    """Return the row of a file after `steps` on its stream."""
    log = MemoryLog()
    log.add("file:a", begin or initiated(), filename="report.pdf")
    for data in steps:
        log.add("access:a" if isinstance(data, f.Accessed) else "file:a", data, **(private or {}))
    row = fold_file(log.events, log.private)
    assert row is not None
    return row


def test_an_initiated_file_shows_what_was_declared() -> None:
    """Until it is stored, size, digests and expiry are the caller's."""
    later = START + timedelta(days=7)
    row = folded(begin=initiated(declared_size=5, declared_sha256="ab" * 32, declared_md5="cd" * 16, expires_at=later))
    assert (row.size, row.sha256, row.sha256_status, row.md5) == (5, "ab" * 32, "claimed", "cd" * 16)
    assert ("initiated", later, None, at(1), 1) == (
        row.status,
        row.expires_at,
        row.stored_at,
        row.created_at,
        row.created_position,
    )


def test_a_stored_file_shows_what_was_found() -> None:
    """What was measured replaces what was declared, also where it says less."""
    row = folded(stored(expires_at=None), begin=initiated(declared_sha256="ff" * 32, expires_at=START))
    assert (
        row.size,
        row.sha256,
        row.sha256_status,
        row.etag,
        row.object_version,
    ) == (120, "ab" * 32, "verified", "e1", "o1")
    assert ("stored", at(2), None) == (row.status, row.stored_at, row.expires_at)


COMPLETION = f.CompletionRequested(size=1, sha256=None, md5=None, parts=None, quota_bytes=0)
FAILURE = f.IntegrityFailed(found="nothing", check="size", expected="1", actual="2")
CLEARED = f.UploadCleared(quota_bytes=0, quota_files=0)


@pytest.mark.parametrize(
    ("steps", "status", "pending"),
    [
        ((), "initiated", None),
        ((COMPLETION,), "initiated", "complete"),
        ((COMPLETION, FAILURE), "initiated", None),
        ((COMPLETION, stored()), "stored", None),
        ((f.UploadAborted(),), "aborted", "clear"),
        ((COMPLETION, f.UploadAborted(), FAILURE), "aborted", "clear"),
        ((f.UploadExpired(),), "expired", "clear"),
        ((f.UploadAborted(), CLEARED), "aborted", None),
        ((f.UploadExpired(), CLEARED), "expired", None),
    ],
)
def test_an_upload_goes_through_its_states(steps: tuple[EventData, ...], status: str, pending: str | None) -> None:
    """Status says what callers see, pending what is left to be done in the store."""
    row = folded(*steps)
    assert (status, pending) == (row.status, row.pending)


@pytest.mark.parametrize(
    ("removal", "status"),
    [(f.SoftDeleted(), "soft_deleted"), (f.FileExpired(expires_at=START), "expired")],
)
def test_a_removed_file_can_come_back(removal: EventData, status: str) -> None:
    """Deletion and expiry leave a date, which the restoration takes away."""
    gone, back = folded(stored(), removal), folded(stored(), removal, f.Restored())
    assert (status, at(3)) == (gone.status, gone.deleted_at)
    assert (back.status, back.deleted_at) == ("stored", None)


@pytest.mark.parametrize(
    ("removal", "expires_at", "kept"),
    [
        (f.SoftDeleted(), START + timedelta(days=1), True),
        (f.SoftDeleted(), START, False),
        (f.FileExpired(expires_at=START), START, False),
    ],
)
def test_what_had_expired_is_kept_once_restored(removal: EventData, expires_at: datetime, kept: bool) -> None:
    """It would expire again at once, whoever removed it; what has time left still expires."""
    assert folded(stored(expires_at=expires_at), removal, f.Restored()).expires_at == (expires_at if kept else None)


def _destroyed() -> f.Purged:
    return f.Purged(
        purge="p1", provider="local", path="x", size=1, sha256=None, versions=(), quota_bytes=0, quota_files=0
    )


@pytest.mark.parametrize(
    ("steps", "status", "disposal", "pending"),
    [
        ((REQUEST,), "soft_deleted", "requested", None),
        ((f.PurgeRequested(purge="p1", four_eyes=False),), "soft_deleted", "approved", "purge"),
        ((REQUEST, f.PurgeApproved(purge="p1")), "soft_deleted", "approved", "purge"),
        ((REQUEST, f.PurgeApproved(purge="p1"), f.PurgeWithdrawn(purge="p1", by="hold")), "soft_deleted", None, None),
        ((REQUEST, f.PurgeRejected(purge="p1")), "soft_deleted", None, None),
        ((REQUEST, f.PurgeWithdrawn(purge="p1", by="hold")), "soft_deleted", None, None),
        ((REQUEST, f.Restored()), "stored", None, None),
        ((REQUEST, f.PurgeStarted(purge="p1", sha256=None, versions=())), "soft_deleted", "purging", "purge"),
        (
            (f.PurgeStarted(purge="p1", sha256=None, versions=()), f.PurgeFailed(purge="p1", code="x")),
            "soft_deleted",
            "failed",
            "purge",
        ),
        ((REQUEST, f.PurgeStarted(purge="p1", sha256=None, versions=()), _destroyed()), "purged", None, None),
    ],
)
def test_a_purge_goes_through_its_states(
    steps: tuple[EventData, ...], status: str, disposal: str | None, pending: str | None
) -> None:
    """Disposal follows the request, the approval and the destruction."""
    row = folded(stored(), f.SoftDeleted(), *steps)
    assert (status, disposal, pending) == (row.status, row.disposal, row.pending)


def test_days_of_a_policy_count_from_the_removal_or_a_rejection() -> None:
    """Not from a withdrawal, and not any more once the file is back."""
    removed = (stored(), f.SoftDeleted(), REQUEST)
    assert folded(*removed, f.PurgeWithdrawn(purge="p1", by="request")).disposal_since == at(3)
    assert folded(*removed, f.PurgeRejected(purge="p1")).disposal_since == at(5)
    assert folded(*removed, f.Restored()).disposal_since is None


def test_attributes_follow_their_events() -> None:
    """Access level, expiry and retention are those of the newest event that sets them."""
    later = START + timedelta(days=1)
    row = folded(
        stored(),
        f.AccessLevelChanged(access="public"),
        f.ExpirySet(expires_at=later),
        f.RetentionSet(until=later, mode="governance"),
    )
    assert ("public", later, later, "governance") == (
        row.access,
        row.expires_at,
        row.retention_until,
        row.retention_mode,
    )


def test_only_named_values_change() -> None:
    """A change replaces the values it names as a whole and leaves the others."""
    log = MemoryLog()
    log.add(
        "file:a",
        initiated(),
        filename="a.pdf",
        related=[{"type": "order", "id": "7"}],
        subjects=["ann"],
        metadata={"b": "2", "a": "1"},
    )
    log.add("file:a", f.MetadataChanged(changed=("metadata", "subjects")), metadata={"c": "3"}, subjects=[])
    row = fold_file(log.events, log.private)
    assert row is not None
    assert ("a.pdf", (Related("order", "7"),), (), (("c", "3"),)) == (
        row.filename,
        row.related,
        row.subjects,
        row.metadata,
    )


def test_holds_stand_until_each_is_released() -> None:
    """Several holds coexist; a release ends the one that it names."""
    log = MemoryLog()
    log.add("file:a", initiated())
    log.add("file:a", f.LegalHoldPlaced(hold="h1"), name="audit", matter="m-1")
    log.add("file:a", f.LegalHoldPlaced(hold="h2"), name="lawsuit")
    log.add("file:a", f.LegalHoldReleased(hold="h1"))
    row = fold_file(log.events, log.private)
    assert row is not None
    assert to_json(row, reach=reach)["legal_holds"] == [
        {
            "id": "h2",
            "name": "lawsuit",
            "matter": None,
            "placed_by": "clerk",
            "placed_by_reach": "system",
            "placed_at": format_time(at(3)),
            "reason": None,
        }
    ]


def test_whatever_was_decided_says_who_when_and_why() -> None:
    """Actors are named with the reach of their keys, in every part of the view; an erasure takes the reasons away."""
    log, later = MemoryLog(), START + timedelta(days=9)
    log.seal("file:a", initiated(owner="ann"), by=KEYED)
    log.add("file:a", stored())
    wished = f.RetentionReductionRequested(until=START)
    log.seal("file:a", f.RetentionSet(until=later, mode="governance"), {"reason": "law"}, by=KEYED)
    log.seal("file:a", wished, {"reason": "too long"}, by=KEYED)
    log.seal("file:a", f.LegalHoldPlaced(hold="h"), {"name": "n", "reason": "sued"}, by=KEYED)
    log.seal("file:a", f.SoftDeleted(), {"reason": "old"}, by=KEYED)
    log.seal("file:a", REQUEST, {"reason": "gone"}, by=KEYED)
    log.add("file:a", f.PurgeApproved(purge="p1"), reason="agreed")
    row = fold_file(log.events, log.private)
    assert row is not None
    file: Any = to_json(row, reach=reach)
    assert (file["owner"], file["owner_reach"], file["deleted_by"], file["deleted_by_reach"]) == ("ann", "acme") * 2
    by = {"requested_by": "ann", "requested_by_reach": "acme"}
    kept = {"until": format_time(later), "mode": "governance", "set_by": "ann", "set_by_reach": "acme"}
    wish = {"until": format_time(START), "mode": "governance", **by, "requested_at": format_time(at(4))}
    assert file["retention"] == {
        **kept,
        "set_at": format_time(at(3)),
        "reason": "law",
        "pending": {**wish, "reason": "too long", "replaced": None},
    }
    assert [(one["placed_by_reach"], one["reason"]) for one in file["legal_holds"]] == [("acme", "sued")]
    assert file["purge"] == {
        "id": "p1",
        "policy": None,
        **by,
        "requested_at": format_time(at(7)),
        "reason": "gone",
        "approved_by": "clerk",
        "approved_by_reach": "system",
        "approved_at": format_time(at(8)),
        "approval_reason": "agreed",
    }
    log.erase("a", "reason")
    erased = fold_file(log.events, log.private)
    assert erased is not None
    shown = json.dumps(to_json(erased, reach=reach))
    assert not [one for one in ("law", "too long", "sued", "old", "gone", "agreed") if f'"{one}"' in shown]


@pytest.mark.parametrize("early", [False, True])
def test_erasure_takes_the_named_values_away(early: bool) -> None:
    """Whether the values are still there when the earlier events are folded makes no difference."""
    log = MemoryLog()
    log.add("file:a", initiated(), filename="ann.pdf", related=[{"type": "t", "id": "1"}], metadata={"k": "v"})
    log.add("file:a", f.LegalHoldPlaced(hold="h1"), name="ann", matter="m")
    before = {event.id: dict(log.private[event.id]) for event in log.events}
    log.erase("a", "filename", "related", "name")
    row = fold_file(log.events, log.private if early else before)
    assert row is not None
    assert (row.filename, row.related, row.metadata) == (None, (), (("k", "v"),))
    assert [(hold.name, hold.matter) for hold in row.legal_holds] == [(None, "m")]


def test_accesses_count_outside_the_version() -> None:
    """Each download counts, any access is the last one, and the file's version stays."""
    row = folded(stored(), accessed("download"), accessed("redirect"), accessed("download"), accessed("view"))
    assert (2, at(6), 2) == (row.downloads, row.last_access, row.version)


def test_an_unknown_event_moves_the_version_only() -> None:
    """A type that this release does not know is passed over, yet counted."""
    log = MemoryLog()
    add_file(log, "a")
    before = fold_file(log.events, log.private)
    log.events.append(replace(log.add("file:a", f.Restored()), data=RawData(fields={"x": 1})))
    del log.events[-2]
    after = fold_file(log.events, log.private)
    assert before is not None
    assert after == replace(before, version=3)


def test_other_streams_are_not_this_index_s() -> None:
    """Chunks and workspaces touch no row; an access before the file exists makes none."""
    log = MemoryLog()
    chunk = f.ChunkUploaded(upload="u", number=1, first=0, size=1, etag="e", md5=None, sha256=None)
    assert FileFold().keys(log.add("parts:a", chunk)) == ()
    assert FileFold().keys(log.add("access:a", accessed())) == ("a",)
    assert fold_file(log.events, log.private) is None


def test_the_file_of_the_contract_has_exactly_its_fields() -> None:
    """The default view is the contract's; the full view adds what stands outside the ETag."""
    row = folded(stored(), accessed())
    default, full = to_json(row, reach=reach), to_json(row, "full", reach=reach)
    assert set(default) == {
        *("id", "workspace", "filename", "size", "media_type", "category", "variant", "status", "disposal", "path"),
        *(
            "sha256",
            "sha256_status",
            "damage",
            "etag",
            "access",
            "owner",
            "related",
            "subjects",
            "metadata",
            "created_at",
        ),
        *("stored_at", "deleted_at", "expires_at", "retention_until", "legal_holds", "version"),
        *("deleted_by", "deleted_by_reach", "deletion_reason", "retention", "purge", "owner_reach"),
    }
    assert {name: full[name] for name in full.keys() - default.keys()} == {
        "stored_name": "0199.pdf",
        "extension": "pdf",
        "upload_method": "api",
        "checksums": {"sha256": "ab" * 32, "md5": "cd" * 16},
        "verified_at": None,
        "download_count": 1,
        "last_access": format_time(at(3)),
    }


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log.add("file:a", initiated(), filename=7),
        lambda log: log.add("file:a", initiated(), related=["x"]),
        lambda log: log.add("file:a", initiated(), related={"x": "y"}),
        lambda log: log.add("file:a", initiated(), related=[{"type": "x"}]),
        lambda log: log.add("file:a", initiated(), subjects=[None]),
        lambda log: log.add("file:a", initiated(), metadata={"k": 1}),
        lambda log: log.add("file:a", initiated(), metadata=["k"]),
    ],
)
def test_a_private_value_of_another_shape_is_refused(spoil: Callable[[MemoryLog], object]) -> None:
    """What was never valid is said to be so, rather than shown."""
    log = MemoryLog()
    spoil(log)
    with pytest.raises(IntegrityViolated, match="does not have its shape"):
        fold_file(log.events, log.private)
