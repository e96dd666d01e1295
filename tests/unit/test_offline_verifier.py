"""The verifier that needs nothing of ours: it accepts what the ledger hands out, and nothing that is near to it."""

import ast
import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_tree import MOST, TREE
from note_keys import LOG, LOG_NEXT, ORIGIN, WITNESS, NoteKey
from offline import KEY, Answer, verify
from proven_log import NAME, ProvenLog
from provenstore.api.verify import offline_verifier as offline
from provenstore.domain.canonical import canonical
from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import Event, parse_fields
from provenstore.domain.proofs.range_document import verify_range_document
from provenstore.domain.transparency.note import Signature, sign_note
from provenstore.domain.transparency.range_proof import range_proof

LIFE = ProvenLog()
RECEIPT, HISTORY, WORKSPACE = LIFE.receipt(0, NAME), LIFE.history(), LIFE.workspace()
FIRST = RECEIPT.event
Change = Callable[[Any], Any]


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    """Write what is to be checked."""

    def write(raw: bytes, name: str = "given") -> Path:
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return write


Place = Callable[..., Path]


# -- what it is ----------------------------------------------------------------------------------------------


def test_it_imports_nothing_of_ours() -> None:
    """Nor anything that could reach a network."""
    tree = ast.parse(Path(offline.__file__).read_text())
    imported = {alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names}
    imported |= {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in imported}
    assert roots - sys.stdlib_module_names == {"cryptography"}
    assert roots.isdisjoint(
        {"asyncio", "ctypes", "ftplib", "http", "importlib", "socket", "ssl", "subprocess", "urllib"}
    )


def test_it_runs_copied_away(tmp_path: Path, place: Place) -> None:
    """Alone in an empty folder, by an isolated interpreter."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(offline.__file__, alone / "check.py")
    command = [sys.executable, "-I", "check.py", "receipt", str(place(RECEIPT.encode())), "--key", KEY]
    done = subprocess.run(command, cwd=alone, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified" in done.stdout


def test_it_is_a_command() -> None:
    """Installed beside `provenstore`."""
    command = [str(Path(sys.executable).with_name("provenstore-verify")), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "receipt" in done.stdout


# -- receipts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(LIFE.events)))
def test_every_receipt_verifies(index: int, place: Place) -> None:
    """In both of its forms, and printed prettily."""
    receipt = LIFE.receipt(index)
    pretty = json.dumps(json.loads(receipt.encode()), indent=2).encode()
    for raw in (receipt.encode(), pretty, receipt.to_tlog_proof().encode()):
        answer = verify("receipt", place(raw))
        assert (answer.code, answer.document["result"]) == (0, "ok")
        assert f"at position {index + 1} of it" in answer.document["steps"][1]["says"]
        assert len(answer.document["not_checked"]) == 3


def test_text_says_what_was_checked_and_what_was_not(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Step by step; and private values are shown to whoever has the receipt."""
    assert offline.main(["receipt", str(place(RECEIPT.encode())), "--key", KEY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == ["1 ok", "2 ok", "3 ok", "4 ok", "- not checked"]
    assert 'filename = "a.pdf"' in lines[3]
    assert lines[-1].startswith("verified")


@pytest.mark.parametrize("raw", [RECEIPT.encode(), RECEIPT.to_tlog_proof().encode()], ids=["json", "tlog-proof"])
def test_each_corrupted_byte_is_found(raw: bytes) -> None:
    """One after the other, in all of the document."""
    keys = offline.keys_of([KEY])
    offline.verify_receipt(raw, None, keys, offline.Report())
    for at, byte in enumerate(raw):
        with pytest.raises((offline.Unusable, offline.Violated)):
            offline.verify_receipt(raw[:at] + bytes([byte ^ 1]) + raw[at + 1 :], None, keys, offline.Report())


@given(st.integers(0, len(RECEIPT.encode()) - 1), st.integers(1, 255))
def test_any_corruption_of_a_byte_is_found(at: int, change: int) -> None:
    """Whatever it becomes; and wherever the document ends."""
    raw, keys = bytearray(RECEIPT.encode()), offline.keys_of([KEY])
    raw[at] ^= change
    for corrupted in (bytes(raw), bytes(raw[:at])):
        with pytest.raises((offline.Unusable, offline.Violated)):
            offline.verify_receipt(corrupted, None, keys, offline.Report())


def _receipt(**changes: Any) -> bytes:
    return json.dumps({**json.loads(RECEIPT.encode()), **changes}).encode()


HASHES = [base64.b64encode(one).decode() for one in RECEIPT.proof]
OTHER = LIFE.events[1].state.decode()
SALT = NAME.salt.hex()


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        (_receipt(index=1), 7, "leads from the event to another root"),
        (_receipt(index=11), 7, "is not below the size of the tree, 11"),
        (_receipt(proof=HASHES[:-1]), 7, "has 3 hashes, not 4"),
        (_receipt(proof=[*HASHES, HASHES[0]]), 7, "has 5 hashes, not 4"),
        (_receipt(event=OTHER), 7, "another root"),
        (_receipt(checkpoint=LIFE.checkpoint(10).decode()), 7, "the proof"),
        (_receipt(checkpoint=LIFE.checkpoint(signers=[LOG_NEXT]).decode()), 7, "no signature by a key that was given"),
        (_receipt(disclosures={"filename": {"salt": SALT, "value": "b.pdf"}}), 7, "disclosures.filename is not"),
        (_receipt(disclosures={"subject": {"salt": SALT, "value": "a.pdf"}}), 7, "disclosures.subject is not"),
        (_receipt(disclosures={"filename": {"salt": "A" * 64, "value": "a.pdf"}}), 2, "disclosures.filename"),
        (_receipt(disclosures={"filename": {"salt": SALT, "value": {"\u00e4": 1}}}), 2, "disclosures.filename"),
        (_receipt(disclosures={"filename": {"salt": SALT, "value": "\ud800"}}), 2, "lone surrogate"),
        (_receipt(index=-1), 2, "receipt.index"),
        (_receipt(index=2**53), 2, "receipt.index"),
        (_receipt(index=True), 2, "receipt.index"),
        (_receipt(index="0"), 2, "receipt.index"),
        (_receipt(index=0.0), 2, "is no integer"),
        (_receipt(index=float("nan")), 2, "is no integer"),
        (_receipt(proof=["AAAA"]), 2, "is 3 bytes long"),
        (_receipt(proof=[HASHES[0].rstrip("=")]), 2, "is not base64"),
        (_receipt(proof=[HASHES[0] + "\n"]), 2, "base64"),
        (_receipt(proof=[HASHES[0][:-2] + "B="]), 2, "is not the canonical base64"),
        (_receipt(proof=HASHES[:1] * 64), 2, "more than 63"),
        (_receipt(proof={}), 2, "is not a list"),
        (_receipt(event={}), 2, "is not text"),
        (_receipt(extra=1), 2, "exactly the members"),
        (RECEIPT.encode()[:-1] + b',"index":0}', 2, "names a member twice"),
        (RECEIPT.encode() + b"{}", 2, "is not JSON"),
        (b"\xff", 2, "is not JSON"),
        (b"\xef\xbb\xbf" + RECEIPT.encode(), 2, "is not JSON"),
        (b"[" * 100_000, 2, "is not JSON"),
        (b'{"index":' + b"9" * 5_000 + b"}", 2, "is not JSON"),
        (b" " * (offline.MAX_RECEIPT + 1), 2, "is longer than"),
    ],
)
def test_what_is_no_receipt_is_refused(raw: bytes, code: int, says: str, place: Place) -> None:
    """2 where it cannot be one, 7 where it proves nothing."""
    answer = verify("receipt", place(raw))
    assert answer.code == code
    assert says in answer.says


def test_entry_that_is_no_event_is_refused(place: Place) -> None:
    """Even under the log's own signature: the log has let in what it must not."""
    other = ProvenLog()
    other.events[0] = replace(other.events[0], state=FIRST.replace(b'"stream":', b'"streem":'))
    answer = verify("receipt", place(other.receipt(0).encode()))
    assert (answer.code, answer.first[0]) == (7, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.replace(b"\nindex 0\n", b"\nindex 00\n"), "index"),
        (lambda raw: raw.replace(b"\nindex 0\n", b"\nindex -0\n"), "index"),
        (lambda raw: raw.replace(b"\nindex 0\n", b"\n"), "index"),
        (lambda raw: raw.replace(b"\nindex 0\n", b"\nextra \nindex 0\n"), "empty"),
        (lambda raw: raw.replace(b"\n\n", b"\n"), ""),
        (lambda raw: raw.replace(b"\n\n", "\n\u00e4\n\n".encode()), "ASCII"),
        (lambda raw: raw.replace(b"@v1", b"@v2"), "--event"),
    ],
)
def test_what_is_no_tlog_proof_is_refused(change: Change, says: str, place: Place) -> None:
    """As strictly."""
    bare = replace(RECEIPT.to_tlog_proof(), extra=None).encode()
    answer = verify("receipt", place(change(bare)), "--event", place(FIRST, "event"))
    assert answer.code == 2
    assert says in answer.says


def test_event_stands_beside_a_proof_without_one(place: Place) -> None:
    """With or without the end of its line."""
    bare = place(replace(RECEIPT.to_tlog_proof(), extra=None).encode())
    assert verify("receipt", bare, "--event", place(FIRST, "event")).code == 0
    assert verify("receipt", bare, "--event", place(FIRST + b"\n", "event")).code == 0
    assert verify("receipt", bare, "--event", place(OTHER.encode(), "event")).code == 7
    assert verify("receipt", bare).code == 2
    assert verify("receipt", place(RECEIPT.encode()), "--event", place(FIRST, "event")).code == 2


# -- keys and notes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        KEY.replace("+", " ", 1),
        KEY[:-1] + ("A" if KEY[-1] != "A" else "B"),
        KEY.upper(),
        f"other{KEY}",
        KEY + "\n",
        "\udcff" + KEY,
    ],
)
def test_key_that_is_none_is_refused(key: str, place: Place) -> None:
    """A mistyped one must not merely be unknown."""
    assert verify("receipt", place(RECEIPT.encode()), key=key).code == 2


def test_keys_come_from_a_file(place: Place) -> None:
    """One per line, while the log changes its key; without any nothing is believed."""
    receipt = str(place(RECEIPT.encode(), "receipt"))
    for content in (f"{WITNESS.public}\n{LOG.public}\n", f"\r\n {LOG.public}\r\n"):
        both = str(place(content.encode(), "keys"))
        for option in ("--keys", "--key"):
            assert offline.main(["receipt", receipt, option, both]) == 0
    for other in (WITNESS, NoteKey("a" * 220)):  # whose text is longer than the name of a file can be
        assert offline.main(["receipt", receipt, "--key", str(other.public), "--key", both]) == 0
    assert offline.main(["receipt", receipt]) == 2
    for none in (b"\xff", b"", b"nonsense"):
        assert offline.main(["receipt", receipt, "--key", str(place(none, "keys"))]) == 2


def _note(change: Change) -> bytes:
    return _receipt(checkpoint=change(LIFE.checkpoint().decode()))


def _resigned(change: Change, key: NoteKey = LOG) -> bytes:
    text = LIFE.checkpoint().decode().partition("\n\n")[0] + "\n"
    return _receipt(checkpoint=sign_note(change(text), [key]).decode())


ALIEN = NoteKey(ORIGIN, "alien")


def _signatures(*keys: NoteKey) -> str:
    text = LIFE.checkpoint().decode().partition("\n\n")[0] + "\n"
    return "".join(sign_note(text, [key]).decode().rpartition("\n\n")[2] for key in keys)


LINE = _signatures(LOG)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (_note(lambda note: note + _signatures(ALIEN, WITNESS, ALIEN)), 0),
        (_note(lambda note: note + LINE), 7),
        (_note(lambda note: note + LINE.replace(" ", "  ")), 2),
        (_note(lambda note: note + "\u2014 other AAAA\n"), 2),
        (_note(lambda note: note + "\u2014 o+ther AAAAAAAA\n"), 2),
        (_note(lambda note: note + "- other AAAAAAAA\n"), 2),
        (_note(lambda note: note + "\u2014 other AAAAAAAA\n" * 64), 2),
        (_note(lambda note: note.removesuffix("\n")), 2),
        (_note(lambda note: note.replace("\n11\n", "\n12\n")), 7),
        (_note(lambda note: note.replace("\n\n", "\n\r\n")), 2),
        (_note(lambda note: note + " " * offline.MAX_NOTE), 2),
        (_resigned(lambda text: text), 0),
        (_resigned(lambda text: text.replace("\n11\n", "\n011\n")), 2),
        (_resigned(lambda text: text.replace("\n11\n", "\n-11\n")), 2),
        (_resigned(lambda text: text.replace("\n11\n", "\n+11\n")), 2),
        (_resigned(lambda text: text.replace("\n11\n", f"\n{2**63}\n")), 2),
        (_resigned(lambda text: text.replace("\n11\n", "\n0\n")), 7),
        (_resigned(lambda text: text + "extension\n"), 2),
        (_resigned(lambda text: text.replace("=\n", "\n")), 2),
        (_resigned(lambda text: "other.example.com\n" + text.partition("\n")[2]), 7),
        (_resigned(lambda text: text, WITNESS), 7),
        (_resigned(lambda text: text, ALIEN), 7),
    ],
)
def test_note_has_one_spelling_and_the_logs_signature(raw: bytes, code: int, place: Place) -> None:
    """Unknown signatures are passed over, a second one of a known key is not; a witness is not the log."""
    keys = place(f"{LOG.public}\n{WITNESS.public}\n".encode(), "keys")
    assert verify("receipt", place(raw), "--keys", keys).code == code


def _opened(raw: bytes, *keys: NoteKey) -> tuple[str, set[str]]:
    return offline.open_note("note", raw, offline.keys_of([str(key.public) for key in keys]))


def test_wrong_signature_of_a_known_key_is_not_passed_over() -> None:
    """Though another key has signed rightly: who has forged one line has not done so for nothing."""
    note = LIFE.checkpoint(signers=[LOG, LOG_NEXT])
    assert _opened(note, LOG, LOG_NEXT)[1] == {ORIGIN}
    forged = Signature(LOG.name, LOG.key_id, bytes(64)).line
    with pytest.raises(offline.Violated, match="is not one of this text"):
        _opened(note.replace(LINE.encode(), forged.encode()), LOG, LOG_NEXT)


@pytest.mark.parametrize(
    "raw",
    [
        b"a\x01b\n",
        b"a\rb\n",
        b"a\n" * 131_073,
    ],
)
def test_note_is_bounded_and_harmless(raw: bytes) -> None:
    """Though rightly signed."""
    line = Signature(LOG.name, LOG.key_id, LOG.sign(raw)).line
    with pytest.raises(offline.Unusable):
        _opened(raw + b"\n" + line.encode(), LOG)
    plain = b"text\n"
    assert _opened(plain + b"\n" + Signature(LOG.name, LOG.key_id, LOG.sign(plain)).line.encode(), LOG)[0] == "text\n"


def test_line_that_is_no_signature_is_refused() -> None:
    """Not passed over as that of an unknown key."""
    with pytest.raises(offline.Unusable, match="is no signature"):
        _opened(LIFE.checkpoint() + b"- other AAAAAAAA\n", LOG)


def test_key_of_another_kind_is_refused() -> None:
    """Though its id is right: a key of the kind 2 is not of Ed25519."""
    key = b"\x02" + LOG.public.public
    identity = hashlib.sha256(b"other\n" + key).digest()[:4].hex()
    with pytest.raises(offline.Unusable, match="Ed25519"):
        offline.keys_of([f"other+{identity}+{base64.b64encode(key).decode()}"])


# -- histories, workspaces -------------------------------------------------------------------------------------


def _history(change: Change) -> bytes:
    return json.dumps(change(json.loads(HISTORY.encode()))).encode()


def _without(kind: str, at: int) -> Change:
    def change(proof: Any) -> Any:
        del proof["streams"][kind]["events"][at]
        return proof

    return change


def _set(value: Any, *path: Any) -> Change:
    def change(proof: Any) -> Any:
        inner = proof
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
        return proof

    return change


def test_history_verifies(place: Place) -> None:
    """All of its streams, and the private value that is shown."""
    answer = verify("history", place(HISTORY.encode()))
    assert answer.code == 0
    says = " ".join(step["says"] for step in answer.document["steps"])
    assert "all of its 4 events" in says
    assert "sealed 2 heads" in says
    assert "the private values shown: 1" in says


def _shortened(kind: str, kept: int) -> bytes:
    """A stream that ends early, honestly proven."""
    events = LIFE.of(f"{kind}:{LIFE.file}")[:kept]
    streams = {name: one for name, one in HISTORY.streams.items() if name != kind or kept}
    return replace(HISTORY, streams={**streams, **({kind: LIFE.end(events)} if kept else {})}).encode()


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        *((_history(_without("file", at)), 7, "streams.file") for at in range(4)),
        *((_history(_without("access", at)), 7, "streams.access") for at in range(3)),
        (_shortened("access", 2), 0, ""),
        (_shortened("access", 1), 7, "stream access:"),
        (_shortened("access", 0), 7, "stream access:"),
        (_shortened("parts", 1), 7, "stream parts:"),
        (_shortened("parts", 0), 7, "stream parts:"),
        (_shortened("file", 0), 7, "streams.file is missing"),
        (_history(_set(1, "streams", "access", "index")), 7, "leaves no room"),
        (_history(_set(9, "streams", "file", "index")), 7, "streams.file, the last event"),
        (_history(_set([], "streams", "file", "events")), 7, "streams.file has no events"),
        (_history(_set("{}", "streams", "parts", "events", 0)), 7, "streams.parts.events[0] is not an event"),
        (_history(_set(OTHER, "streams", "file", "events", 0)), 7, "is of the stream parts:"),
        (_history(_set({}, "disclosures", str(LIFE.file))), 7, "is of no event of this history"),
        (_history(_set(str(LIFE.events[3].id), "file")), 7, "is of the stream"),
        (_history(_set({}, "streams", "actor")), 2, "is not of a file"),
        (_history(_set(str(LIFE.file).upper(), "file")), 2, "is not of a file"),
        (_history(_set(None, "streams", "file", "events", 0)), 2, "is not text"),
    ],
)
def test_history_that_is_not_whole_is_refused(raw: bytes, code: int, says: str, place: Place) -> None:
    """A stream may end later than what the lifecycle saw, never before."""
    answer = verify("history", place(raw))
    assert (answer.code, says in answer.says) == (code, True)


@pytest.mark.parametrize(
    "head",
    [{"leaf": "0" * 64, "version": 2}, {"leaf": LIFE.of(f"access:{LIFE.file}")[0].leaf.hex(), "version": True}, None],
)
def test_head_that_is_not_the_streams_is_refused(head: Any, place: Place) -> None:
    """Though the log's own keeper had sealed it so; also the version true, which some take for 1."""
    forged = ProvenLog()
    last = forged.of(f"file:{forged.file}")[-1]
    fields = json.loads(last.state)
    state = canonical({**fields, "data": {**fields["data"], "access_head": head}})
    forged.events[last.position - 1] = replace(last, state=state)
    answer = verify("history", place(forged.history().encode()))
    assert (answer.code, answer.first[1]) == (7, f"access:{LIFE.file}")


def test_workspace_verifies(place: Place) -> None:
    """Without a word about its neighbours."""
    answer = verify("workspace", place(WORKSPACE.encode()))
    assert answer.code == 0
    assert "all of its 9 events" in answer.document["steps"][1]["says"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        *((lambda p, at=at: replace(p, events=p.events[:at] + p.events[at + 1 :]), "") for at in range(9)),
        (lambda p: replace(p, events=(p.events[1], p.events[0], *p.events[2:])), "has number 2 where 1 is due"),
        (lambda p: replace(p, events=(*p.events, p.events[-1])), "has number 9 where 10 is due"),
        (lambda p: replace(p, events=()), "has no events"),
        (lambda p: replace(p, workspace="other"), "is of the workspace acme, not of other"),
        (lambda p: replace(p, index=3), "leaves no room for 9"),
        (lambda p: replace(p, checkpoint=LIFE.checkpoint(10)), "the last event"),
        (lambda p: replace(p, events=(p.events[0].replace(b"pdf", b"PDF"), *p.events[1:])), "[1] names another event"),
        (lambda p: replace(p, events=(*p.events[:1], _older(p.events[1]), *p.events[2:])), "[1] is older than"),
    ],
)
def test_list_that_is_not_whole_is_refused(change: Change, says: str, place: Place) -> None:
    """Whatever is left out, added, moved or altered."""
    answer = verify("workspace", place(change(WORKSPACE).encode()))
    assert (answer.code, says in answer.says) == (7, True)


def _older(state: bytes) -> bytes:
    return canonical({**json.loads(state), "time": "2026-11-20T12:00:00.000000Z"})


def _ranges() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, 10), st.integers(1, 11)).filter(lambda one: one[0] < one[1])


@given(_ranges())
def test_every_range_verifies(between: tuple[int, int]) -> None:
    """By the two ways up the tree that there are here."""
    proof = LIFE.range(*between)
    assert len(verify_range_document(proof, (LOG.public,)).events) == between[1] - between[0]
    report = offline.Report()
    offline.verify_range(proof.encode(), offline.keys_of([KEY]), report)
    assert f"positions {between[0] + 1} to {between[1]} of it" in report.steps[1]["says"]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        *((lambda p, at=at: replace(p, events=p.events[:at] + p.events[at + 1 :]), 7, "not those") for at in range(5)),
        (lambda p: replace(p, events=(p.events[1], p.events[0], *p.events[2:])), 7, "another root"),
        (lambda p: replace(p, events=(*p.events, p.events[-1])), 7, "not those from 3 to 8 of 11"),
        (lambda p: replace(p, begin=4, events=p.events[1:]), 7, "the proof"),
        (lambda p: replace(p, begin=p.begin + 1, end=p.end + 1), 7, "the proof"),
        (lambda p: replace(p, end=12, events=(*p.events, *p.events)[:9]), 7, "not those from 3 to 12 of 11"),
        (lambda p: replace(p, proof=p.proof[:-1]), 7, "too few"),
        (lambda p: replace(p, proof=p.proof[1:]), 7, "the proof"),
        (lambda p: replace(p, proof=(*p.proof, p.proof[0])), 7, "left over"),
        (lambda p: replace(p, checkpoint=LIFE.checkpoint(10)), 7, "the proof"),
        (lambda p: replace(p, end=3, events=()), 2, "of no events"),
    ],
)
def test_range_that_is_not_whole_is_refused(change: Change, code: int, says: str, place: Place) -> None:
    """Whatever is left out, added, moved; and the other implementation refuses it as well."""
    proof = change(LIFE.range(3, 8))
    answer = verify("range", place(proof.encode()))
    assert (answer.code, says in answer.says) == (code, True), answer.says
    with pytest.raises((InvalidProof, InvalidInput)):
        verify_range_document(proof, (LOG.public,))


def test_range_with_an_entry_that_is_no_event_is_refused(place: Place) -> None:
    """The first such is named."""
    other = ProvenLog()
    other.events[4] = replace(other.events[4], state=other.events[4].state.replace(b'"stream":', b'"streem":'))
    answer = verify("range", place(other.range(3, 8).encode()))
    assert (answer.code, answer.first[0]) == (7, 5)


# -- events ----------------------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab}\x7f,:"\\', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc_", max_size=3), _VALUES, max_size=4), _TEXTS)
def test_every_canonical_envelope_is_an_event(data: dict[str, Any], text: str) -> None:
    """Whatever its data and its texts."""
    fields = {**json.loads(FIRST), "data": data, "workspace": text, "session": text}
    found = offline.parse_event(state := canonical(fields))
    assert parse_fields(state) == fields
    assert found is not None
    assert json.loads(found.data) == data
    assert found.workspace == canonical(text).decode()[1:-1]


@given(st.data())
def test_bytes_that_the_ledger_refuses_are_no_event(data: st.DataObject) -> None:
    """What this implementation lets pass, the other does, too: after a change at any place."""
    state = data.draw(st.sampled_from(LIFE.events)).state
    at = data.draw(st.integers(0, len(state) - 1))
    cut = data.draw(st.integers(0, 3))
    new = data.draw(st.binary(max_size=2) | st.sampled_from([b" ", b"0", b"-", b"\\", b'"', b"1.0", b"{}", b"null"]))
    changed = state[:at] + new + state[at + cut :]
    if offline.parse_event(changed) is not None:
        parse_fields(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s + b"\n",
        lambda s: b" " + s,
        lambda s: s.replace(b'"data":{', b'"data":{ '),
        lambda s: s.replace(b'"data":{', b'"data":{"access":null,'),
        lambda s: s.replace(b'"data":{', b'"data":{"zz":null,'),
        lambda s: s.replace(b'"version":1', b'"version":01'),
        lambda s: s.replace(b'"version":1', b'"version":0'),
        lambda s: s.replace(b'"version":1', b'"version":1.0'),
        lambda s: s.replace(b'"version":1', b'"version":true'),
        lambda s: s.replace(b'"prev":null', b'"prev":"x"'),
        lambda s: s.replace(b'"session":null', b'"session":"\\u0041"'),
        lambda s: s.replace(b'"session":null', b'"session":"\\u000a"'),
        lambda s: s.replace(b'"session":null', b'"session":"\\/"'),
        lambda s: s.replace(b'"session":null', b'"session":"\xff"'),
        lambda s: s.replace(b'"session":null', b'"session":"\\ud800"'),
        lambda s: s.replace(b'"session":null', b'"session":null,"session":null'),
        lambda s: s.replace(b'"private":{', b'"private":{"zz":"' + b"0" * 64 + b'",'),
        lambda s: s.replace(b'"private":{', b'"private":{"a":"00",'),
        lambda s: s.replace(b'"data":{', b'"data":{"a":9007199254740992,'),
        lambda s: s.replace(b'"data":{', b'"data":{"a":NaN,'),
        lambda s: s.replace(b'"data":{', b'"data":{"a":' + b"[" * 17 + b"]" * 17 + b","),
        lambda s: s.replace(b'"data":{', b'"data":{"a":{"b":1,"b":1},'),
        lambda s: s.replace(b'"data":{', b'"data":{"a":"' + b"x" * 65_536 + b'",'),
    ],
)
def test_event_has_one_spelling(change: Callable[[bytes], bytes]) -> None:
    """The exact bytes, no others that JSON would read as the same."""
    assert offline.parse_event(FIRST) is not None
    assert change(FIRST) != FIRST
    assert offline.parse_event(change(FIRST)) is None


_UNKNOWN = {**json.loads(FIRST), "type": "of.tomorrow.v1"}
"""An event whose data is for neither implementation to judge."""


def _nested(levels: int) -> Any:
    return [_nested(levels - 1)] if levels else 0


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"data": {"a": _nested(14)}}, True),
        ({"data": {"a": _nested(15)}}, False),
        *[
            ({field: time}, fits)
            for field in ("time", "occurred")
            for time, fits in [
                ("2028-02-29T23:59:59.999999Z", True),
                ("2026-02-29T00:00:00.000000Z", False),
                ("0000-01-01T00:00:00.000000Z", False),
                ("2026-01-01T24:00:00.000000Z", False),
                ("2026-01-01T23:59:60.000000Z", False),
                ("2026-01-01T00:00:00.000000+00:00", False),
                ("", False),
            ]
        ],
        *[({field: text}, False) for field in ("prev", "workspace_prev") for text in ("", "ab", "A" * 64, "a" * 65)],
        *[({"private": {"a": text}}, False) for text in ("", "ab", "A" * 64)],
        *[({"private": {name: "a" * 64}}, fits) for name, fits in [("a b", True), ('"', False), ("\x7f", False)]],
        ({"cause": "01990000-0000-7000-8000-000000000001"}, True),
        *[({"cause": text}, False) for text in ("", "01990000000070008000000000000001", "{}")],
        *[({"actor": {**_UNKNOWN["actor"], name: None}}, name == "credential") for name in _UNKNOWN["actor"]],
        ({"actor": {**_UNKNOWN["actor"], "more": "x"}}, False),
    ],
)
def test_both_implementations_have_one_idea_of_an_event(change: dict[str, Any], fits: bool) -> None:
    """What one of them lets pass, the other does, too, whoever has signed it."""
    state = json.dumps({**_UNKNOWN, **change}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (offline.parse_event(state) is not None) is fits
    for parse in (parse_fields, lambda raw: Event.parse(1, raw)):
        with contextlib.nullcontext() if fits else pytest.raises(IntegrityViolated):
            parse(state)


# -- the tree ---------------------------------------------------------------------------------------------------


def _sizes() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, MOST - 1), st.integers(0, MOST - 1)).map(lambda pair: (min(pair), max(pair)))


def _point(size: int) -> offline.Checkpoint:
    return offline.Checkpoint(ORIGIN, size, TREE.root(size))


@given(_sizes(), st.randoms(use_true_random=False))
def test_inclusion_is_that_of_the_plain_tree(sizes: tuple[int, int], random: Any) -> None:
    """The proof, and none that differs from it in a hash, a length, a place."""
    index, size = sizes[0], sizes[1] + 1
    proof, leaf, root = TREE.inclusion(index, size), TREE.leaves[index], TREE.root(size)
    offline.check_inclusion(leaf, index, size, proof, root)
    wrong: list[tuple[int, int, list[bytes]]] = [(index ^ 1, size, proof), (index, size, [*proof, bytes(32)])]
    if proof:
        at = random.randrange(len(proof))
        wrong += [
            (index, size, proof[:at] + proof[at + 1 :]),
            (index, size, [*proof[:at], bytes(32), *proof[at + 1 :]]),
        ]
    for one in wrong:
        with pytest.raises(offline.Violated):
            offline.check_inclusion(leaf, *one, root)


@given(_sizes(), st.randoms(use_true_random=False))
def test_consistency_is_that_of_the_plain_tree(sizes: tuple[int, int], random: Any) -> None:
    """Between any two sizes; a forged root of either tree is found."""
    old, new = sizes
    proof = TREE.consistency(old, new) if 0 < old < new else []
    offline.check_consistency(_point(old), _point(new), proof)
    forged = (_point(old)._replace(root=bytes(32)), _point(new)), (_point(old), _point(new)._replace(root=bytes(32)))
    for before, after in forged if old else ():
        with pytest.raises(offline.Violated):
            offline.check_consistency(before, after, proof)
    for wrong in ([*proof, bytes(32)], proof[:-1] if proof else [bytes(32)]):
        with pytest.raises(offline.Violated):
            offline.check_consistency(_point(old), _point(new), wrong)
    if old < new:
        with pytest.raises(offline.Violated):
            offline.check_consistency(_point(new), _point(old), proof)


@given(_sizes(), st.integers(0, MOST - 1), st.randoms(use_true_random=False))
def test_range_is_that_of_the_plain_tree(between: tuple[int, int], more: int, random: Any) -> None:
    """The proof, and none that differs from it in a hash, a length, a place."""
    begin, end = between[0], between[1] + 1
    size = min(MOST, end + more)
    proof, leaves, root = range_proof(begin, end, size, TREE.read), TREE.leaves[begin:end], TREE.root(size)
    offline.check_range(leaves, begin, size, proof, root)
    wrong: list[tuple[list[bytes], list[bytes]]] = [([*leaves[1:], bytes(32)], proof), (leaves, [*proof, bytes(32)])]
    if proof:
        at = random.randrange(len(proof))
        wrong += [(leaves, proof[:at] + proof[at + 1 :]), (leaves, [*proof[:at], bytes(32), *proof[at + 1 :]])]
    for one, beside in wrong:
        with pytest.raises(offline.Violated):
            offline.check_range(one, begin, size, beside, root)


@given(st.integers(0, MOST))
def test_root_is_that_of_the_plain_tree(size: int) -> None:
    """From leaves alone."""
    tree = offline.Tree()
    for leaf in TREE.leaves[:size]:
        tree.add(leaf)
    assert tree.root() == TREE.root(size)


# -- consistency ------------------------------------------------------------------------------------------------


def _consistency(place: Place, old: bytes, new: bytes, **changes: Any) -> Answer:
    proof = [base64.b64encode(one).decode() for one in LIFE.tree().consistency(7, 11)]
    document = json.dumps({"from": 7, "to": 11, "proof": proof, **changes}).encode()
    return verify("consistency", place(old, "old"), place(new, "new"), place(document, "proof"))


def test_newer_checkpoint_extends_the_older(place: Place) -> None:
    """By the proof that the ledger hands out; or there is nothing to show."""
    assert _consistency(place, LIFE.checkpoint(7), LIFE.checkpoint(11)).code == 0
    assert _consistency(place, LIFE.checkpoint(7), LIFE.checkpoint(7), to=7, proof=[]).code == 0


def test_fork_is_found(place: Place) -> None:
    """Two clients compare what they were shown, of one size or of two."""
    fork = ProvenLog()
    fork.events[2] = replace(fork.events[2], state=fork.events[3].state)
    same = _consistency(place, LIFE.checkpoint(7), fork.checkpoint(7), to=7, proof=[])
    assert (same.code, "forked" in same.says) == (7, True)
    assert _consistency(place, fork.checkpoint(7), LIFE.checkpoint(11)).code == 7
    assert _consistency(place, LIFE.checkpoint(7), fork.checkpoint(11)).code == 7


def test_empty_log_has_one_root(place: Place) -> None:
    """And every log extends it."""
    new = LIFE.checkpoint(11)
    for root, code in ((offline.EMPTY_ROOT, 0), (bytes(32), 7)):
        text = f"{ORIGIN}\n0\n{base64.b64encode(root).decode()}\n"
        assert _consistency(place, sign_note(text, [LOG]), new, **{"from": 0, "proof": []}).code == code


def test_proof_that_is_none_is_refused(place: Place) -> None:
    """And the log may not have become smaller."""
    old, new = LIFE.checkpoint(7), LIFE.checkpoint(11)
    assert _consistency(place, old, new, proof=[]).code == 7
    assert _consistency(place, old, new, proof=["AA=="]).code == 2
    assert _consistency(place, old, new, to=12).code == 2
    assert _consistency(place, old, new, to=11.0).code == 2
    smaller = _consistency(place, new, old, **{"from": 11, "to": 7})
    assert (smaller.code, "does not extend" in smaller.says) == (7, True)
    other = sign_note(f"{WITNESS.name}\n" + new.decode().split("\n", 1)[1].partition("\n\n")[0] + "\n", [WITNESS])
    proof = [base64.b64encode(one).decode() for one in LIFE.tree().consistency(7, 11)]
    document = place(json.dumps({"from": 7, "to": 11, "proof": proof}).encode(), "proof")
    answer = verify("consistency", place(old, "old"), place(other, "new"), document, "--key", f"{WITNESS.public}")
    assert (answer.code, "two logs" in answer.says) == (7, True)


# -- files and terminals ------------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Without waiting for a pipe, or reading a device."""
    os_pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", os_pipe], check=True)
    for path, says in ((tmp_path, "regular"), (os_pipe, "regular"), (Path("/dev/zero"), "regular")):
        answer = verify("receipt", path)
        assert (answer.code, says in answer.says) == (2, True)
    assert verify("receipt", tmp_path / "missing").code == 2


def test_nothing_reaches_a_terminal_raw(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Text from a file could move the cursor, or read backwards."""
    trap = _receipt(disclosures={"\x1b[2J\u202e": {"salt": SALT, "value": 1}})
    assert offline.main(["receipt", str(place(trap)), "--key", KEY]) == 7
    said = "".join(capsys.readouterr())
    assert "\\x1b[2J\\u202e" in said
    assert said.replace("\n", "").isprintable()


def test_usage_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code of all command lines that are wrong."""
    with pytest.raises(SystemExit) as ended:
        offline.main(["recipe", "x"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
