"""What an older copy has left of a log goes on as another log: on record, with another key, after a crash as well."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interposed import Crash, Interposed, raising
from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.keys.signing_key import Ed25519Verifier, SigningKey, draw_signing_key
from provenstore.api.acts import log
from provenstore.api.maintenance.verification import verify_database
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import open_services
from provenstore.domain.errors import (
    Forbidden,
    InvalidInput,
    InvalidProof,
    LogRewound,
    Misconfigured,
    ProvenstoreError,
    Refused,
)
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.system.log_events import LOG, LogBegunAnew, LogKeysChanged
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from provenstore.domain.transparency.signing import Signed, TreeHead
from provenstore.projections.tree.checkpoints import HeadsOnRecord
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
        signed(services, "kept")
    with fresh_commands(tmp_path, **settings) as services:  # what the server has signed to its end
        newest = services.proofs.newest()
        assert newest is not None
        kept = bytes(newest.note)
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
        with pytest.raises(Refused, match="set PROVENSTORE_LOG_ORIGIN to a new name"):
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
                note = services.proofs.newest().note
                keeping.begin_anew(ROOT, HeadsOnRecord(connection), note, ports["last"], ports["keys"], REASON)
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
            # What no role allows is on record as a refusal, and nothing else is.
            assert {event.type for event in services.ledger.log.read(before, 100)} <= {"request.refused.v1"}

        refused(Refused, "has not ended")
        refused(InvalidInput, "reason", reason=" ")
        lose(services)
        tamper(operator, "update provenstore.checkpoint set root = sha256('x')")
        refused(LogRewound, "is not the one that was signed")
        refused(Forbidden, r"log\.change", replace(ROOT, roles=frozenset({"auditor"})))


@pytest.mark.parametrize("comes_back", ["the copy", "the newest"])
def test_a_database_from_before_its_name(tmp_path: Path, comes_back: str) -> None:
    """Put back after the log began anew, it goes on as a third log; nothing is signed by a name that a log had."""
    data, origins = tmp_path / "data", [f"ledger.example.com/{number}" for number in range(4)]
    with fresh_commands(tmp_path, log_origin=origins[0]) as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="kept"))
        kept = log.bring_up(services)
        assert kept is not None
    subprocess.run(["cp", "-a", data, tmp_path / "the copy"], check=True)
    with fresh_commands(tmp_path, log_origin=origins[0]) as services:
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="lost"))
        log.bring_up(services)
    subprocess.run(["cp", "-a", data, tmp_path / "the newest"], check=True)
    for number, copy in ((1, "the copy"), (2, comes_back)):
        put_in_place(data, tmp_path / copy)
        for known in origins[:number]:
            with fresh_commands(tmp_path, log_origin=known) as services:
                with pytest.raises((Misconfigured, LogRewound)):
                    log.bring_up(services)
                with pytest.raises(Refused, match="a new name"):
                    log.begin_anew(services, ROOT, REASON)
        with fresh_commands(tmp_path, log_origin=origins[number]) as services:
            log.begin_anew(services, ROOT, REASON)
            begun = services.ledger.log.events([LOG])[-1].data
            assert (begun.ended_origin, begun.origin) == (origins[number - 1], origins[number])
            assert begun.shared_size == (services.ledger.log.position() - 1 if copy == "the newest" else kept.size)
    assert found_wrong(load_settings(data_dir=data), Asked()) == []


def put_in_place(data: Path, copy: Path) -> None:
    """Put a copy of a data directory in the place of one, with the keys as they were last."""
    keys = data.with_name("keys")
    shutil.move(data / "keys", keys)
    shutil.rmtree(data)
    subprocess.run(["cp", "-a", copy, data], check=True)
    shutil.rmtree(data / "keys")
    shutil.move(keys, data / "keys")


def test_rows_that_somebody_forged(tmp_path: Path) -> None:
    """Do not end a log that is whole, nor vouch for what no key here has signed, nor lend it a name."""
    forged = draw_signing_key("ledger.example.com/2")
    with fresh_commands(tmp_path, log_origin="ledger.example.com/1") as services:
        log.bring_up(services)
        verifier = str(SigningKey(forged).verifier)
        data = LogBegunAnew(
            origin=forged.name,
            keys=(verifier,),
            ended_origin="ledger.example.com/1",
            ended_size=1,
            ended_root="00" * 32,
            shared_size=1,
        )
        named = LogKeysChanged(origin="ledger.example.com/4", keys=(verifier,))
        recorder, facts = services.ledger.recorder, [Fact(named), Fact(data, {"reason": "forged"})]
        recorder.append(ROOT, recorder.drafts(ROOT, LOG, SYSTEM_WORKSPACE, facts))
    for origin in ("1", "2", "3"):
        with fresh_commands(tmp_path, log_origin=f"ledger.example.com/{origin}") as services:
            with pytest.raises(Refused, match="a new name" if origin == "1" else "has not ended"):
                log.begin_anew(services, ROOT, REASON)
            assert not list((tmp_path / "data" / "keys").glob("log-anew*"))
    with fresh_commands(tmp_path, log_origin="ledger.example.com/2") as services:
        lose(services)
        with pytest.raises(Refused, match="a key that is not here"):
            log.begin_anew(services, ROOT, REASON)
    named_so = fresh_commands(tmp_path, log_origin="ledger.example.com/4")
    with named_so as services, pytest.raises(Refused, match="was a name of this log"):
        log.begin_anew(services, ROOT, REASON)
    with fresh_commands(tmp_path, log_origin="ledger.example.com/3") as services, services.connect() as runner:
        runner.autocommit = True
        with pytest.raises(Misconfigured):
            log.bring_up(services)
        heads = HeadsOnRecord(runner)
        entries = heads.standing().size
        note = sign_checkpoint(Checkpoint(forged.name, entries, heads.root(entries)), [SigningKey(forged)])
        keys, newest = services.log_keys, services.proofs.newest()
        with pytest.raises(InvalidProof):
            services.log_keeping.begin_anew(ROOT, heads, note, keys.last, keys, REASON)
        assert log.begin_anew(services, ROOT, REASON)["shared"] == newest.size


def test_what_nobody_here_knows_has_not_ended(tmp_path: Path) -> None:
    """Without the memory of what was signed, without the key, with keys from elsewhere; the key has the name."""
    with fresh_commands(tmp_path, log_origin="ledger.example.com/1") as services:
        log.bring_up(services)
    keys = tmp_path / "data" / "keys"
    elsewhere = draw_signing_key("ledger.example.com/2").reveal()
    with fresh_commands(tmp_path, signing_key=elsewhere) as services, pytest.raises(Refused, match="SIGNING_KEY"):
        log.begin_anew(services, ROOT, REASON)
    (keys / "log-signed.json").unlink()
    with fresh_commands(tmp_path, log_origin="ledger.example.com/2") as services:
        with pytest.raises(Refused, match="nobody here knows"):
            log.begin_anew(services, ROOT, REASON)
        assert services.log_keys.origin == "ledger.example.com/1"
    (keys / "log.key").unlink()
    named = fresh_commands(tmp_path, log_origin="ledger.example.com/2")
    with named as services, pytest.raises(Misconfigured, match=r"log\.key is missing"):
        log.begin_anew(services, ROOT, REASON)


def test_an_old_checkpoint_that_fits_is_no_finding(tmp_path: Path) -> None:
    """Though it is newer than the newest that the copy has: its entries are all there."""
    with fresh_commands(tmp_path) as services, superuser(services) as operator:
        log.bring_up(services)
        services.ledger.create_workspace(ROOT, CreateWorkspace(id="kept"))
        log.bring_up(services)
        newest = services.proofs.newest()
        tamper(operator, f"delete from provenstore.checkpoint where size = {newest.size}")
        lose(services)
        assert log.begin_anew(services, ROOT, REASON)["shared"] < newest.size
    assert found_wrong(load_settings(data_dir=tmp_path / "data"), Asked(checkpoints=(("kept", newest.note),))) == []
