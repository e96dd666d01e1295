"""Whoever owns database, bucket and tiles: `verify` names where it begins, as long as one witness is not theirs."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from custody import ADMIN
from kept_ledger import KeptLedger, Row, kept_ledger
from provenstore.adapters.keys.signing_key import SigningKey, draw_signing_key
from provenstore.adapters.publishing.objects import Publisher
from provenstore.adapters.publishing.sources import LogFolder
from provenstore.api.acts.proofs import workspace_page
from provenstore.api.maintenance.verification import verify_elsewhere, verify_objects
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import open_services
from provenstore.domain.canonical import canonical
from provenstore.domain.errors import Forbidden, IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.proofs.published_log import Checked
from provenstore.domain.proofs.tree_check import EXTENDS, LEAVES, OBJECTS, ROOTS, SIGNATURES, TILES
from provenstore.domain.proofs.verification import GUARDS
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.tile import EntryBundle, encode_entries
from provenstore.projections.tree.integrator import catch_up

AT = 150
"""A position in the first tile, under an older checkpoint."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptLedger]:
    with kept_ledger(tmp_path_factory.mktemp("kept"), files=91) as ledger:
        assert ledger.heads[-1] > 256 > ledger.heads[2] > AT > ledger.heads[1]
        yield ledger


@pytest.fixture
def ledger(shared: KeptLedger) -> Iterator[KeptLedger]:
    assert shared.verify().findings == ()
    yield shared
    shared.restore()


def nothing(_done: int, _total: int) -> None:
    pass


# -- the log, with the tree as a witness ---------------------------------------------------------------------


def test_one_byte(ledger: KeptLedger) -> None:
    """The tile says which leaf it was."""
    stream = ledger.stream_at(AT)
    ledger.tamper(f"update provenstore.event set state = set_byte(state, 30, 120) where position = {AT}")
    found = ledger.findings()[LEAVES]
    assert (found.position, found.stream, found.tile) == (AT, stream, "tile/0/000")
    first = ledger.verify().first
    assert first is not None
    assert (first.position, first.stream) == (AT, stream)


def test_one_deleted(ledger: KeptLedger) -> None:
    """Its own position is named, not the one behind it."""
    ledger.tamper(f"delete from provenstore.event where position = {AT}")
    found = ledger.verify()
    assert found.first is not None
    assert (found.first.position, found.first.step, found.first.tile) == (AT, LEAVES, "tile/0/000")


def other_outcome(row: Row) -> None:
    row["decision"] = "a rule that nobody knew"


def swap(rows: list[Row]) -> None:
    """Swap two events of different files, in everything but the times."""
    first, second = next(
        (one, two)
        for one, two in zip(range(AT - 1, AT + 20), range(AT, AT + 21), strict=True)
        if rows[one]["stream"] != rows[two]["stream"]
    )
    rows[first], rows[second] = rows[second], rows[first]
    rows[first]["time"], rows[second]["time"] = rows[second]["time"], rows[first]["time"]


def insert(rows: list[Row]) -> None:
    """Slip an event of a workspace in that has no other, so that no chain misses it."""
    forged = {**rows[AT - 1], "id": "01990000-0000-7000-8000-00000000f00d", "private": {}}
    rows.insert(AT, {**forged, "stream": "access:01990000-0000-7000-8000-0000000000aa", "workspace": "ghost"})


FORGERIES = {
    "changed, and all that follows": lambda rows: other_outcome(rows[AT - 1]),
    "deleted and closed up": lambda rows: rows.pop(AT - 1),
    "swapped": swap,
    "inserted": insert,
}


@pytest.mark.parametrize("case", FORGERIES)
def test_a_suffix_that_agrees_with_itself(ledger: KeptLedger, case: str) -> None:
    """Chains, numbers and columns are sound; the tree is the witness against all of it, from the first event on."""
    before = ledger.states()
    ledger.rewrite(FORGERIES[case])
    first = next(at for at, pair in enumerate(zip(before, ledger.states(), strict=False), 1) if pair[0] != pair[1])
    found = ledger.findings()
    assert not found.keys() & {1, 2, 3, 4, 5, 6}
    assert (found[LEAVES].position, found[LEAVES].tile) == (first, "tile/0/000")
    assert AT <= first <= AT + 21


def test_the_tiles_were_forged_too(ledger: KeptLedger) -> None:
    """Each further forgery is found by the next witness, down to a checkpoint that somebody kept elsewhere."""
    older = ledger.heads[1]
    kept = ledger.services.proofs.checkpoints(after=ledger.heads[2] - 1, limit=1)[0].note
    ledger.rewrite(FORGERIES["changed, and all that follows"])
    ledger.retile()
    # The checkpoints in the database: those before it agree, the first one behind it does not.
    found = ledger.findings()
    assert LEAVES not in found
    assert found[ROOTS].position == older + 1
    assert f"positions {older + 1} to {ledger.heads[2]}" in found[ROOTS].problem
    # Their roots were changed: the signatures say something else.
    roots = [
        f"update provenstore.checkpoint set root = '\\x{ledger.root(size).hex()}' where size = {size}"
        for size in ledger.heads
    ]
    ledger.tamper(*roots)
    found = ledger.findings()
    assert ROOTS not in found
    assert found[SIGNATURES].position == ledger.heads[2]
    # They are gone: the key remembers.
    ledger.tamper(f"delete from provenstore.checkpoint where size > {older}")
    found = ledger.findings()
    assert SIGNATURES not in found
    assert (found[EXTENDS].position, set(found)) == (older + 1, {EXTENDS})
    assert "what the key last signed" in found[EXTENDS].problem
    # Its memory was forged as well: whoever kept a checkpoint finds it.
    said = {**json.loads(ledger.memory), "root": ledger.root(older).hex(), "size": older}
    ledger.remembered.write_bytes(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
    assert ledger.findings() == {}
    found = ledger.findings(checkpoints=(("kept.txt", kept),))
    assert found[EXTENDS].position == older + 1
    assert "the checkpoint in kept.txt" in found[EXTENDS].problem


def test_the_tail_was_cut(ledger: KeptLedger) -> None:
    """Tree and checkpoints say how long the log was."""
    ledger.tamper("delete from provenstore.event where position > 250")
    found = ledger.findings()
    assert (found[TILES].position, found[ROOTS].position, found[EXTENDS].position) == (251, 251, 251)
    assert "its end is gone" in found[TILES].problem


@pytest.mark.parametrize("lost", [False, True])
def test_rewound_to_an_older_backup(ledger: KeptLedger, lost: bool) -> None:
    """Everything in the database agrees; the key has signed more than there is, be it lost since or not."""
    size = ledger.heads[1]
    ledger.tamper(
        f"delete from provenstore.event where position > {size}",
        f"delete from provenstore.checkpoint where size > {size}",
    )
    ledger.retile()
    key, away = (ledger.remembered.with_name(name) for name in ("log.key", "log.away"))
    if lost:
        key.rename(away)
    try:
        found = ledger.findings()
    finally:
        if lost:
            away.rename(key)
    assert found[EXTENDS].position == size + 1
    assert not found.keys() & {LEAVES, TILES, ROOTS, SIGNATURES}


def test_forked_for_two_clients(ledger: KeptLedger) -> None:
    """A checkpoint that another client was shown is of another tree, however well it is signed."""
    signers = ledger.services.log_keys.signers()
    origin = ledger.services.log_keys.origin
    shown = sign_checkpoint(Checkpoint(origin, ledger.heads[1], bytes(32)), signers)
    found = ledger.findings(checkpoints=(("theirs.txt", shown),))
    assert (found[EXTENDS].position, set(found)) == (ledger.heads[0] + 1, {EXTENDS})
    forged = sign_checkpoint(Checkpoint(origin, 5, bytes(32)), [SigningKey(draw_signing_key(origin))])
    with pytest.raises(InvalidProof, match=r"forged\.txt"):
        ledger.findings(checkpoints=(("forged.txt", forged),))
    with pytest.raises(InvalidInput, match=r"none\.txt"):
        ledger.findings(checkpoints=(("none.txt", b"nothing"),))


def announce(ledger: KeptLedger, *keys: SigningKey) -> None:
    # By another process: this one still remembers what other tests have recorded, which is gone by now.
    with open_services(ledger.settings, sweep=False) as services:
        services.log_keeping.record_keys(SYSTEM, services.log_keys.origin, [str(key.verifier) for key in keys])


def sign_by(ledger: KeptLedger, *keys: SigningKey) -> int:
    """Sign the log as it is now by these keys, and put that on record; return its size."""
    with ledger.services.connect() as connection:
        connection.autocommit = True
        size = catch_up(connection)
    root = ledger.root(size)
    note = sign_checkpoint(Checkpoint(ledger.services.log_keys.origin, size, root), keys)
    ledger.operator.execute(
        "insert into provenstore.checkpoint (size, root, note) values (%s, %s, %s)", (size, root, note)
    )
    return size


def test_a_checkpoint_by_a_key_that_is_gone(ledger: KeptLedger) -> None:
    """One key names the next, under a checkpoint of its own: whoever has either can check what both have signed."""
    (old,), new = ledger.services.log_keys.signers(), SigningKey(draw_signing_key(ledger.services.log_keys.origin))
    kept = ledger.services.proofs.checkpoints(limit=1)[0].note
    announce(ledger, old, new)
    sign_by(ledger, old, new)
    announce(ledger, new)
    sign_by(ledger, new)
    for key in (old, new):
        assert ledger.findings(checkpoints=(("kept.txt", kept),), keys=(str(key.verifier),)) == {}
    assert ledger.findings() == {}


def test_a_log_that_names_its_own_keys(ledger: KeptLedger) -> None:
    """Written and signed anew by a key that the log itself names: nothing leads there from the key that was given."""
    (true,), forged = ledger.services.log_keys.signers(), SigningKey(draw_signing_key(ledger.services.log_keys.origin))
    given = {"keys": (str(true.verifier),)}
    size = ledger.heads[-1]
    announce(ledger, true, forged)
    behind = sign_by(ledger, forged)
    found = ledger.findings(**given)
    assert (found[SIGNATURES].position, set(found)) == (behind, {SIGNATURES})
    # The honest checkpoints, under which it was not named, are gone: no key that was given has signed anything.
    ledger.tamper(f"delete from provenstore.checkpoint where size <= {size}")
    assert ledger.findings(**given)[SIGNATURES].position == behind
    with ledger.services.connect() as connection:
        theirs = connection.execute("select note from provenstore.checkpoint order by size desc limit 1").fetchone()
    assert theirs is not None
    with pytest.raises(InvalidProof, match=r"theirs\.txt: bears no signature by a key that is believed"):
        ledger.findings(checkpoints=(("theirs.txt", bytes(theirs[0])),), **given)


def test_a_log_without_a_key_from_elsewhere(ledger: KeptLedger) -> None:
    """The keys that the log names are not believed for that alone: signatures are said not to have been checked."""
    kept = ledger.services.proofs.checkpoints(limit=1)[0].note
    ledger.remembered.rename(ledger.remembered.with_suffix(".away"))
    try:
        assert SIGNATURES in ledger.verify().unchecked
        with pytest.raises(InvalidInput, match="--key"):
            ledger.verify(checkpoints=(("kept.txt", kept),))
    finally:
        ledger.remembered.with_suffix(".away").rename(ledger.remembered)


@pytest.mark.parametrize(
    ("statement", "step", "position", "tile"),
    [
        ("set_byte(hashes, 32 * 40, 1) where level = 0 and number = 0", LEAVES, 41, "tile/0/000"),
        ("set_byte(hashes, 5, 1) where level = 1", TILES, 1, "tile/1/000.p/1"),
        ("substr(hashes, 1, 32) where level = 0 and number = 1", TILES, 257, "tile/0/001.p/"),
    ],
)
def test_a_tile_was_altered(ledger: KeptLedger, statement: str, step: int, position: int, tile: str) -> None:
    """Its path is named, and which positions its hash stands for."""
    ledger.tamper(f"update provenstore.tile set hashes = {statement}")
    found = ledger.findings()[step]
    assert (found.position, found.tile.startswith(tile)) == (position, True)


@pytest.mark.parametrize("size", [0, 256, -5])
def test_the_tree_was_set_back(ledger: KeptLedger, size: int) -> None:
    """All tiles that were signed are looked at, however large the tree says it is; that it shrank is named."""
    ledger.tamper(
        "alter table provenstore.tree drop constraint tree_size_check",
        f"update provenstore.tree set size = {size}",
        "update provenstore.tile set hashes = set_byte(hashes, 32 * 4 + 5, 1) where level = 0 and number = 1",
    )
    found = ledger.findings()
    assert (found[LEAVES].position, found[LEAVES].tile) == (261, f"tile/0/001.p/{ledger.heads[-1] - 256}")
    assert (found[TILES].position, "when it was signed" in found[TILES].problem) == (max(size, 0) + 1, True)
    ledger.tamper(
        "update provenstore.tree set size = 0",
        "alter table provenstore.tree add constraint tree_size_check check (size >= 0)",
    )


@pytest.mark.parametrize(
    ("table", "column", "where", "place"),
    [
        ("event", "state", f"where position = {AT}", (2, AT)),
        ("event", "leaf", f"where position = {AT}", (2, AT)),
        ("tile", "hashes", "where level = 0 and number = 1", (TILES, 257)),
    ],
)
def test_a_column_without_a_value(
    ledger: KeptLedger, table: str, column: str, where: str, place: tuple[int, int]
) -> None:
    """The owner may allow it, and still is told where."""
    column_of = f"alter table provenstore.{table} alter {column}"
    ledger.tamper(f"{column_of} drop not null", f"update provenstore.{table} set {column} = null {where}")
    try:
        assert place in {(one.step, one.position) for one in ledger.verify().findings}
    finally:
        ledger.restore()
        ledger.tamper(f"{column_of} set not null")


def test_all_checkpoints_are_gone(ledger: KeptLedger) -> None:
    """The key knows of one, so it was on record."""
    ledger.tamper("delete from provenstore.checkpoint")
    found = ledger.findings()
    assert (found[EXTENDS].position, set(found)) == (ledger.heads[-1], {EXTENDS})
    assert "last signed, is not on record" in found[EXTENDS].problem


def test_a_note_was_altered(ledger: KeptLedger) -> None:
    """A signature that does not fit, and a note of another size, are named by the size they stand at."""
    one, two, *_ = ledger.heads
    ledger.tamper(
        f"update provenstore.checkpoint set note = (select note from provenstore.checkpoint where size = {one})"
        f" where size = {two}"
    )
    found = ledger.findings()
    assert (found[SIGNATURES].position, set(found)) == (two, {SIGNATURES})
    ledger.tamper(f"update provenstore.checkpoint set note = note || 'x' where size = {one}")
    assert ledger.findings()[SIGNATURES].position == one


def test_a_time_that_is_none(ledger: KeptLedger) -> None:
    """No checkpoint says when it was signed, so nothing is wrong with the log; and everything can still be read."""
    ledger.tamper("update provenstore.checkpoint set time = 'infinity'")
    assert ledger.verify().findings == ()
    assert len(ledger.services.proofs.checkpoints()) == len(ledger.heads)


def test_what_is_new_is_said_to_be(ledger: KeptLedger) -> None:
    """Events behind the newest checkpoint are counted, and steps that cannot be taken named."""
    assert ledger.verify().unsigned == 0
    ledger.tamper(
        "delete from provenstore.checkpoint", "delete from provenstore.tile", "update provenstore.tree set size = 0"
    )
    ledger.remembered.rename(ledger.remembered.with_suffix(".away"))
    found = ledger.verify()
    ledger.remembered.with_suffix(".away").rename(ledger.remembered)
    assert found.findings == ()
    assert found.unsigned == found.checked
    assert found.unchecked.keys() == {LEAVES, TILES, ROOTS, SIGNATURES, EXTENDS, OBJECTS}


def test_a_position_beyond_all(ledger: KeptLedger) -> None:
    """A row far behind the end, under a tree that claims as much, keeps nobody busy."""
    ledger.tamper(f"update provenstore.event set position = {2**60} where position = {ledger.heads[-1]}")
    ledger.tamper(f"update provenstore.tree set size = {2**60}")
    found = ledger.findings()
    assert found[1].position == 2**60
    assert found[TILES].position == ledger.heads[-1]


def test_private_values_are_not_looked_at_where_not_wanted(ledger: KeptLedger) -> None:
    """And that is said."""
    assert 7 not in ledger.verify().unchecked
    assert ledger.verify(values=False).unchecked[7] == "not wanted"


def test_a_list_with_a_hole_is_not_handed_out(ledger: KeptLedger) -> None:
    """A workspace whose event is gone has no proof any more, not a shorter one."""
    page = partial(workspace_page, ledger.services, ADMIN, "acme", through=None, after=0, limit=1_000)
    assert page()["next"] is None
    ledger.tamper(f"delete from provenstore.event where position = {AT}")
    with pytest.raises(IntegrityViolated, match="missing from the workspace"):
        page()


# -- objects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"), [(b"CONTENT", "another SHA-256"), (b"short", "bytes"), (None, "missing")]
)
def test_an_object_was_swapped(ledger: KeptLedger, content: bytes | None, problem: str) -> None:
    """The bytes behind the ledger's back: found by reading them, and the file named."""
    path = ledger.object_of(ledger.files[7])
    before = path.read_bytes()
    path.chmod(0o600)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    found = verify_objects(ledger.settings, ledger.verify(), nothing)
    path.write_bytes(before)
    assert [(one.step, one.stream) for one in found.findings] == [(OBJECTS, f"file:{ledger.files[7]}")]
    assert problem in found.findings[0].problem
    assert OBJECTS not in found.unchecked
    assert verify_objects(ledger.settings, ledger.verify(), nothing).findings == ()


def test_an_object_that_is_kept_elsewhere(ledger: KeptLedger) -> None:
    """What cannot be read is no finding, and said to be unread."""

    def move(rows: list[Row]) -> None:
        next(row for row in rows if row["type"] == "file.upload_initiated.v1")["data"]["provider"] = "elsewhere"

    ledger.rewrite(move)
    found = verify_objects(ledger.settings, Checked(0, (), {}), nothing)
    assert found.findings == ()
    assert found.unchecked[OBJECTS].startswith("1 of 91 could not be read: the file's object is kept in elsewhere")


# -- what is published ---------------------------------------------------------------------------------------


@pytest.fixture
def published(ledger: KeptLedger, tmp_path: Path) -> Path:
    services = ledger.services
    newest = services.proofs.newest()
    assert newest is not None
    Publisher(services.ledger.store, tmp_path.name, services.proofs).publish(newest.note)
    return ledger.settings.data_dir / "objects" / tmp_path.name


def check(ledger: KeptLedger, folder: Path, **asked: object) -> Checked:
    return verify_elsewhere(ledger.settings, LogFolder(folder), Asked(**asked), nothing)  # type: ignore[arg-type]  # by name


def alter(folder: Path, path: str, at: int) -> None:
    content = bytearray((folder / path).read_bytes())
    content[at] ^= 1
    (folder / path).chmod(0o600)
    (folder / path).write_bytes(content)


def test_published_and_sound(ledger: KeptLedger, published: Path) -> None:
    """Everything is checked but what is not published."""
    found = check(ledger, published)
    assert (found.checked, found.findings) == (ledger.heads[-1], ())
    assert found.unchecked.keys() == {3, 7, 8, EXTENDS, OBJECTS, GUARDS}


@pytest.mark.parametrize(
    ("path", "at", "place"),
    [
        ("tile/entries/000", 2 + 40, (LEAVES, 1)),
        ("tile/entries/000", 0, (1, 1)),
        ("tile/0/000", 32 * 9, (LEAVES, 10)),
        ("tile/1/000.p/1", 0, (TILES, 1)),
        ("checkpoint", 60, (SIGNATURES, 0)),
    ],
)
def test_published_and_altered(ledger: KeptLedger, published: Path, path: str, at: int, place: tuple[int, int]) -> None:
    """The file is named, and the position that it stands for."""
    alter(published, path, at)
    found = {(one.step, one.position): one.tile for one in check(ledger, published).findings}
    assert found[place] in {path, "tile/0/000"}


def test_an_entry_that_was_altered_is_what_is_named_first(ledger: KeptLedger, published: Path) -> None:
    """And not the whole stretch whose root it changes."""
    before = sum(2 + len(state) for state in ledger.states()[: AT - 1])
    alter(published, "tile/entries/000", before + 2 + 40)
    first = check(ledger, published).first
    assert first is not None
    assert (first.position, first.tile) in {(AT, "tile/entries/000"), (AT, "tile/0/000")}


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"])
def test_published_and_missing(ledger: KeptLedger, published: Path, path: str) -> None:
    """A hole in what is published is no less a finding."""
    (published / path).unlink()
    found = check(ledger, published).first
    assert found is not None
    assert (found.position, found.tile) == (1, path)


def test_published_and_shut_midway(ledger: KeptLedger, published: Path) -> None:
    """What the entries showed before their publisher shows no more of them counts."""

    class Shutting(LogFolder):
        def entries(self, bundle: EntryBundle) -> bytes | None:
            if bundle.number:
                raise Forbidden
            return super().entries(bundle)

    states = ledger.states()
    row = json.loads(states[AT - 1])
    states[AT - 1] = canonical({**row, "version": row["version"] + 1})
    (published / "tile/entries/000").chmod(0o600)
    (published / "tile/entries/000").write_bytes(encode_entries(states[:256]))
    found = verify_elsewhere(ledger.settings, Shutting(published), Asked(), nothing)
    assert {(LEAVES, AT), (4, AT)} <= {(one.step, one.position) for one in found.findings}
    assert found.unchecked[4] == "the entries may not be read from position 257 on"


def test_published_otherwise_than_before(ledger: KeptLedger, published: Path) -> None:
    """A checkpoint kept from earlier shows that the log has another past; one by a stranger's key is none."""
    origin, signers = ledger.services.log_keys.origin, ledger.services.log_keys.signers()
    earlier = sign_checkpoint(Checkpoint(origin, 9, bytes(32)), signers)
    found = check(ledger, published, checkpoints=(("kept.txt", earlier),)).first
    assert found is not None
    assert (found.step, found.position) == (EXTENDS, 1)
    stranger = SigningKey(draw_signing_key(origin))
    found = check(ledger, published, keys=(str(stranger.verifier),)).first
    assert found is not None
    assert (found.step, found.tile) == (SIGNATURES, "checkpoint")


def test_published_without_a_key(ledger: KeptLedger, published: Path, tmp_path: Path) -> None:
    """A log is not believed by what it says of itself."""
    elsewhere = ledger.settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    with pytest.raises(InvalidInput, match="--key"):
        verify_elsewhere(elsewhere, LogFolder(published), Asked(), nothing)
