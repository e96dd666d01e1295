"""Refusals stay at home: in the caller's own workspace, alike for what is foreign and what is nowhere, and bounded."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from custody import ADMIN, AUDITOR, CONTENT, SERVICE, Custody, caller
from provenstore.domain.custody import recorder
from provenstore.domain.errors import (
    ContentTooLarge,
    Forbidden,
    Gone,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    Refused,
    Unauthenticated,
)
from provenstore.domain.eventlog.caller import Caller, LinkUse
from provenstore.domain.eventlog.deduplication import MAX_NOTED
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.eventlog.refusals import MAX_ADDRESSES, MAX_VARIETY, Asked, CredentialRefused, RequestRefused
from provenstore.domain.files import file_events as fe
from provenstore.domain.ledger import Ledger
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.workspace_events import Limits
from provenstore.domain.uploads.initiation import NewFile

FOREIGN = caller("svc-books", "service", "auditor", "admin", kind="service", scope="umbrella")
"""Of the same bare id as the service of `acme`, with every role, in another workspace."""


def _refused(custody: Custody, home: str = "acme") -> list[Event]:
    return list(custody.log.events([f"refusals:{home}"]))


def _said(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event.to_json()["data"].items() if value not in (None, False)}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"size": 11}, QuotaExceeded, {"code": "quota-exceeded", "size": 11}),
        ({"size": 9}, ContentTooLarge, {"code": "content-too-large", "size": 9}),
        ({"filename": "x.exe", "media_type": "application/x-msdownload"}, InvalidInput, {"code": "invalid-input"}),
        ({"category": "no_such"}, InvalidInput, {"code": "invalid-input", "category": "no_such"}),
        ({"upload": "presigned", "size": 7}, InvalidInput, {"code": "invalid-input", "size": 7}),
        ({"category": "No Such Thing"}, InvalidInput, {"code": "invalid-input", "category": None}),
    ],
)
def test_an_upload_that_may_not_begin_is_on_record(
    custody: Custody, changes: dict[str, Any], error: type[Refused], said: dict[str, Any]
) -> None:
    """refusals-at-home: by whom, from where, of which category and size; quota, type, size and category alike."""
    custody.ledger.change_workspace(ADMIN, "acme", ws.SetQuota(max_bytes=10, max_files=None))
    if changes.get("size") == 9:
        custody.ledger.change_workspace(ADMIN, "acme", ws.SetLimits(category="book_content", limits=Limits(max_size=8)))
    with pytest.raises(error):
        custody.initiated(**changes)
    (event,) = _refused(custody)
    assert (event.workspace, event.outcome, event.actor) == ("acme", "denied", SERVICE.actor)
    assert "address" in event.private
    found = _said(event)
    assert found["operation"] == "file.initiate"
    assert {**found, **said} == {**said, **found}
    assert found.get("category") == said.get("category", "book_content")


def test_what_is_answered_as_before_is_no_refusal(custody: Custody) -> None:
    """A repeated request under a known idempotency key is answered, whatever the quota says now."""
    named = IdempotencyKey(SERVICE.principal, "k", b"r" * 32)
    new: dict[str, Any] = {
        "workspace": "acme",
        "filename": "a.pdf",
        "media_type": "application/pdf",
        "category": "book_content",
    }
    first = custody.ledger.initiate(SERVICE, NewFile(**new, size=9), named)
    custody.ledger.change_workspace(ADMIN, "acme", ws.SetQuota(max_bytes=9, max_files=1))
    assert custody.ledger.initiate(SERVICE, NewFile(**new, size=9), named).id == first.id
    assert _refused(custody) == []


_PROBES: list[Callable[[Ledger, Caller, UUID], Any]] = [
    lambda ledger, by, file: ledger.lifecycle(by, file),
    lambda ledger, by, file: ledger.history(by, file),
    lambda ledger, by, file: ledger.soft_delete(by, file, "mine now"),
    lambda ledger, by, file: ledger.upload_content(by, file, [CONTENT]),
    lambda ledger, by, file: ledger.change_file(by, file, access="workspace"),
    lambda ledger, by, file: ledger.place_hold(by, file, name="n", reason="r"),
    lambda ledger, by, file: ledger.certificate(by, file),
    lambda ledger, by, file: ledger.proving.newest(by, file),
    lambda ledger, by, file: ledger.proving.open_history(by, file),
    lambda ledger, by, file: list(ledger.accesses(by, file)),
    lambda ledger, by, file: ledger.content(by, file).__enter__(),
]


@pytest.mark.parametrize("probe", _PROBES)
def test_a_foreign_file_is_as_one_that_is_nowhere(
    custody: Custody, probe: Callable[[Ledger, Caller, UUID], Any]
) -> None:
    """foreign-as-nowhere: the same answer, and the same events in the same place; the victim's chain does not move."""
    custody.ledger.create_workspace(ADMIN, ws.CreateWorkspace(id="umbrella"))
    file = custody.stored()
    trace: list[tuple[object, ...]] = []
    for asked in (file.id, uuid4()):
        before = custody.log.position()
        with pytest.raises(NotFound) as refusal:
            probe(custody.ledger, FOREIGN, asked)
        left = custody.log.read(before, 10)
        assert [_said(event).pop("file") for event in left] == [str(asked)]
        data = [{**event.to_json()["data"], "file": None} for event in left]
        where = [(event.stream, event.workspace, event.outcome, sorted(event.private)) for event in left]
        trace.append((refusal.value.message, dict(refusal.value.details), data, where))
    assert trace[0] == trace[1]
    assert trace[0][3] == [("refusals:umbrella", "umbrella", "denied", ["address"])]
    assert all(event.workspace == "acme" for event in custody.events(file.id))
    assert "access_denied" not in custody.types(file.id)


def test_a_foreign_event_or_workspace_is_as_one_that_is_nowhere(custody: Custody) -> None:
    """Also by the id of an event: what it belongs to is not said, in the answer nor in the record."""
    custody.ledger.create_workspace(ADMIN, ws.CreateWorkspace(id="umbrella"))
    file = custody.stored()
    for event_id in (custody.events(file.id)[0].id, custody.log.read(0, 1)[0].id, uuid4()):
        with pytest.raises(NotFound, match="there is no such event"):
            custody.ledger.proving.event(FOREIGN, event_id)
        assert _said(_refused(custody, "umbrella")[-1]) == {
            "operation": "audit.search", "code": "not-found", "count": 1, "target": str(event_id),
        }  # fmt: skip
    for name in ("acme", "nowhere"):
        with pytest.raises(NotFound, match="there is no such workspace"):
            custody.ledger.describe_workspace(FOREIGN, name)
        assert _said(_refused(custody, "umbrella")[-1])["target"] == name


def test_what_no_role_allows_is_on_record_at_home(custody: Custody) -> None:
    """A tenant's caller in its workspace, one of the whole ledger in the ledger's own."""
    with pytest.raises(Forbidden):
        custody.ledger.create_workspace(SERVICE, ws.CreateWorkspace(id="mine"))
    with pytest.raises(Forbidden):
        custody.ledger.searchable(SERVICE, "acme")
    with pytest.raises(Forbidden):
        custody.ledger.issue_key(SERVICE, actor="x", kind="person", roles=("admin",), scope="acme")
    with pytest.raises(Forbidden):
        custody.ledger.create_workspace(replace(AUDITOR, scope=None), ws.CreateWorkspace(id="mine"))
    assert [_said(one)["operation"] for one in _refused(custody)] == [
        "workspace.create", "audit.search", "credential.issue",
    ]  # fmt: skip
    assert [(one.actor.id, one.workspace) for one in _refused(custody, "system")] == [("carol", "system")]


def _merged(custody: Custody) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the public data and the private values of the events that count different refusals together."""
    merged = [one for one in custody.log.events(["refusals:acme"]) if getattr(one.data, "merged", False)]
    held = custody.log.disclosures([one.id for one in merged])
    return [
        (one.to_json()["data"], {name: json.loads(of.value or b"") for name, of in held.get(one.id, {}).items()})
        for one in merged
    ]


def test_what_stands_for_many_refusals_says_from_where_each_came(custody: Custody) -> None:
    """refusals-say-from-where: of the first one no address is said of the others, and none is lost."""
    refusals = custody.ledger.recorder.refusals
    for number in range(MAX_VARIETY + 6):
        address = "198.51.100.7" if number % 2 else "198.51.100.8"
        elsewhere = replace(SERVICE, address=address, user_agent="curl/8") if number > MAX_VARIETY else SERVICE
        refusals.request(elsewhere, "file.get", "not-found", Asked(file=str(number)))
    refusals.flush()
    (first, where), (further, others) = _merged(custody)
    assert (first["count"], first["from_addresses"], where) == (1, 1, {"addresses": [SERVICE.address]})
    assert (further["count"], further["from_addresses"], further["from_agents"]) == (5, 2, 1)
    assert others == {"addresses": ["198.51.100.7", "198.51.100.8"]}
    refusals.flush()
    assert len(_merged(custody)) == 2


def test_a_flood_from_everywhere_is_counted_within_bounds(custody: Custody) -> None:
    """refusals-bounded: addresses are named up to a number, and counted up to another."""
    refusals = custody.ledger.recorder.refusals
    for number in range(MAX_VARIETY + 1 + MAX_NOTED + 50):
        elsewhere = replace(SERVICE, address=f"2001:db8::{number:x}")
        refusals.request(elsewhere, "file.get", "not-found", Asked(file=str(number)))
    refusals.flush()
    further, where = _merged(custody)[-1]
    assert (further["count"], further["from_addresses"]) == (MAX_NOTED + 50, MAX_NOTED)
    assert len(where["addresses"]) == MAX_ADDRESSES


def test_addresses_of_merged_refusals_are_erased_with_the_person(custody: Custody) -> None:
    """By the actor whose they are, and by the address itself."""
    refusals = custody.ledger.recorder.refusals
    for number in range(MAX_VARIETY + 3):
        elsewhere = replace(SERVICE, address="198.51.100.7") if number >= MAX_VARIETY else SERVICE
        refusals.request(elsewhere, "file.get", "not-found", Asked(file=str(number)))
    refusals.flush()
    for wanted in (Wanted(subject="198.51.100.7"), Wanted(actor=SERVICE.actor.id, fields=("addresses",))):
        found = custody.ledger.preview_erasure(ADMIN, wanted).found
        assert [(one.field, one.values) for one in found] == [("addresses", 2)]


def test_refusals_are_merged_and_bounded(custody: Custody) -> None:
    """refusals-bounded: a caller that probes all day leaves a few events a minute, which count every attempt."""
    custody.ledger.create_workspace(ADMIN, ws.CreateWorkspace(id="umbrella"))
    wanted = uuid4()
    for file in [wanted] * 50 + [uuid4() for _ in range(100)]:
        with pytest.raises(NotFound):
            custody.ledger.soft_delete(FOREIGN, file)
    assert len(_refused(custody, "umbrella")) == MAX_VARIETY + 1
    custody.ledger.flush(everything=True)
    found = [event.data for event in _refused(custody, "umbrella")]
    assert all(isinstance(one, RequestRefused) for one in found)
    counts = [one.count for one in found if isinstance(one, RequestRefused)]
    assert (sum(counts), len(counts)) == (150, MAX_VARIETY + 3)
    assert [one.count for one in found if isinstance(one, RequestRefused) and one.file == str(wanted)] == [1, 49]
    assert sum(one.count for one in found if isinstance(one, RequestRefused) and one.merged) == 101 - MAX_VARIETY


@pytest.mark.parametrize("scope", ["acme", None])
def test_refusals_on_files_are_bounded_too(custody: Custody, scope: str | None) -> None:
    """refusals-bounded: the first ones stand beside the file, and all further ones are counted in its workspace."""
    file, by = custody.stored(), replace(AUDITOR, scope=scope)

    def attempts(count: int) -> int:
        for number in range(count):
            with pytest.raises(Forbidden):
                custody.ledger.soft_delete(replace(by, address=f"2001:db8::{number:x}"), file.id)
        return custody.types(file.id).count("access_denied")

    assert attempts(MAX_VARIETY + 6) == MAX_VARIETY
    custody.ledger.flush(everything=True)
    (first, _), (further, where) = _merged(custody)
    assert (first["operation"], first["code"], first["file"]) == ("file.soft_delete", "forbidden", None)
    assert (first["count"], further["count"], further["from_addresses"], len(where["addresses"])) == (1, 5, 5, 5)
    custody.clock.pass_time(minutes=1)
    assert attempts(1) == MAX_VARIETY + 1


def test_which_files_were_tried_is_told_of_many(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """refusals-bounded: a caller that tries file after file leaves an event beside each, up to a far higher bound."""
    files = [custody.stored() for _ in range(MAX_VARIETY + 3)]
    monkeypatch.setattr(recorder, "MAX_FILES", len(files) - 1)
    for file in files:
        with pytest.raises(Forbidden):
            custody.ledger.soft_delete(AUDITOR, file.id)
    denied = [custody.types(file.id).count("access_denied") for file in files]
    assert denied == [1] * (len(files) - 1) + [0]


def test_refused_uses_of_a_link_are_counted_as_its_own(custody: Custody) -> None:
    """refusals-bounded: strangers who try a link do not take its issuer's refusals out of the file's history."""
    file, gone = custody.stored(), Gone("the link was revoked", rule="link-revoked")
    for number in range(MAX_VARIETY + 4):
        stranger = replace(SERVICE, link=LinkUse("link-1", 1), address=f"2001:db8::{number:x}")
        custody.ledger.recorder.deny(stranger, file, "file.content", gone)
    custody.ledger.recorder.deny(SERVICE, file, "file.content", gone)
    denied = [one.data for one in custody.events(file.id) if isinstance(one.data, fe.AccessDenied)]
    assert [one.link for one in denied] == ["link-1"] * MAX_VARIETY + [None]
    custody.ledger.flush(everything=True)
    assert [(said["link"], said["count"]) for said, _ in _merged(custody)] == [("link-1", 1), ("link-1", 3)]


def _issued(custody: Custody, **about: Any) -> tuple[str, str]:
    issued = custody.ledger.issue_key(ADMIN, actor="svc-x", kind="service", roles=("service",), scope="acme", **about)
    return issued.id, issued.key


def _from(address: str) -> Callable[[Caller], Caller]:
    return lambda found: replace(found, address=address)


def test_a_key_after_its_end_is_an_event_of_its_credential(custody: Custody) -> None:
    """dead-key-on-record: revoked or expired, once a minute and address, with a count; the answer says neither."""
    revoked, expired = _issued(custody), _issued(custody, expires_at=custody.clock.now() + timedelta(hours=1))
    custody.ledger.revoke_key(ADMIN, UUID(revoked[0]), "leaked")
    custody.clock.pass_time(hours=2)
    for _ in range(3):
        for _, key in (revoked, expired):
            with pytest.raises(Unauthenticated, match="the key is unknown, expired or revoked"):
                custody.ledger.authenticate(key, _from("203.0.113.66"))
    custody.ledger.flush(everything=True)
    for (credential, _), code in ((revoked, "revoked"), (expired, "expired")):
        events = custody.log.events([f"credential:{credential}"])
        uses = [(event.data.code, event.data.count) for event in events if isinstance(event.data, CredentialRefused)]
        assert uses == [(code, 1), (code, 2)]
        last = events[-1]
        assert (last.workspace, last.actor.id, last.actor.credential, last.outcome) == (
            "acme", "svc-x", credential, "denied",
        )  # fmt: skip
        assert "address" in last.private


def test_whoever_does_not_know_the_secret_writes_nothing(custody: Custody) -> None:
    """Neither a key that is nowhere nor another secret of one that is: both are for the server's own log."""
    credential, key = _issued(custody)
    custody.ledger.revoke_key(ADMIN, UUID(credential), "leaked")
    before = custody.log.position()
    for wrong in (f"pvs_{uuid4().hex}_{key[-43:]}", key[:-43] + "A" * 43, "pvs_nonsense"):
        with pytest.raises(Unauthenticated):
            custody.ledger.authenticate(wrong, _from("203.0.113.66"))
    custody.ledger.flush(everything=True)
    assert custody.log.position() == before


def test_uses_of_a_dead_key_from_everywhere_are_bounded(custody: Custody) -> None:
    """Whoever has an old key cannot fill the log with addresses."""
    credential, key = _issued(custody)
    custody.ledger.revoke_key(ADMIN, UUID(credential), "leaked")
    for number in range(100):
        with pytest.raises(Unauthenticated):
            custody.ledger.authenticate(key, _from(f"198.51.100.{number}"))
    custody.ledger.flush(everything=True)
    events = custody.log.events([f"credential:{credential}"])
    counts = [event.data.count for event in events if isinstance(event.data, CredentialRefused)]
    assert (sum(counts), len(counts)) == (100, MAX_VARIETY + 2)
