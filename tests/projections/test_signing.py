"""Checkpoints come to be in an order that no crash breaks, and nothing is signed that does not extend what was."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from interposed import Crash, Interposed, raising
from naive_tree import NaiveTree
from note_keys import LOG, LOG_NEXT, ORIGIN
from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.keys.last_signed import LastSignedFile
from provenstore.domain.errors import (
    DatabaseUnavailable,
    IntegrityViolated,
    LogRewound,
    Misconfigured,
    Refused,
    Unavailable,
)
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.note import NoteSigner, parse_note
from provenstore.domain.transparency.signing import Signed, TreeHead, clear_alarm, learn, sign_next
from provenstore.projections.tree.checkpoints import HeadsOnRecord
from provenstore.projections.tree.integrator import catch_up
from provenstore.projections.tree.proofs import Proofs
from raw_log import back_up, entries, fill, restore, tamper
from tests.projections.conftest import ConnInfo, Pool

Connection = psycopg.Connection[Any]
PLAIN = NaiveTree(entries(40))


@pytest.fixture
def super_(conninfo: ConnInfo) -> Iterator[Connection]:
    """A superuser, who may do anything."""
    with psycopg.connect(conninfo("super"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def last(tmp_path: Path) -> LastSignedFile:
    """What the key remembers: nothing yet."""
    found = LastSignedFile(tmp_path / "signed.json")
    found.begin(ORIGIN)
    return found


@pytest.fixture
def heads(connection: Connection) -> HeadsOnRecord:
    """The tree and its heads."""
    return HeadsOnRecord(connection)


def grown(super_: Connection, connection: Connection, upto: int) -> None:
    fill(super_, upto)
    catch_up(connection)


def by(*keys: NoteSigner) -> Callable[[], Sequence[NoteSigner]]:
    return lambda: keys


def shown(proofs: Proofs) -> Checkpoint:
    newest = proofs.newest()
    assert newest is not None
    found = open_checkpoint(newest.note, [LOG])
    assert (found.size, found.root) == (newest.size, newest.root)
    return found


def test_what_is_new_is_signed(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, runner_pool: Pool
) -> None:
    """Once, over the root of exactly the events so far; the empty log is not."""
    proofs = Proofs(runner_pool)
    assert sign_next(heads, last, by(LOG)) is None
    with pytest.raises(Unavailable):
        proofs.under_newest(1)
    for upto in (3, 10):
        grown(super_, connection, upto)
        expected = Checkpoint(ORIGIN, upto, PLAIN.root(upto))
        assert sign_next(heads, last, by(LOG)) == shown(proofs) == expected
        assert sign_next(heads, last, by(LOG)) is None
        assert last.read() == Signed(ORIGIN, TreeHead(upto, expected.root))
    assert [one.size for one in proofs.checkpoints()] == [3, 10]
    assert [one.size for one in proofs.checkpoints(after=3)] == [10]
    assert proofs.under_newest(10)[0].size == 10
    with pytest.raises(Unavailable):
        proofs.under_newest(11)


def test_a_clock_that_goes_back(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, runner_pool: Pool
) -> None:
    """Changes nothing: checkpoints go by size, and nothing that is hashed or signed has their time."""
    grown(super_, connection, 3)
    sign_next(heads, last, by(LOG))
    tamper(super_, "update provenstore.checkpoint set time = now() + interval '1 year'")
    grown(super_, connection, 5)
    assert sign_next(heads, last, by(LOG)) == shown(Proofs(runner_pool)) == Checkpoint(ORIGIN, 5, PLAIN.root(5))


def test_two_keys_sign_both(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, runner_pool: Pool
) -> None:
    """While one follows the other."""
    grown(super_, connection, 3)
    sign_next(heads, last, by(LOG, LOG_NEXT))
    newest = Proofs(runner_pool).newest()
    assert newest is not None
    assert [one.key_id for one in parse_note(newest.note).signatures] == [LOG.key_id, LOG_NEXT.key_id]


WRITES = [("tree", "record"), ("last", "write"), ("tree", "attach")]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("port", "method"), [*WRITES, ("key", "sign")])
@pytest.mark.parametrize("grows", [True, False])
def test_a_crash_anywhere_is_followed_by_a_checkpoint(  # noqa: PLR0917  # fixtures
    super_: Connection,
    connection: Connection,
    last: LastSignedFile,
    runner_pool: Pool,
    port: str,
    method: str,
    when: Any,
    grows: bool,
) -> None:
    """Whether the log grew meanwhile or not; no note ever stands over what is not beside the key."""
    heads, proofs = HeadsOnRecord(connection), Proofs(runner_pool)
    grown(super_, connection, 5)
    sign_next(heads, last, by(LOG))
    grown(super_, connection, 10)
    ports: dict[str, Any] = {"tree": Interposed(heads), "last": Interposed(last), "key": Interposed(LOG)}
    ports[port].interrupt(method, when, raising(Crash))
    with pytest.raises(Crash):
        sign_next(ports["tree"], ports["last"], by(ports["key"]))
    assert not ports[port].armed
    assert shown(proofs).size <= last.read().head.size
    if grows:
        grown(super_, connection, 12)
    sign_next(heads, last, by(LOG))
    upto = 12 if grows else 10
    assert shown(proofs) == Checkpoint(ORIGIN, upto, PLAIN.root(upto))
    assert last.read() == Signed(ORIGIN, TreeHead(upto, PLAIN.root(upto)))


def test_the_order_of_writes(super_: Connection, connection: Connection, last: LastSignedFile) -> None:
    """On record, beside the key, then the signature, then the note: what was signed can always be told."""
    calls: list[str] = []
    tree, remembered, key = Interposed(HeadsOnRecord(connection)), Interposed(last), Interposed(LOG)
    tree.calls = remembered.calls = key.calls = calls
    grown(super_, connection, 5)
    sign_next(tree, remembered, by(key))
    writes = [one for one in calls if one in {"record", "write", "sign", "attach"}]
    assert writes == ["record", "write", "sign", "attach"]


def rewound(super_: Connection, connection: Connection, last: LastSignedFile) -> HeadsOnRecord:
    """Sign 5 and 10 events, then restore the backup from between."""
    heads = HeadsOnRecord(connection)
    grown(super_, connection, 5)
    sign_next(heads, last, by(LOG))
    back_up(super_)
    grown(super_, connection, 10)
    sign_next(heads, last, by(LOG))
    restore(super_)
    return heads


def other_events(super_: Connection, upto: int) -> None:
    """Fill the log anew, with events that are not those that were signed."""
    fill(super_, upto, length=30)


@pytest.mark.parametrize("upto", [5, 8, 10, 15])
def test_a_database_that_was_rewound_is_never_signed(  # noqa: PLR0917  # fixtures
    super_: Connection, connection: Connection, last: LastSignedFile, runner_pool: Pool, tmp_path: Path, upto: int
) -> None:
    """Whatever was recorded since; the alarm outlives a restart, and cannot be cleared while it is true."""
    heads = rewound(super_, connection, last)
    other_events(super_, upto)
    catch_up(connection)
    for _ in range(2):
        with pytest.raises(LogRewound, match=r"were signed|not the one that was signed"):
            sign_next(heads, last, by(LOG))
    restarted = LastSignedFile(tmp_path / "signed.json")
    assert restarted.begin(ORIGIN).alarm == last.read().alarm
    with pytest.raises(LogRewound):
        sign_next(heads, restarted, by(LOG))
    recorded: list[Signed] = []
    with pytest.raises(LogRewound):
        clear_alarm(heads, restarted, recorded.append)
    assert (recorded, shown(Proofs(runner_pool)).size) == ([], 5)
    assert restarted.read().alarm is not None


def test_a_second_host_remembers_what_the_first_has_signed(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, tmp_path: Path
) -> None:
    """Its own memory began with nothing; the first host is gone, and the database an older one that went on."""
    other = LastSignedFile(tmp_path / "other" / "signed.json")
    (tmp_path / "other").mkdir()
    other.begin(ORIGIN)
    learn(heads, other)
    assert other.read() == Signed(ORIGIN)
    grown(super_, connection, 5)
    back_up(super_)
    grown(super_, connection, 9)
    sign_next(heads, last, by(LOG))
    learn(heads, other)
    assert other.read() == last.read() == Signed(ORIGIN, TreeHead(9, PLAIN.root(9)))
    restore(super_)
    with pytest.raises(LogRewound, match="9 were signed"):
        learn(heads, other)
    fill(super_, 20, length=13)
    catch_up(connection)
    with pytest.raises(LogRewound, match="9 were signed"):
        learn(heads, other)
    with pytest.raises(LogRewound, match="9 were signed"):
        sign_next(heads, other, by(LOG))


def test_an_alarm_that_is_over_is_cleared_by_hand(
    super_: Connection, connection: Connection, last: LastSignedFile
) -> None:
    """The right database is back; still nothing is signed before somebody says so."""
    heads = rewound(super_, connection, last)
    with pytest.raises(LogRewound):
        sign_next(heads, last, by(LOG))
    grown(super_, connection, 12)  # the very events that were lost, and two more
    with pytest.raises(LogRewound):
        sign_next(heads, last, by(LOG))
    recorded: list[Signed] = []
    with pytest.raises(RuntimeError, match="died"):
        clear_alarm(heads, last, lambda _: raising_died())
    assert last.read().alarm is not None
    cleared = clear_alarm(heads, last, recorded.append)
    assert (cleared, recorded[0].alarm is not None) == (last.read(), True)
    assert cleared.alarm is None
    signed = sign_next(heads, last, by(LOG))
    assert signed == Checkpoint(ORIGIN, 12, PLAIN.root(12))
    with pytest.raises(Refused, match="there is no alarm"):
        clear_alarm(heads, last, recorded.append)


def raising_died() -> None:
    raise RuntimeError("died before it was recorded")


DEEDS = {
    "an altered tile": "update provenstore.tile set hashes = sha256('x') || substr(hashes, 33)",
    "another root on record": "update provenstore.checkpoint set root = sha256('x')",
    "a truncated log": "delete from provenstore.event where position > 4",
    "a log shorter than its tree": "delete from provenstore.event where position > 7",
    "a tree cut short": "update provenstore.tree set size = 3",
    "a tile cut short": "update provenstore.tile set hashes = substr(hashes, 1, 32)",
    "no tiles": "delete from provenstore.tile",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_altered_is_not_signed(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, deed: str
) -> None:
    """In tiles, heads, tree or log; the log has grown since, so that there would be something to sign."""
    grown(super_, connection, 5)
    sign_next(heads, last, by(LOG))
    grown(super_, connection, 9)
    tamper(super_, DEEDS[deed])
    if deed == "a tree cut short":
        assert sign_next(heads, last, by(LOG)) is None  # it may have fallen behind; nothing is signed
    else:
        with pytest.raises(IntegrityViolated):
            sign_next(heads, last, by(LOG))
    assert last.read().head == TreeHead(5, PLAIN.root(5))


def test_another_key_holder_s_head_counts(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, tmp_path: Path
) -> None:
    """A host that has signed nothing yet still extends what is on record."""
    elsewhere, here = (LastSignedFile(tmp_path / name) for name in ("a.json", "b.json"))
    for one in (elsewhere, here):
        one.begin(ORIGIN)
    grown(super_, connection, 5)
    sign_next(heads, elsewhere, by(LOG))
    tamper(super_, "update provenstore.tile set hashes = sha256('x') || substr(hashes, 33)")
    with pytest.raises(LogRewound):
        sign_next(heads, here, by(LOG))


def test_keys_are_asked_for_while_nobody_can_change_them(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile, tmp_path: Path
) -> None:
    """A key that is retired meanwhile would sign once more, and alone."""
    grown(super_, connection, 5)

    def keys() -> Sequence[NoteSigner]:
        lock = FileLock(tmp_path / "signed.lock")
        assert not lock.acquire(seconds=0)
        lock.close()
        return [LOG]

    assert sign_next(heads, last, keys) is not None


def test_a_memory_that_is_behind_learns_from_what_is_on_record(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, last: LastSignedFile
) -> None:
    """Though there is nothing to sign; a database that is rewound next would otherwise be one that extends it."""
    grown(super_, connection, 5)
    sign_next(heads, last, by(LOG))
    signed = last.read()
    last.write(Signed(ORIGIN))
    assert sign_next(heads, last, by(LOG)) is None
    assert last.read() == signed


def test_a_head_on_record_stands(super_: Connection, connection: Connection, heads: HeadsOnRecord) -> None:
    """Again it is nothing, with another root it is refused; a note is not replaced."""
    grown(super_, connection, 2)
    head = TreeHead(2, PLAIN.root(2))
    for _ in range(2):
        heads.record(head)
    with pytest.raises(IntegrityViolated):
        heads.record(TreeHead(2, PLAIN.root(1)))
    for note in (b"one", b"two"):
        heads.attach(2, note)
    newest = heads.standing().newest
    assert newest is not None
    assert (newest.head, newest.note) == (head, b"one")


def test_a_database_that_is_away_raises_no_alarm(connection: Connection, last: LastSignedFile) -> None:
    """Nothing is known then."""
    heads = HeadsOnRecord(connection)
    connection.close()
    with pytest.raises(DatabaseUnavailable):
        sign_next(heads, last, by(LOG))
    assert last.read().alarm is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"null", b"\xff", b'{"alarm":null,"origin":"a","root":"00","size":1}', b'{"alarm": null}'],
)
def test_a_damaged_memory_signs_nothing(
    super_: Connection, connection: Connection, heads: HeadsOnRecord, tmp_path: Path, content: bytes
) -> None:
    """It is neither taken for a fresh one nor overwritten; no more is one that has vanished."""
    path = tmp_path / "signed.json"
    last = LastSignedFile(path)
    last.begin(ORIGIN)
    grown(super_, connection, 2)
    path.write_bytes(content)
    for act in (lambda: sign_next(heads, last, by(LOG)), lambda: last.begin(ORIGIN)):
        with pytest.raises(IntegrityViolated, match=r"signed\.json"):
            act()
    assert path.read_bytes() == content
    path.unlink()
    with pytest.raises(IntegrityViolated, match=r"signed\.json"):
        sign_next(heads, last, by(LOG))


def test_whoever_only_looks_need_not_be_able_to_write(tmp_path: Path) -> None:
    """As on a read-only copy of the data directory; a link in its place is neither followed nor replaced."""
    path = tmp_path / "signed.json"
    LastSignedFile(path).begin(ORIGIN)
    (tmp_path / "signed.lock").unlink()
    (tmp_path / "signed.lock").mkdir()  # what nobody can open to write, not even root
    last = LastSignedFile(path)
    assert last.begin("other.example") == last.read() == Signed(ORIGIN)
    with pytest.raises(Misconfigured, match=r"signed\.json.* cannot be used"), last.held():
        pass
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match=r"signed\.json.* cannot be used"):
        last.begin(ORIGIN)
    assert path.is_symlink()


def test_the_memory_is_whole_and_ours(tmp_path: Path) -> None:
    """Renamed over, leaving nothing beside it; the first origin stays; a file that others may write is refused."""
    path = tmp_path / "signed.json"
    last = LastSignedFile(path)
    assert last.begin(ORIGIN) == last.begin("other.example") == Signed(ORIGIN)
    last.write(Signed(ORIGIN, TreeHead(7, PLAIN.root(7)), "an alarm"))
    assert LastSignedFile(path).read() == Signed(ORIGIN, TreeHead(7, PLAIN.root(7)), "an alarm")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["signed.json", "signed.lock"]
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o620)
    with pytest.raises(Exception, match="only this user can write"):
        last.read()
