"""What an older copy has left of a log goes on as another log: on record, with another key, after a crash as well."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interposed import Crash, Interposed, raising
from provenstore.adapters.log_keys import LogKeys
from provenstore.adapters.signing_key import Ed25519Verifier, draw_signing_key
from provenstore.api import log
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.verification import Asked, verify_database
from provenstore.api.wiring import open_services
from provenstore.domain.checkpoint import open_checkpoint
from provenstore.domain.errors import (
    Forbidden,
    InvalidInput,
    InvalidProof,
    LogRewound,
    Misconfigured,
    ProvenstoreError,
    Refused,
)
from provenstore.domain.log_events import LOG, LogBegunAnew, LogKeysChanged
from provenstore.domain.signing import Signed, TreeHead
from provenstore.domain.workspace import CreateWorkspace
from provenstore.projections.checkpoints import HeadsOnRecord
from raw_log import tamper
from read_models import until
from tests.api.conftest import ROOT
from tests.api.test_log import event_types, fresh, healthy, superuser, unready

REASON = "the newest database is lost, with the machine it was on"


def signed(services: Services, workspace: str) -> bytes:
    """Record something, and return the checkpoint over it."""
    services.ledger.create_workspace(ROOT, CreateWorkspace(id=workspace))
    position = services.ledger.log.position()
    until(lambda: (found := services.proofs.newest()) is not None and found.size >= position)
    newest = services.proofs.newest()
    assert newest is not None
    return bytes(newest.note)


def restored(tmp_path: Path, **settings: Any) -> tuple[bytes, bytes]:
    """Put an older copy in the place of a ledger, with its keys as they were last; return both newest checkpoints."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with fresh(tmp_path, **settings) as services:
        kept = signed(services, "kept")
    subprocess.run(["cp", "-a", data, copy], check=True)
    with fresh(tmp_path, **settings) as services:
        lost = signed(services, "lost")
    shutil.rmtree(copy / "keys")
    shutil.move(data / "keys", copy / "keys")
    shutil.rmtree(data)
    copy.rename(data)
    return kept, lost


def opened(services: Services, keys: tuple[str, ...], note: bytes) -> Any:
    return open_checkpoint(note, [Ed25519Verifier.parse(key) for key in keys])


def found_wrong(settings: Settings, asked: Asked) -> list[str]:
    return [finding.problem for finding in verify_database(settings, asked, lambda *_: None).findings]


def test_what_is_left_of_a_log_goes_on_as_another(tmp_path: Path) -> None:
    """The end is on record; the new name and key sign by themselves; old checkpoints are what they were."""
    kept, lost = restored(tmp_path, log_origin="ledger.example.com/acme")
    settings = load_settings(data_dir=tmp_path / "data")
    with fresh(tmp_path, log_origin="ledger.example.com/acme") as services:
        until(lambda: "were signed" in unready(services))
        (old,) = services.log_keys.verifiers()
        was = services.log_keys.last.read()
        with pytest.raises(Refused, match=r"is ledger\.example\.com/acme already"):
            log.begin_anew(services, ROOT, REASON)
    with fresh(tmp_path) as services, pytest.raises(Refused, match="set PROVENSTORE_LOG_ORIGIN"):
        log.begin_anew(services, ROOT, REASON)
    with fresh_commands(tmp_path, log_origin="ledger.example.com/acme-2") as services:
        found = log.begin_anew(services, ROOT, REASON)
        (new,) = services.log_keys.verifiers()
        events = services.ledger.log.events([LOG])
        shared = opened(services, (old,), kept)
        assert events[-1].data == LogBegunAnew(
            origin="ledger.example.com/acme-2",
            keys=(new,),
            ended_origin=shared.origin,
            ended_size=was.head.size,
            ended_root=was.head.root.hex(),
            shared_size=shared.size,
        )
        assert (found["shared"], found["keys"], new != old) == (shared.size, [new], True)
        newest = opened(services, (new,), services.proofs.newest().note)
        assert (newest.origin, newest.size) == (found["origin"], services.ledger.log.position())
        assert services.log_keys.retired() == (old,)
        with pytest.raises(InvalidProof):
            opened(services, (old,), services.proofs.newest().note)
        with pytest.raises(Refused):
            log.begin_anew(services, ROOT, REASON)
    with fresh(tmp_path) as services:
        signed(services, "later")
        until(lambda: healthy(services))
        assert event_types(services) == [LogKeysChanged, LogBegunAnew]
        assert sorted(one.name for one in (tmp_path / "data" / "keys").glob("log*.key")) == ["log.key"]
    # Whoever has the new key believes what the old one signed, as far as it is in this log.
    assert found_wrong(settings, Asked(checkpoints=(("kept", kept),))) == []
    assert found_wrong(settings, Asked(keys=(new,), checkpoints=(("kept", kept),))) == []
    (gone, why) = found_wrong(settings, Asked(checkpoints=(("lost.note", lost),)))
    assert "lost.note" in gone
    assert f"lost.note is of {shared.origin}, which has ended" in why
    assert any("no key that is believed" in one for one in found_wrong(settings, Asked(keys=(old,))))


def fresh_commands(tmp_path: Path, **settings: Any) -> Any:
    """Return a ledger of this test's own, as a command opens it: without background work."""
    return open_services(load_settings(data_dir=tmp_path / "data", **settings), sweep=False)


def lose(services: Services) -> Signed:
    """Let what was signed last be something that this database never had; return it."""
    last = services.log_keys.last
    with last.held():
        last.write(replace(last.read(), head=TreeHead(10**6, bytes(32))))
        return last.read()


STEPS = [
    ("keys", "draw", "before"),
    ("keys", "draw", "after"),
    ("recorder", "append", "before"),
    ("recorder", "append", "after"),
    ("last", "write", "before"),
    ("last", "write", "after"),
    ("keys", "take", "before"),
    ("keys", "take", "after"),
]


def test_a_crash_on_any_line_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One record and one new key each time; nothing is ever signed by the old name once the new one is on record."""
    with fresh_commands(tmp_path) as services:
        log.bring_up(services)
        keeping, folder = services.log_keeping, tmp_path / "data" / "keys"
        for number, (port, method, when) in enumerate(STEPS, start=1):
            keys = services.log_keys
            before, old = lose(services), keys.verifiers()
            ports: dict[str, Any] = {"keys": Interposed(keys), "last": Interposed(keys.last)}
            ports["recorder"] = Interposed(services.ledger.recorder)
            ports[port].interrupt(method, when, raising(Crash))
            with services.connect() as connection, pytest.raises(Crash), monkeypatch.context() as died:
                connection.autocommit = True
                died.setattr(keeping, "_recorder", ports["recorder"])
                keeping.begin_anew(ROOT, HeadsOnRecord(connection), ports["last"], ports["keys"], REASON)
            assert not ports[port].armed
            # Another process finds it so: it signs by the new name, or not at all.
            again = LogKeys(folder)
            begun = [event.data for event in services.ledger.log.events([LOG]) if isinstance(event.data, LogBegunAnew)]
            if again.origin == before.origin:
                with pytest.raises(Misconfigured if len(begun) == number else LogRewound):
                    log.bring_up(services)
                log.begin_anew(services, ROOT, REASON)
            begun = [event.data for event in services.ledger.log.events([LOG]) if isinstance(event.data, LogBegunAnew)]
            assert (len(begun), begun[-1].ended_origin) == (number, before.origin)
            log.bring_up(services)
            newest = services.proofs.newest()
            assert newest is not None
            assert opened(services, begun[-1].keys, newest.note).origin == begun[-1].origin == keys.origin
            assert (keys.verifiers(), keys.retired()[-1:]) == (begun[-1].keys, old)
            assert not (folder / "log-anew.key").exists()
        assert {LogBegunAnew, LogKeysChanged} == set(event_types(services))


def test_a_log_that_is_whole_does_not_end(tmp_path: Path) -> None:
    """Nor one that was altered, nor by who may not; and nothing is left of the attempt."""
    with fresh_commands(tmp_path) as services, superuser(services) as operator:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
        log.bring_up(services)
        before = services.ledger.log.position()

        def refused(error: type[ProvenstoreError], why: str, caller: Any = ROOT, reason: str = REASON) -> None:
            with pytest.raises(error, match=why):
                log.begin_anew(services, caller, reason)
            assert not list((tmp_path / "data" / "keys").glob("log-anew*"))
            assert services.ledger.log.position() == before

        refused(Refused, "has not ended")
        refused(InvalidInput, "reason", reason=" ")
        lose(services)
        tamper(operator, "update provenstore.checkpoint set root = sha256('x')")
        refused(LogRewound, "is not the one that was signed")
        refused(Forbidden, r"log\.change", replace(ROOT, roles=frozenset({"auditor"})))


def test_a_copy_without_its_keys_goes_on_as_another(tmp_path: Path) -> None:
    """On a new host nobody knows what was signed; the name that it drew is the new one, and its key."""
    with fresh(tmp_path) as services:
        note = signed(services, "kept")
        old = services.log_keys.verifiers()
    shutil.rmtree(tmp_path / "data" / "keys")
    with fresh(tmp_path) as services:
        until(lambda: "begin-anew" in misconfigured(services))
        fresh_keys = services.log_keys.verifiers()
        found = log.begin_anew(services, ROOT, REASON)
        assert found["keys"] == [*fresh_keys]
        until(lambda: misconfigured(services) == "")
        ended, shared = services.ledger.log.events([LOG])[-1].data, opened(services, old, note)
        assert (ended.ended_origin, ended.ended_size, ended.shared_size) == (shared.origin, shared.size, shared.size)
    assert found_wrong(load_settings(data_dir=tmp_path / "data"), Asked(checkpoints=(("kept", note),))) == []


def misconfigured(services: Services) -> str:
    try:
        services.checks["log"]()
    except Misconfigured as exc:
        return exc.message
    return ""


def test_keys_from_the_settings_begin_a_log_on_every_host(tmp_path: Path) -> None:
    """The new key is put there first; nothing else is signed meanwhile; each host takes up what the log says."""
    one, two = (draw_signing_key(f"ledger.example.com/{name}").reveal() for name in ("one", "two"))
    hosts = [tmp_path / "data" / "keys", tmp_path / "other"]
    hosts[1].mkdir()
    with fresh_commands(tmp_path, signing_key=one) as services:
        log.bring_up(services)
        lose(services)
        with pytest.raises(Refused, match=r"ledger\.example\.com/one already"):
            log.begin_anew(services, ROOT, REASON)
        known = LogKeys(hosts[1], given=services.settings.signing_key)
        assert known.origin == "ledger.example.com/one"
    with pytest.raises(Misconfigured, match="PROVENSTORE_SIGNING_KEY is not named"), fresh(tmp_path, signing_key=two):
        pass
    with fresh_commands(tmp_path, signing_key=two) as services:
        found = log.begin_anew(services, ROOT, REASON)
        assert found["origin"] == "ledger.example.com/two"
        other = replace(services, log_keys=LogKeys(hosts[1], given=services.settings.signing_key))
        with pytest.raises(Misconfigured):
            log.bring_up(other)
        log.begin_anew(other, ROOT, REASON)
        assert log.bring_up(other) is None
        assert other.log_keys.origin == "ledger.example.com/two"
        assert event_types(services) == [LogKeysChanged, LogBegunAnew]
        assert not [path for host in hosts for path in host.glob("log*.key")]
