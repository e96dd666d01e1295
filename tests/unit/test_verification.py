"""Whoever edits, deletes, reorders or slips in an event is found out, and the first bad position is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from file_life import SHA, VERSION, FileLife
from memory_log import MemoryLog
from provenstore.domain.canonical import MAX_INTEGER, Json, canonical
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Disclosure, QuotaUse, StoredRow
from provenstore.domain.files.file_commands import ApprovePurge, ErasePersonalData, RecordPurged, StartPurge
from provenstore.domain.files.file_events import PersonalDataErased, UploadExpired
from provenstore.domain.privacy.erasure import StreamDataErased, erases
from provenstore.domain.proofs.verification import Verifier, verify_rows
from provenstore.domain.transparency.merkle import leaf_hash


def _purged() -> FileLife:
    """Return a file's whole life; the two persons act on the data directory, so that nothing made them."""
    ann, bea = (Actor(name, "person", "cli") for name in ("ann", "bea"))
    life = FileLife().deleted().purge_requested(by=ann).do(ApprovePurge, by=bea, reason="agreed")
    return life.do(StartPurge, sha256=SHA, versions=(VERSION,)).do(RecordPurged)


def _rows(life: FileLife | None = None) -> list[StoredRow]:
    return [
        StoredRow(e.position, e.state, e.leaf, e.id, e.type, e.stream, e.version, e.workspace, e.number, e.time)
        for e in (life or _purged()).log.events
    ]


def test_an_untouched_log_verifies() -> None:
    """Nothing is found, and everything was looked at."""
    rows = _rows()
    report = verify_rows(rows, newest=len(rows))
    assert (report.ok, report.checked) == (True, len(rows))


def _edit(rows: list[StoredRow]) -> list[StoredRow]:
    rows[3] = replace(rows[3], state=rows[3].state.replace(b'"ok"', b'"no"'))
    return rows


def _edit_and_rehash(rows: list[StoredRow]) -> list[StoredRow]:
    state = rows[3].state.replace(b'"ok"', b'"no"')
    rows[3] = replace(rows[3], state=state, leaf=leaf_hash(state))
    return rows


def _delete(rows: list[StoredRow]) -> list[StoredRow]:
    del rows[3]
    return rows


def _delete_and_close_up(rows: list[StoredRow]) -> list[StoredRow]:
    del rows[3]
    return [replace(row, position=position) for position, row in enumerate(rows, 1)]


def _swap(rows: list[StoredRow]) -> list[StoredRow]:
    rows[3], rows[4] = replace(rows[4], position=4), replace(rows[3], position=5)
    return rows


def _column(rows: list[StoredRow]) -> list[StoredRow]:
    rows[3] = replace(rows[3], time=rows[3].time + timedelta(seconds=1))
    return rows


def _garbage(rows: list[StoredRow]) -> list[StoredRow]:
    rows[3] = replace(rows[3], state=b"{}", leaf=leaf_hash(b"{}"))
    return rows


@pytest.mark.parametrize(
    ("tamper", "position", "step"),
    [
        (_edit, 4, 2),
        (_edit_and_rehash, 5, 4),
        (_delete, 5, 1),
        (_delete_and_close_up, 4, 4),
        (_swap, 4, 4),
        (_column, 4, 3),
        (_garbage, 4, 2),
    ],
)
def test_tampering_is_found_where_it_begins(
    tamper: Callable[[list[StoredRow]], list[StoredRow]], position: int, step: int
) -> None:
    """The first finding names the position and the step."""
    first = verify_rows(tamper(_rows())).first
    assert first is not None
    assert (first.position, first.step) == (position, step)


def test_an_edit_that_keeps_its_old_leaf_is_the_only_finding() -> None:
    """What follows the edited event is sound, and is not blamed."""
    assert len(verify_rows(_edit(_rows())).findings) == 1


def test_truncation_is_found_against_a_known_position() -> None:
    """A log that ends too early is not the log that was seen."""
    rows = _rows()
    first = verify_rows(rows[:-1], newest=len(rows)).first
    assert first is not None
    assert first.position == len(rows)


def _with(disclosure: Disclosure | None, field: str = "filename") -> list[str]:
    row = _rows()[0]
    verifier = Verifier()
    held = {"filename": Disclosure(b"s" * 32, b'"a.pdf"')}
    if disclosure is None:
        held.pop(field)
    else:
        held[field] = disclosure
    verifier.take(row, {row.id: held})
    return [finding.problem for finding in verifier.finish().findings]


def test_private_values_are_checked_against_their_commitments() -> None:
    """A changed, missing or added private value is found."""
    salt = b"s" * 32
    assert _with(Disclosure(salt, b'"a.pdf"')) == []
    assert _with(Disclosure(None, None, erased_by=_rows()[1].id)) == [
        "private value filename is erased by no later event of the log"
    ]
    assert _with(Disclosure(salt, b'"b.pdf"')) == ["private value filename is not the one committed to"]
    assert _with(Disclosure(None, None)) == ["private value filename is erased by nobody"]
    assert _with(None) == ["private value filename is missing without an erasure"]
    assert _with(Disclosure(salt, b'"x"'), "extra") == ["private value extra was never committed to"]


def test_an_erased_value_is_in_order_if_its_erasure_says_so() -> None:
    """The event that erased it comes later in the same stream and names the field."""

    def problems(*fields: str) -> list[str]:
        life = FileLife().do(ErasePersonalData, fields=fields, events=1, reason="asked to", erasure="e")
        rows, verifier = _rows(life), Verifier()
        verifier.take(rows[0], {rows[0].id: {"filename": Disclosure(None, None, erased_by=rows[1].id)}})
        verifier.take(rows[1])
        return [finding.problem for finding in verifier.finish().findings if finding.step == 7]

    assert problems("filename", "subjects") == []
    assert problems("subjects") == ["private value filename is erased by an event that does not say so"]


@pytest.mark.parametrize(
    ("erasing", "held", "fields", "actor", "by"),
    [
        ("file:a", "file:a", ("address",), None, True),
        ("file:a", "parts:a", ("address",), None, True),
        ("file:a", "access:a", ("address",), None, True),
        ("file:a", "access:a", ("address",), "alice", True),
        ("file:a", "access:a", ("address",), "bob", False),
        ("file:a", "access:a", ("recipient",), None, False),
        ("file:a", "access:b", ("address",), None, False),
        ("file:a", "audit:a", ("address",), None, False),
        ("access:a", "file:a", ("address",), None, False),
        ("audit:a", "audit:a", ("address",), None, True),
        ("audit:a", "audit:b", ("address",), None, False),
    ],
)
def test_what_an_erasure_reaches(erasing: str, held: str, fields: tuple[str, ...], actor: str | None, by: bool) -> None:
    """Its own stream; of a file also what stands beside its lifecycle; of one actor only that one's events."""
    log = MemoryLog()
    kind = PersonalDataErased if erasing.startswith("file:") else StreamDataErased
    event = log.add(erasing, kind(fields=fields, events=1, actor=actor))
    assert erases(event, stream=held, actor="alice", field="address") is by


def test_nothing_but_an_erasure_erases() -> None:
    """An event of the stream that says nothing of it does not."""
    event = MemoryLog().add("file:a", UploadExpired())
    assert not erases(event, stream="file:a", actor="alice", field="address")


def test_quota_counters_are_recomputed() -> None:
    """A counter that somebody helped along is found."""

    def counted(use: QuotaUse) -> bool:
        verifier = Verifier()
        for row in _rows()[:3]:
            verifier.take(row)
        return verifier.finish(counters={("acme", "workspace"): use}).ok

    assert counted(QuotaUse(100, 1, None, None))
    assert not counted(QuotaUse(99, 1, None, None))


_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text("0aé:-", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "x"]), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=examples(50, 200))
@given(position=st.integers(0, 5), name=st.sampled_from(sorted(json.loads(_rows()[0].state))), value=_VALUES)
def test_any_value_in_any_field_is_reported(position: int, name: str, value: Json) -> None:
    """Whatever stands in an envelope, the check comes to its end and says that something is wrong."""
    rows = _rows()
    envelope = json.loads(rows[position].state)
    unchanged = envelope[name] == value
    state = canonical({**envelope, name: value})
    rows[position] = replace(rows[position], state=state, leaf=leaf_hash(state))
    verifier = Verifier()
    for row in rows:
        verifier.take(row, {})
    report = verifier.finish()
    assert report.checked == len(rows)
    assert unchanged or not report.ok
