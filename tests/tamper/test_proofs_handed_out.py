"""What a tampered database would have us hand out as proof is an error instead, whichever way it is asked for."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from custody import ADMIN, caller
from kept_ledger import KeptLedger, Row, kept_ledger
from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.api.acts import log, proofs
from provenstore.api.http.app import create_app
from provenstore.api.services import Services
from provenstore.api.verify.verified_proofs import VerifiedProofs
from provenstore.domain.errors import Unsigned, UnverifiedProof
from provenstore.domain.files.file import file_stream
from provenstore.domain.proofs.history_proof import HistoryProof, verify_history
from tests.api.conftest import MovableClock, serving

AT = 150
"""A position in the first tile, of an event of a file's own life."""

AUDITOR = replace(caller("olga", "auditor"), scope=None)

Way = Callable[[Services, UUID], object]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptLedger]:
    with kept_ledger(tmp_path_factory.mktemp("kept"), files=91) as ledger:
        assert ledger.heads[-1] > 256 > AT > ledger.heads[1]
        yield ledger


@pytest.fixture
def ledger(shared: KeptLedger) -> Iterator[KeptLedger]:
    yield shared
    shared.restore()


def _event(services: Services) -> Any:
    return services.ledger.log.read(AT - 1, 1)[0]


def _publish(services: Services, _file: UUID) -> object:
    return log.publish(services, ADMIN, "public/log", anew=True)


WAYS: dict[str, Way] = {
    "receipt": lambda services, _: proofs.receipt(
        services, services.ledger.proving.event(AUDITOR, _event(services).id)
    ),
    "history": lambda services, file: b"".join(proofs.history(services, AUDITOR, file)),
    "list": lambda services, _: proofs.workspace_page(services, AUDITOR, "acme", through=AT - 2, after=0, limit=1000),
    "page": lambda services, _: proofs.workspace_page(services, AUDITOR, "acme", through=None, after=AT - 12, limit=20),
    "range": lambda services, _: proofs.log_range(services, AUDITOR, AT - 5, AT + 5),
    "consistency": lambda services, _: log.consistency(services, AT, None),
    "consistency within": lambda services, _: log.consistency(services, AT - 4, AT + 4),
    "tile": lambda services, _: log.resource(services, "tile/0/000"),
    "partial tile": lambda services, _: log.resource(services, f"tile/0/000.p/{AT + 8}"),
    "upper tile": lambda services, _: log.resource(services, "tile/1/000.p/1"),
    "entries": lambda services, _: log.entries(services, AUDITOR, f"tile/entries/000.p/{AT + 8}"),
    "checkpoint": lambda services, _: log.checkpoint(services),
    "published log": _publish,
}

FIRST_TILE = "update provenstore.tile set hashes = sha256(hashes) || substr(hashes, 33) where level = 0 and number = 0"
OTHER_TILE = "update provenstore.tile set hashes = sha256(hashes) || substr(hashes, 33) where level = 1"
NEWEST = "where size = (select max(size) from provenstore.checkpoint)"
OLDER = "(select note from provenstore.checkpoint order by size limit 1)"


def file_at(ledger: KeptLedger) -> UUID:
    kind, _, name = ledger.stream_at(AT).partition(":")
    assert kind == "file"
    return UUID(name)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_sound_is_handed_out(ledger: KeptLedger, way: str) -> None:
    """All of it, as it was before anything was checked."""
    assert WAYS[way](ledger.services, file_at(ledger))


READS_NO_HASH_BESIDE = {"checkpoint", "upper tile", "entries"}


@pytest.mark.parametrize("way", [way for way in WAYS if way not in READS_NO_HASH_BESIDE])
def test_one_hash_of_a_tile(ledger: KeptLedger, way: str) -> None:
    """A proof that would lead to another root is an error that says so, aloud."""
    file = file_at(ledger)
    ledger.tamper(FIRST_TILE)
    with capture_logs() as lines, pytest.raises(UnverifiedProof):
        WAYS[way](ledger.services, file)
    assert [one["log_level"] for one in lines if one["event"] == "proof.unverified"] == ["error"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "statement",
    [
        OTHER_TILE,
        f"update provenstore.checkpoint set root = sha256(root) {NEWEST}",
        f"update provenstore.checkpoint set note = set_byte(note, length(note) - 9, {ord('/')}) {NEWEST}",
        f"update provenstore.checkpoint set note = {OLDER} {NEWEST}",
        f"update provenstore.checkpoint set note = 'provenstore'::bytea {NEWEST}",
        "delete from provenstore.tile where level = 1 or number > 0",
    ],
    ids=["root", "row", "signature", "another note", "no note", "tile gone"],
)
def test_checkpoint_that_is_not_of_this_tree(ledger: KeptLedger, way: str, statement: str) -> None:
    """Nothing is proven by a checkpoint that nobody signed, or that is of another tree than the one here."""
    file = file_at(ledger)
    ledger.tamper(statement)
    nothing_believed_yet = VerifiedProofs(ledger.services.proofs, ledger.services.log_keys)
    with pytest.raises(UnverifiedProof):
        WAYS[way](replace(ledger.services, proven=nothing_believed_yet), file)


@pytest.mark.parametrize("way", WAYS)
def test_key_that_is_not_the_logs(ledger: KeptLedger, tmp_path: Path, way: str) -> None:
    """What another key has signed is not handed out."""
    keys = LogKeys(tmp_path, origin=None)
    keys.signers()
    services = replace(ledger.services, proven=VerifiedProofs(ledger.services.proofs, keys))
    with pytest.raises(UnverifiedProof):
        WAYS[way](services, file_at(ledger))


def other_decision(rows: list[Row]) -> None:
    rows[AT - 1]["decision"] = "a rule that nobody knew"


@pytest.mark.parametrize("way", ["receipt", "history", "list", "page", "range", "entries", "published log"])
def test_event_that_was_written_anew(ledger: KeptLedger, way: str) -> None:
    """Columns, hashes and links agree with it; the tree that was signed does not."""
    file = file_at(ledger)
    ledger.rewrite(other_decision)
    with pytest.raises(UnverifiedProof):
        WAYS[way](ledger.services, file)


def test_history_that_changes_while_it_is_handed_out(ledger: KeptLedger) -> None:
    """What was verified is what is sent: otherwise the document has no end."""
    file = file_at(ledger)
    pieces = proofs.history(ledger.services, AUDITOR, file)
    begun = next(pieces)
    ledger.rewrite(other_decision)
    with pytest.raises(UnverifiedProof):
        b"".join(pieces)
    assert begun


def test_readiness_says_so_until_it_holds_again(ledger: KeptLedger) -> None:
    """Over HTTP: a problem without any proof, and not ready; what is brought back ends both."""
    events = list(ledger.services.ledger.log.events([file_stream(file_at(ledger))]))
    with serving(create_app(ledger.settings, lambda: nullcontext(ledger.services)), MovableClock()) as api:
        client, path = api.client("auditor"), f"/v1/events/{events[0].id}/receipt"
        assert client.get("/readyz").json()["checks"]["proofs"] == "ok"
        ledger.tamper(FIRST_TILE)
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (500, "unverified-proof")
        assert not {"proof", "event", "checkpoint"} & answer.json().keys()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["proofs"]) == (503, "unverified-proof")
        ledger.restore()
        assert client.get("/readyz").json()["checks"]["proofs"] == "ok"
        for one in api.clients:
            one.close()


def test_log_that_goes_on_under_another_name_has_no_checkpoint_yet(ledger: KeptLedger, tmp_path: Path) -> None:
    """The old one is of the log that ended: nothing is proven until the new one is signed, and nothing is wrong."""
    keys = LogKeys(tmp_path, origin="ledger.example.com/other")
    keys.signers()
    (tmp_path / "log-retired.keys").write_text("\n".join(ledger.services.log_keys.verifiers()))
    services = replace(ledger.services, proven=VerifiedProofs(ledger.services.proofs, keys))
    with pytest.raises(Unsigned):
        WAYS["receipt"](services, file_at(ledger))


def test_history_verifies_elsewhere(ledger: KeptLedger) -> None:
    """The document that is handed out is the one that an offline verifier takes."""
    file = file_at(ledger)
    document = b"".join(proofs.history(ledger.services, AUDITOR, file))
    keys = tuple(Ed25519Verifier.parse(key) for key in ledger.services.log_keys.verifiers())
    assert verify_history(HistoryProof.parse(document), keys).file == file
