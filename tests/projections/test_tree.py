"""The tree in the database is the tree over the stored bytes, whatever happens to whoever builds it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg

import tree_leader
from naive_tree import NaiveTree
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.transparency.merkle import leaf_hash, node_hash
from provenstore.domain.transparency.tile import TileKey
from provenstore.domain.transparency.tiled_tree import Edge
from provenstore.projections.engine.database import Pool
from provenstore.projections.tree.integrator import (
    Integrator,
    Outgrown,
    catch_up,
    checked_leaves,
    grow,
    take_up,
    tree_state,
    whole_tree,
)
from provenstore.projections.tree.proofs import Proofs
from raw_log import entries, entry, fill, tamper
from read_models import until
from tests.projections.conftest import Connect, ConnInfo

Connection = psycopg.Connection[Any]
LEADER = Path(tree_leader.__file__)


@pytest.fixture
def super_(conninfo: ConnInfo) -> Iterator[Connection]:
    """A superuser, who may do anything."""
    with psycopg.connect(conninfo("super"), autocommit=True) as connection:
        yield connection


@contextmanager
def integrating(connect: Connect, *, stretch: int = 4_096, poll: float = 0.01) -> Iterator[Integrator]:
    integrator = Integrator(connect, poll=poll, gather=0.0, takeover=0.05, stretch=stretch)
    integrator.start()
    try:
        yield integrator
    finally:
        integrator.stop()


def tiles(connection: Connection) -> dict[TileKey, bytes]:
    found = connection.execute("select level, number, hashes from provenstore.tile")
    return {TileKey(level, number): hashes for level, number, hashes in found}


def scratch(upto: int) -> dict[TileKey, bytes]:
    return dict(whole_tree(map(leaf_hash, entries(upto))))


def size(connection: Connection) -> int:
    return tree_state(connection).size


@pytest.mark.parametrize("stretch", [1, 7, 256, 4_096])
def test_sizes_around_the_borders_of_tiles(
    super_: Connection, connection: Connection, runner_pool: Pool, stretch: int
) -> None:
    """However it was cut into stretches: the root is the plain one, the tiles those of a tree from scratch."""
    proofs, plain = Proofs(runner_pool), NaiveTree(entries(514))
    steps = [1, 2, 255, 256, 257, 511, 512, 513, 514] if stretch > 1 else [1, 2, 3, 8]
    for upto in steps:
        fill(super_, upto)
        growing = take_up(connection)
        while grow(connection, growing, stretch):
            pass
        assert (size(connection), growing.size) == (upto, upto)
        assert proofs.root(upto) == plain.root(upto) == growing.root()
        assert tiles(connection) == scratch(upto)
        assert proofs.inclusion(upto - 1, upto) == plain.inclusion(upto - 1, upto)
        old = max(1, upto // 2)
        assert proofs.consistency(old, upto) == plain.consistency(old, upto)


def test_three_levels_of_tiles(super_: Connection, connection: Connection, runner_pool: Pool) -> None:
    """Beyond 65,536 leaves; the root is computed here level by level, in the way of nobody else."""
    upto = 65_537
    fill(super_, upto)
    assert catch_up(connection) == upto
    level = [leaf_hash(one) for one in entries(upto - 1)]
    while len(level) > 1:
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    proofs = Proofs(runner_pool)
    assert proofs.root(65_536) == level[0]
    assert proofs.root(65_537) == node_hash(level[0], leaf_hash(entry(upto)))
    assert {key.level for key in tiles(connection)} == {0, 1, 2}
    assert tiles(connection) == scratch(upto)


def test_the_tree_follows_the_log(super_: Connection, connect: Connect, connection: Connection) -> None:
    """What is there is taken at the start, and what comes when it is woken."""
    fill(super_, 10)
    with integrating(connect, poll=3_600) as integrator:
        until(lambda: size(connection) == 10)
        fill(super_, 300)
        integrator.wake()
        until(lambda: size(connection) == 300)
    assert not integrator.alive
    assert tiles(connection) == scratch(300)


def test_several_at_once(super_: Connection, connect: Connect, connection: Connection) -> None:
    """Some with the lead and some without: nothing is hashed twice or left out."""
    fill(super_, 2_000)
    taken: list[int] = []

    def race() -> None:
        with connect() as own:
            taken.append(catch_up(own))

    threads = [threading.Thread(target=race) for _ in range(2)]
    with integrating(connect, stretch=64), integrating(connect, stretch=50):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert taken == [2_000, 2_000]
    assert tiles(connection) == scratch(2_000)


def test_who_comes_second_writes_nothing(super_: Connection, connect: Connect, connection: Connection) -> None:
    """A leader that was cut off and does not know it."""
    fill(super_, 10)
    slow, quick = take_up(connection), take_up(connection)
    assert grow(connection, quick, 5) == 5
    with pytest.raises(Outgrown):
        grow(connection, slow, 10)
    assert (size(connection), tiles(connection)) == (5, scratch(5))


def test_a_killed_leader_is_followed(
    super_: Connection, conninfo: ConnInfo, connect: Connect, connection: Connection
) -> None:
    """By SIGKILL in the middle of its work; a second one takes over and the tree is the same."""
    fill(super_, 3_000)
    leader = subprocess.Popen([sys.executable, LEADER, conninfo("runner"), "10"])
    try:
        until(lambda: size(connection) > 0)
        with integrating(connect, stretch=100):
            leader.kill()
            until(lambda: size(connection) == 3_000)
    finally:
        leader.kill()
        leader.wait()
    assert tiles(connection) == scratch(3_000)


def test_a_leader_that_is_cut_off_goes_on(super_: Connection, connect: Connect, connection: Connection) -> None:
    """Its connection is terminated again and again, wherever it stands."""
    fill(super_, 3_000)
    with integrating(connect, stretch=10), integrating(connect, stretch=10):
        for _ in range(5):
            before = size(connection)
            super_.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database ="
                " (select oid from pg_database where datname = current_database())"
            )
            until(lambda before=before: size(connection) > before or size(connection) == 3_000)  # type: ignore[misc]
        until(lambda: size(connection) == 3_000)
    assert tiles(connection) == scratch(3_000)


def test_tiles_without_their_size_are_not_kept(super_: Connection, connect: Connect, connection: Connection) -> None:
    """A crash between the two leaves neither."""
    fill(super_, 10)
    super_.execute("create function public.cut() returns trigger language plpgsql as 'begin perform 1 / 0; end'")
    super_.execute("create trigger cut before insert on provenstore.tile for each row execute function public.cut()")
    with connect() as own, pytest.raises(psycopg.errors.DivisionByZero):
        grow(own, take_up(own))
    assert (size(connection), tiles(connection)) == (0, {})
    super_.execute("drop trigger cut on provenstore.tile")
    catch_up(connection)
    assert tiles(connection) == scratch(10)


ALTERED = "update provenstore.event set state = 'event 7.....'::bytea || '!' where position = 7"
MENDED = "update provenstore.event set state = 'event 7.....' where position = 7"
REMOVED = "delete from provenstore.event where position = 7"


@pytest.mark.parametrize(("deed", "words"), [(ALTERED, "not those that were sealed"), (REMOVED, "is missing")])
def test_what_was_altered_before_it_was_hashed_parks_the_tree(
    super_: Connection, connect: Connect, connection: Connection, deed: str, words: str
) -> None:
    """Loudly, with its position; what came before it is taken, and nothing after it."""
    fill(super_, 20)
    tamper(super_, deed)
    with integrating(connect):
        until(lambda: tree_state(connection).parked_position is not None)
        with pytest.raises(IntegrityViolated, match=f"position 7: .*{words}") as caught:
            tree_state(connection).require_running()
        assert caught.value.details["position"] == 7
        with connect() as own, pytest.raises(IntegrityViolated, match=words):
            catch_up(own)
    assert (size(connection), tiles(connection)) == (6, scratch(6))


@pytest.mark.parametrize("before", [255, 256, 300])
def test_a_log_that_was_cut_off_and_filled_again_parks_the_tree(
    super_: Connection, connection: Connection, before: int
) -> None:
    """Whatever is longer than the tree by now: nothing grows on what the log does not have any more."""
    fill(super_, before)
    assert catch_up(connection) == before
    tamper(super_, "delete from provenstore.event where position > 200")
    with pytest.raises(IntegrityViolated, match="is missing") as missing:
        catch_up(connection)
    fill(super_, 400, length=13)
    with pytest.raises(IntegrityViolated, match="not the one in the tree") as other:
        catch_up(connection)
    assert (missing.value.details["position"], other.value.details["position"], size(connection)) == (before,) * 3


def test_a_mended_row_lets_it_go_on(super_: Connection, connection: Connection) -> None:
    """As it was sealed again: the tree is that of a log that was never altered."""
    fill(super_, 20)
    tamper(super_, ALTERED)
    with pytest.raises(IntegrityViolated):
        catch_up(connection)
    tamper(super_, MENDED)
    assert catch_up(connection) == 20
    tree_state(connection).require_running()
    assert tiles(connection) == scratch(20)


def test_a_missing_tile_parks_the_tree(super_: Connection, connection: Connection) -> None:
    """It does not begin anew in the middle."""
    fill(super_, 20)
    catch_up(connection)
    tamper(super_, "delete from provenstore.tile")
    fill(super_, 21)
    with pytest.raises(IntegrityViolated, match="tile 0/0 has 0 hashes"):
        catch_up(connection)
    assert tree_state(connection).parked_position == 21


def test_leaves_are_hashed_from_bytes() -> None:
    """Not read from the column, and not past a gap."""
    good = [(n, entry(n), leaf_hash(entry(n))) for n in (5, 6, 8)]
    assert list(checked_leaves(4, good[:2])) == [leaf_hash(entry(5)), leaf_hash(entry(6))]
    with pytest.raises(IntegrityViolated) as caught:
        list(checked_leaves(4, good))
    assert caught.value.details["position"] == 7


def test_a_tree_from_scratch_is_the_grown_one() -> None:
    """Each tile once, as wide as it is in the end."""
    for upto in (0, 1, 256, 257, 700):
        growing, expected = Edge(), dict[TileKey, bytes]()
        for one in entries(upto):
            expected |= growing.append([leaf_hash(one)])
        found = list(whole_tree(map(leaf_hash, entries(upto))))
        assert len(found) == len(expected)
        assert dict(found) == expected


TAKEN_BACK = [
    "update provenstore.tile set hashes = substr(hashes, 1, 32)",
    "update provenstore.tile set hashes = decode(repeat('00', 64), 'hex')",
    "update provenstore.tree set size = size - 1",
    "update provenstore.checkpoint set note = 'other' where size = 1",
    "update provenstore.checkpoint set note = null where size = 1",
    "update provenstore.checkpoint set root = sha256('x'), note = 'x' where size = 2",
    "update provenstore.checkpoint set time = now(), note = 'x' where size = 2",
    *(f"delete from provenstore.{table}" for table in ("tile", "tree", "checkpoint")),
    *(f"truncate provenstore.{table}" for table in ("tile", "tree", "checkpoint")),
]


def test_the_tree_only_grows(super_: Connection, connection: Connection) -> None:
    """Neither the role that grows it nor the superuser takes anything back without switching the triggers off."""
    fill(super_, 2)
    catch_up(connection)
    super_.execute("insert into provenstore.checkpoint (size, root, note) values (1, sha256('1'), 'n')")
    super_.execute("insert into provenstore.checkpoint (size, root) values (2, sha256('2'))")
    for who in (super_, connection):
        for statement in TAKEN_BACK:
            with pytest.raises(pg.InsufficientPrivilege):
                who.execute(statement.encode())


def test_it_grows_by_the_runner_alone(connection: Connection) -> None:
    """Not by the writer, whose rights end at append()."""
    for table in ("tile", "tree", "checkpoint"):
        for right in ("insert", "update", "delete", "truncate"):
            query = f"select has_any_column_privilege('provenstore_writer', 'provenstore.{table}', '{right}')"
            if right in ("delete", "truncate"):
                query = query.replace("any_column", "table")
            assert connection.execute(query.encode()).fetchone() == (False,)
