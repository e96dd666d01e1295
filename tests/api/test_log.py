"""The log over HTTP: what a stranger downloads is enough to check it, and no more than they may see."""

import base64
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from interposed import Interposed
from naive_tree import NaiveTree
from provenstore.adapters.embedded.running import SUPERUSER
from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.keys.signing_key import Ed25519Verifier, draw_signing_key
from provenstore.adapters.publishing.objects import Publisher
from provenstore.api.acts import log
from provenstore.api.background.checkpoints import LogWork, Signing
from provenstore.api.background.publishing import publish_newest
from provenstore.api.http.app import create_app
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.errors import IntegrityViolated, LogRewound, Misconfigured, Refused, StorageFull, Unavailable
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.storage.objects import ObjectNotFound
from provenstore.domain.system.log_events import LOG, LogAlarmCleared, LogKeysChanged
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.tenants.workspace_events import AuditRead
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import HASH_BYTES, verify_consistency
from provenstore.domain.transparency.note import parse_note
from provenstore.domain.transparency.signing import TreeHead
from provenstore.domain.transparency.tile import bundles_between, parse_entries, tiles_between
from provenstore.projections.engine.worker import win
from provenstore.projections.tree.integrator import Integrator, catch_up
from raw_log import tamper
from read_models import until
from tests.api.conftest import ROOT, Api, MovableClock, Tenant, serving

FOR_EVER = "max-age=31536000, immutable"


def checkpoint_of(client: httpx.Client) -> Checkpoint:
    """Return the newest checkpoint, believed by the keys of the log."""
    keys = client.get("/log/keys")
    answer = client.get("/log/checkpoint")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return open_checkpoint(answer.content, [Ed25519Verifier.parse(line) for line in keys.text.splitlines()])


def test_a_stranger_rebuilds_the_tree(api: Api, tenant: Tenant) -> None:
    """From the entries alone: the root of the checkpoint, and every tile byte for byte."""
    tenant.stored(tenant.client("service"))
    auditor = api.client("auditor")
    log.bring_up(api.services)
    found = checkpoint_of(auditor)
    assert found.size == api.services.ledger.log.position()
    entries: list[bytes] = []
    for bundle in bundles_between(0, found.size):
        answer = auditor.get(f"/log/{bundle.path}")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        entries += parse_entries(answer.content, bundle.width)
    rows = api.services.ledger.log.rows(0, found.size)
    assert entries == [row.state for row in rows]
    tree = NaiveTree(entries)
    assert tree.root(found.size) == found.root
    for tile in tiles_between(0, found.size):
        answer = auditor.get(f"/log/{tile.path}")
        hashes = [answer.content[at : at + HASH_BYTES] for at in range(0, len(answer.content), HASH_BYTES)]
        first = tile.number * 256
        subtrees = [(8 * tile.level, number) for number in range(first, first + tile.width)]
        assert hashes == tree.read(subtrees)  # type: ignore[arg-type]  # as pairs


def test_consistency_between_any_sizes(api: Api, tenant: Tenant) -> None:
    """The proof leads from each older root to the newest; by default to the newest checkpoint."""
    del tenant
    log.bring_up(api.services)
    auditor = api.client("auditor")
    newest = checkpoint_of(auditor)
    for old in (0, 1, newest.size // 2, newest.size - 1, newest.size):
        answer = auditor.get("/log/proof/consistency", params={"from": old, "to": newest.size})
        assert answer.json() == auditor.get("/log/proof/consistency", params={"from": old}).json()
        proof = [base64.b64decode(one) for one in answer.json()["proof"]]
        verify_consistency(old, api.services.proofs.root(old), newest.size, newest.root, proof)


@pytest.mark.parametrize("asked", ["from=2&to=1", "from=-1", "from=0&to=99999999999", "to=1", "from=x", "from=1&x=2"])
def test_sizes_that_there_are_not(api: Api, tenant: Tenant, asked: str) -> None:
    """Refused with the field's name."""
    del tenant
    log.bring_up(api.services)
    answer = api.client("auditor").get(f"/log/proof/consistency?{asked}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")
    assert answer.json()["field"] in {"from", "to", "x"}


@pytest.mark.parametrize(
    "place",
    [
        "0/0",
        "0/0000",
        "0/x000/001",
        "00/000",
        "-1/000",
        "64/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p",
        "0/000/",
        "0/999",
        "1/000",
        "entries/000.p/256",
        "entries/0",
        "entries/x9223372036854775807",
        "entries/",
        "entries",
        "",
        "0/..%2f000",
        "0/000.p/1/..",
    ],
)
def test_paths_have_one_spelling(api: Api, place: str) -> None:
    """Any other, and what the newest checkpoint does not have, is not there."""
    log.bring_up(api.services)
    answer = api.client("auditor").get(f"/log/tile/{place}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_nothing_is_shown_before_it_is_signed(api: Api, tenant: Tenant) -> None:
    """Neither hashes nor entries nor proofs, though the tree has them: nobody could hold us to them."""
    auditor = api.client("auditor")
    log.bring_up(api.services)
    signed = checkpoint_of(auditor).size
    tenant.new(tenant.client("service"))
    with api.services.connect() as connection:
        connection.autocommit = True
        size = catch_up(connection)
    assert size > signed
    place = f"{size // 256:03}.p/{size % 256}"
    paths = (f"/log/tile/0/{place}", f"/log/tile/entries/{place}", f"/log/proof/consistency?from=1&to={size}")
    assert [auditor.get(path).status_code for path in paths] == [404, 404, 422]
    log.bring_up(api.services)
    assert [auditor.get(path).status_code for path in paths] == [200, 200, 200]


def test_who_sees_what(api: Api, tenant: Tenant) -> None:
    """Hashes for everybody who reads anything; entries for auditors of the whole ledger; standing for operators."""
    log.bring_up(api.services)
    hashes = ("/log/checkpoint", "/log/keys", "/log/tile/0/000.p/1", "/log/proof/consistency?from=1")
    for client in (tenant.client("service"), tenant.client("auditor"), api.client("operator")):
        assert {client.get(path).status_code for path in hashes} == {200}
        assert client.get("/log/tile/entries/000.p/1").status_code == 403
        # Whatever the spelling of the path: entries are not reached by the route of tiles.
        assert client.get("/log/tile/entries%2F000.p%2F1").status_code in {403, 404}
    assert api.client("auditor").get("/log/tile/entries/000.p/1").status_code == 200
    assert {api.anonymous().get(path).status_code for path in (*hashes, "/log/tile/entries/000.p/1")} == {401}
    assert api.client("operator").get("/v1/log").json()["keys"] == [*api.services.log_keys.verifiers()]
    for client in (tenant.client("admin"), api.client("auditor")):
        assert client.get("/v1/log").status_code == 403


def test_that_entries_are_read_is_recorded(api: Api) -> None:
    """Once an hour for each who reads, so that a mirror does not follow its own traces."""
    log.bring_up(api.services)
    name = f"mirror-{uuid4()}"
    mirror, officer = api.client("auditor", actor=name, kind="service"), api.client("auditor")

    def reads_left(hours: int) -> int:
        api.clock.ahead = timedelta(hours=hours)
        for _ in range(3):
            assert mirror.get("/log/tile/entries/000.p/1").status_code == 200
        asked = {"actor": name, "type": "audit.read.v1", "fresh": "true"}
        return len(officer.get("/v1/audit", params=asked).json()["entries"])

    assert [reads_left(hours) for hours in (0, 1, 2)] == [1, 2, 3]
    api.clock.ahead = timedelta()


def test_a_public_log(api: Api, tenant: Tenant) -> None:
    """Hashes need no key and may lie in caches that others read; entries stay as they were."""
    log.bring_up(api.services)
    services = replace(api.services, settings=api.services.settings.model_copy(update={"log_public": True}))
    with serving_with(services) as public:
        stranger = public.anonymous()
        size = checkpoint_of(stranger).size
        assert stranger.get("/log/tile/0/000.p/1").headers["Cache-Control"] == "public, max-age=60"
        assert stranger.get("/log/proof/consistency?from=1").status_code == 200
        assert stranger.get("/log/tile/entries/000.p/1").status_code == 401
        recorder, some = services.ledger.recorder, Fact(AuditRead(what="search", file=None))
        if size < 256:
            recorder.append(ROOT, recorder.drafts(ROOT, "audit:root", SYSTEM_WORKSPACE, [some] * 256))
        log.bring_up(services)
        assert stranger.get("/log/tile/0/000").headers["Cache-Control"] == f"public, {FOR_EVER}"
        for auditor, path in ((public.client("auditor"), "entries/000"), (api.client("auditor"), "0/000")):
            assert auditor.get(f"/log/tile/{path}").headers["Cache-Control"] == f"private, {FOR_EVER}"


@contextmanager
def serving_with(services: Services) -> Iterator[Api]:
    clock = MovableClock()
    with serving(create_app(services.settings, lambda: nullcontext(services)), clock) as api:
        yield api
        for client in api.clients:
            client.close()


# -- a log of a test's own -----------------------------------------------------------------------------------


def fresh(tmp_path: Path, **settings: Any) -> Any:
    """Return a ledger of this test's own, with its background work."""
    return open_services(load_settings(data_dir=tmp_path / "data", checkpoint_interval=0.05, **settings))


def superuser(services: Services) -> psycopg.Connection[Any]:
    with services.connect() as connection:
        host = connection.info.host
    return psycopg.connect(host=host, user=SUPERUSER, dbname="provenstore", autocommit=True)


def event_types(services: Services) -> list[type]:
    return [type(event.data) for event in services.ledger.log.events([LOG])]


def test_what_is_appended_is_soon_under_a_checkpoint(tmp_path: Path) -> None:
    """By itself; the keys are on record before they sign; a healthy log says so."""
    with fresh(tmp_path, log_origin="ledger.example.com/acme") as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        position = services.ledger.log.position()
        until(lambda: (newest := services.proofs.newest()) is not None and newest.size >= position)
        newest = services.proofs.newest()
        key = Ed25519Verifier.parse(services.log_keys.verifiers()[0])
        assert open_checkpoint(newest.note, [key]).origin == "ledger.example.com/acme" == key.name
        (event,) = services.ledger.log.events([LOG])
        assert event.data.model_copy(update={"was": None}) == LogKeysChanged(origin=key.name, keys=(str(key),))
        services.checks["log"]()
        clock_stays = log.bring_up(services)
        assert clock_stays is None or clock_stays.size >= newest.size
    for name, wrong in (("log_origin", "other.example"), ("signing_key", draw_signing_key("other.example").reveal())):
        with pytest.raises(Misconfigured, match=f"PROVENSTORE_{name.upper()}"), fresh(tmp_path, **{name: wrong}):
            pass
    with fresh(tmp_path) as services:
        until(lambda: services.proofs.newest().size >= position)
        assert event_types(services) == [LogKeysChanged]


@pytest.mark.parametrize("origin", ["https://a.example", "a b", "A.example", "a.example/", "", "+", "a//b"])
def test_origins_that_are_none(tmp_path: Path, origin: str) -> None:
    """A scheme-less URL prefix, in one spelling."""
    with pytest.raises(Misconfigured, match="PROVENSTORE_LOG_ORIGIN"):
        LogKeys(tmp_path, origin=origin)


def test_one_key_follows_another(tmp_path: Path) -> None:
    """Both sign for a while, then the new one alone; the log says when, and by whom."""
    with fresh(tmp_path) as services:
        until(lambda: services.proofs.newest() is not None)
        old = services.log_keys.verifiers()
        with pytest.raises(Refused, match="no new key"):
            log.rotate(services, ROOT, retire=True)
        both = log.rotate(services, ROOT, retire=False)
        assert (both[:1], len(set(both))) == (old, 2)
        until(lambda: signed_by(services) == ids(both))
        with pytest.raises(Refused, match="signs already"):
            log.rotate(services, ROOT, retire=False)
        assert log.rotate(services, ROOT, retire=True) == both[1:]
        until(lambda: signed_by(services) == ids(both[1:]))
        events = services.ledger.log.events([LOG])
        expected = [LogKeysChanged(origin=services.log_keys.origin, keys=keys) for keys in (old, both, both[1:])]
        assert [event.data.model_copy(update={"was": None}) for event in events] == expected
        assert [event.actor.id for event in events] == ["provenstore", "root", "root"]
        with pytest.raises(Misconfigured, match=r"other\.example"):
            services.log_keeping.record_keys(ROOT, "other.example", both)
    with fresh(tmp_path) as services:
        assert services.log_keys.verifiers() == both[1:]


def ids(verifiers: Sequence[str]) -> set[bytes]:
    return {Ed25519Verifier.parse(one).key_id for one in verifiers}


def signed_by(services: Services) -> set[bytes]:
    """Return which keys have signed the newest checkpoint, said by the note alone."""
    newest = services.proofs.newest()
    assert newest is not None
    return {one.key_id for one in parse_note(newest.note).signatures}


def test_keys_from_the_settings(tmp_path: Path) -> None:
    """One or several; nothing is written, and rotation is done where the setting is."""
    one, two = (draw_signing_key("ledger.example.com") for _ in range(2))
    with fresh(tmp_path, signing_key=f"{one.reveal()} {two.reveal()}") as services:
        assert [line.split("+")[0] for line in services.log_keys.verifiers()] == ["ledger.example.com"] * 2
        assert not list((tmp_path / "data" / "keys").glob("log*.key"))
        for retire in (True, False):
            with pytest.raises(Refused, match="PROVENSTORE_SIGNING_KEY"):
                log.rotate(services, ROOT, retire=retire)
        assert one.reveal() not in repr(services.settings) + repr(services.log_keys.signers())
    with pytest.raises(Misconfigured, match="signing key"), fresh(tmp_path, signing_key="nonsense"):
        pass


def test_what_stands_in_the_way_shows_and_goes(tmp_path: Path) -> None:
    """An alarm makes the server unready until it is cleared, with a reason; then it signs on without a restart."""
    with fresh(tmp_path) as services, fresh(tmp_path) as other:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        until(lambda: services.proofs.newest() is not None)
        last, signed = services.log_keys.last, services.log_keys.last.read()
        with last.held():
            last.write(replace(last.read(), head=TreeHead(10**6, bytes(32))))
        until(lambda: last.read().alarm is not None)
        for one in (services, other):
            with pytest.raises(LogRewound, match="1,000,000 were signed"):
                one.checks["log"]()
        with pytest.raises(LogRewound):
            log.clear_alarm(services, ROOT, "because I say so")
        assert LogAlarmCleared not in event_types(services)
        with last.held():
            last.write(replace(last.read(), head=signed.head))
        log.clear_alarm(services, ROOT, "the right database is back")
        position = services.ledger.log.position()
        until(lambda: services.proofs.newest().size >= position)
        until(lambda: healthy(services))
        assert event_types(services)[-1] is LogAlarmCleared
        with pytest.raises(Refused, match="no alarm"):
            log.clear_alarm(services, ROOT, "again")


def test_a_key_without_its_memory_signs_nothing(tmp_path: Path) -> None:
    """Until an operator has said why; then it remembers at once what is on record, though there is nothing to sign."""
    with fresh(tmp_path) as services:
        until(lambda: services.proofs.newest() is not None)
        last, name = services.log_keys.last, services.log_keys.origin
    (tmp_path / "data" / "keys" / "log-signed.json").unlink()
    with fresh(tmp_path) as services:
        assert "is missing beside log.key" in unready(services)
        assert services.log_keys.origin == name
        log.clear_alarm(services, ROOT, "compared with the auditor's checkpoint")
        until(lambda: healthy(services))
        position = services.ledger.log.position()
        until(lambda: services.proofs.newest().size >= position)
        assert last.read().head.size >= position


def test_a_key_that_is_lost_is_not_replaced(tmp_path: Path) -> None:
    """By one that nobody was given, whoever asks first; the right one signs on without a restart."""
    with fresh(tmp_path) as services:
        until(lambda: (newest := services.proofs.newest()) and newest.size == services.ledger.log.position())
        key, kept = tmp_path / "data" / "keys" / "log.key", tmp_path / "log.key"
        known, before = services.log_keys.verifiers(), services.proofs.newest().size
        key.rename(kept)
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        assert "log.key is missing" in refusal(services.log_keys.verifiers)
        until(lambda: "log.key is missing" in refusal(services.checks["log"]))
        assert (key.exists(), services.proofs.newest().size) == (False, before)
        kept.rename(key)
        position = services.ledger.log.position()
        until(lambda: services.proofs.newest().size >= position)
        until(lambda: healthy(services))
        assert event_types(services) == [LogKeysChanged]
        assert services.log_keys.verifiers() == known


def refusal(ask: Callable[[], object]) -> str:
    """Return what is said against it, or nothing."""
    try:
        ask()
    except Misconfigured as found:
        return found.message
    return ""


def test_keys_are_whole_while_one_follows_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads them while the old one is retired gets keys that there are, and makes none."""
    keys = LogKeys(tmp_path)
    old = keys.verifiers()
    keys.rotate(lambda _: None)
    both, read = keys.verifiers(), os.open

    def retired_meanwhile(path: Any, *args: Any, **more: Any) -> int:
        if Path(path).name in {"log.key", "log-next.key"}:
            monkeypatch.undo()
            descriptor = read(path, *args, **more)
            LogKeys(tmp_path).retire(lambda _: None)
            return descriptor
        return read(path, *args, **more)

    monkeypatch.setattr("os.open", retired_meanwhile)
    assert keys.verifiers() == both[1:]
    assert keys.verifiers() == both[1:]
    assert (keys.retired(), sorted(one.name for one in tmp_path.glob("*.key"))) == (old, ["log.key"])


def test_a_disk_without_room_beside_the_key_shows_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is signed that could not be remembered; once there is room, it is, without a restart."""
    with fresh(tmp_path) as services:
        until(lambda: services.proofs.newest() is not None)
        before = services.proofs.newest().size
        with monkeypatch.context() as full:
            full.setattr("os.fsync", no_room)
            services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
            until(lambda: "log-signed.json cannot be written: No space left" in unready(services))
            assert services.proofs.newest().size == before
        position = services.ledger.log.position()
        until(lambda: services.proofs.newest().size >= position)
        until(lambda: healthy(services))


def test_a_process_that_hangs_and_signs_nothing_shows(tmp_path: Path) -> None:
    """It keeps the lead for as long as its session lives; whoever waits for it says so."""
    settings = load_settings(data_dir=tmp_path / "data")
    with open_services(settings, sweep=False) as services, services.connect() as hung:
        hung.autocommit = True
        assert win(hung, "checkpoints")
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        signing = Signing(services.connect, services.log_keys, services.log_keeping, every=0.01, takeover=0.01)
        work = LogWork(Integrator(services.connect), signing, services.proofs, services.log_keys, patience=0.2)
        work.start()
        try:
            until(lambda: said(work) == "unavailable")
            hung.close()
            until(lambda: said(work) == "")
        finally:
            work.stop()


def said(work: LogWork) -> str:
    try:
        work.check()
    except Unavailable as exc:
        return exc.code
    return ""


def no_room(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def unready(services: Services) -> str:
    """Return what keeps the server from being ready, or nothing."""
    try:
        services.checks["log"]()
    except (IntegrityViolated, StorageFull) as exc:
        return exc.message
    return ""


def healthy(services: Services) -> bool:
    return not unready(services)


def test_a_host_that_waits_remembers_what_another_signs(tmp_path: Path) -> None:
    """Should it ever sign, then nothing that does not extend that: its own memory is beside its own copy of the key."""
    key = draw_signing_key("ledger.example.com").reveal()
    (tmp_path / "other").mkdir()
    keys = LogKeys(tmp_path / "other", given=SecretStr(key))
    with fresh(tmp_path, signing_key=key) as services:
        until(lambda: services.proofs.newest() is not None)
        waiting = Signing(services.connect, keys, services.log_keeping, every=0.01, takeover=0.01)
        waiting.start()
        try:
            until(lambda: keys.last.read().head.size == services.proofs.newest().size)
        finally:
            waiting.stop()


def test_an_event_that_was_altered_before_it_was_hashed_shows(tmp_path: Path) -> None:
    """The server is unready and says at which position."""
    with fresh(tmp_path) as services, superuser(services) as operator:
        until(lambda: services.proofs.newest() is not None)
        deed = "update provenstore.event set state = state || ' ' where position = 1"
        tamper(operator, "update provenstore.tree set size = 0", "delete from provenstore.tile", deed)
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        # Whoever signs reads the same event, and may be the first to say that something is wrong.
        until(lambda: "before position 1: " in unready(services))


def test_each_checkpoint_is_published(tmp_path: Path) -> None:
    """Under the prefix of the settings, by itself; a server without one publishes nothing."""
    with fresh(tmp_path) as services:
        until(lambda: services.proofs.newest() is not None)
        assert services.ledger.store.list("public/").objects == ()
    with fresh(tmp_path, log_prefix="public/log") as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        position = services.ledger.log.position()
        until(lambda: published_size(services) >= position)
    with pytest.raises(Misconfigured, match="PROVENSTORE_LOG_PREFIX"), fresh(tmp_path, log_prefix="/x"):
        pass


def test_two_publishers_are_no_alarm(tmp_path: Path) -> None:
    """One looks for the newest checkpoint, then the other publishes one that is newer still."""
    with fresh(tmp_path) as services:
        store = Interposed(services.ledger.store)
        publisher = Publisher(store, "public/log", services.proofs)
        until(lambda: services.proofs.newest() is not None)

        def overtake() -> None:
            services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
            position = services.ledger.log.position()
            until(lambda: services.proofs.newest().size >= position)
            log.publish(services, ROOT, "public/log", anew=False)

        store.interrupt("get", "before", overtake)
        newest, _ = publish_newest(publisher, services.proofs)
        assert not store.armed
        assert newest.size == published_size(services)


def published_size(services: Services) -> int:
    try:
        with services.ledger.store.get("public/log/checkpoint") as reader:
            note = b"".join(reader)
    except ObjectNotFound:
        return 0
    return open_checkpoint(note, [Ed25519Verifier.parse(one) for one in services.log_keys.verifiers()]).size


def test_another_process_goes_on_signing(tmp_path: Path) -> None:
    """One of two signs; when its session is cut off, one of them does within seconds, and nothing is signed twice."""
    with fresh(tmp_path) as one, fresh(tmp_path) as other, superuser(one) as operator:
        for number in range(3):
            one.ledger.create_workspace(ROOT, CreateWorkspace(id=f"acme-{number}"))
            position = one.ledger.log.position()
            until(lambda: (newest := other.proofs.newest()) is not None and newest.size >= position)  # noqa: B023
            operator.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        sizes = [found.size for found in one.proofs.checkpoints()]
        assert sizes == sorted(set(sizes))
        assert all(one.proofs.root(found.size) == found.root for found in one.proofs.checkpoints())
        until(lambda: healthy(one) and healthy(other))
