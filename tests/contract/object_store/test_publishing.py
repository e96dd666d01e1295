"""A published log can be checked by itself at every moment, whatever the publisher dies of."""

from collections.abc import Sequence
from typing import Any

import pytest

from interposed import Crash, Interposed, raising
from naive_tree import NaiveTree
from note_keys import LOG, ORIGIN, NoteKey
from provenstore.adapters.publishing.objects import Publisher, check_prefix
from provenstore.adapters.publishing.sources import LogInStore
from provenstore.domain.errors import IntegrityViolated, InvalidInput, LogRewound, Refused
from provenstore.domain.proofs.published_log import LogSource
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import Subtree, leaf_hash
from provenstore.domain.transparency.tile import EntryBundle, Tile, bundles_between, parse_entries, tiles_between
from provenstore.domain.transparency.tiled_tree import Edge
from raw_log import entries

PREFIX = "public/log"


class Log:
    """Entries, and the tree over them by plain recursion."""

    def __init__(self, all_entries: Sequence[bytes]) -> None:
        self.all = all_entries
        self.tree = NaiveTree(all_entries)

    def root(self, size: int) -> bytes:
        return self.tree.root(size)

    def tile(self, tile: Tile) -> bytes:
        first = tile.number * 256
        wanted = [Subtree(8 * tile.level, number) for number in range(first, first + tile.width)]
        return b"".join(self.tree.read(wanted))

    def entries(self, bundle: EntryBundle) -> Sequence[bytes]:
        return self.all[bundle.begin : bundle.begin + bundle.width]

    def note(self, size: int, key: NoteKey = LOG) -> bytes:
        return sign_checkpoint(Checkpoint(key.name, size, self.root(size)), [key])


ONE = Log(entries(600))
OTHER = Log(entries(600, length=20))


def read(store: ObjectStore, path: str) -> bytes:
    with store.get(f"{PREFIX}/{path}") as reader:
        return b"".join(reader)


def keys(store: ObjectStore) -> dict[str, bytes]:
    found = [one.key.removeprefix(f"{PREFIX}/") for one in store.list(f"{PREFIX}/").objects]
    return {path: read(store, path) for path in found}


def checked(store: ObjectStore) -> int:
    """Check what is published by what is published alone, and return its size."""
    found = open_checkpoint(read(store, "checkpoint"), [LOG])
    tree = Edge()
    for bundle in bundles_between(0, found.size):
        tree.append([leaf_hash(one) for one in parse_entries(read(store, bundle.path), bundle.width)])
    assert tree.root() == found.root
    for tile in tiles_between(0, found.size):
        assert read(store, tile.path) == ONE.tile(tile)
    return found.size


def test_what_is_published_is_enough(store: ObjectStore) -> None:
    """At every size, also across the borders of tiles; partial tiles go when they are full."""
    publisher = Publisher(store, PREFIX, ONE)
    for size in (1, 2, 255, 256, 257, 511, 600):
        published = publisher.publish(ONE.note(size))
        assert published == Checkpoint(ORIGIN, size, ONE.root(size))
        assert checked(store) == size
        assert publisher.publish(ONE.note(size)) is None
    partial = sorted(path for path in keys(store) if ".p/" in path)
    assert partial == ["tile/0/002.p/88", "tile/1/000.p/1", "tile/1/000.p/2", "tile/entries/002.p/88"]


def test_again_is_the_same(store: ObjectStore) -> None:
    """Every byte, also anew from the start over what was lost."""
    publisher = Publisher(store, PREFIX, ONE)
    publisher.publish(ONE.note(300))
    before = keys(store)
    store.delete(f"{PREFIX}/tile/0/000")
    assert publisher.publish(ONE.note(300)) is None
    assert publisher.publish(ONE.note(300), anew=True) is not None
    assert keys(store) == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("method", "times"), [("put", 7), ("delete", 3)])
def test_a_crash_at_any_write(store: ObjectStore, method: str, times: int, when: Any) -> None:
    """What is published can still be checked, and the same run again ends well."""
    for nth in range(1, times + 1):
        for found in store.list(f"{PREFIX}/").objects:
            store.delete(found.key)
        Publisher(store, PREFIX, ONE).publish(ONE.note(200))
        frail = Interposed(store)
        frail.interrupt(method, when, raising(Crash), nth=nth)
        try:
            Publisher(frail, PREFIX, ONE).publish(ONE.note(260))
        except Crash:
            assert checked(store) in {200, 260}
        else:
            assert frail.armed  # fewer calls than that
        Publisher(store, PREFIX, ONE).publish(ONE.note(260))
        assert checked(store) == 260


def test_a_publisher_that_is_stopped_leaves_the_checkpoint(store: ObjectStore) -> None:
    """It ends between two writes."""
    Publisher(store, PREFIX, ONE).publish(ONE.note(200))
    left = iter([True, True, False])
    assert Publisher(store, PREFIX, ONE).publish(ONE.note(300), going=lambda: next(left)) is None
    assert checked(store) == 200


def test_what_is_there_is_not_replaced(store: ObjectStore) -> None:
    """Another log, another past of this one, a longer one, or what is no checkpoint: it is evidence."""
    Publisher(store, PREFIX, ONE).publish(ONE.note(300))
    stranger = NoteKey("other.example")
    for source, note, error in (
        (ONE, ONE.note(310, stranger), Refused),
        (OTHER, OTHER.note(310), LogRewound),
        (ONE, ONE.note(299), LogRewound),
    ):
        for anew in (False, True):
            with pytest.raises(error):
                Publisher(store, PREFIX, source).publish(note, anew=anew)
    assert checked(store) == 300
    for damaged in (b"nothing", b"x" * 300_000):
        store.put(f"{PREFIX}/checkpoint", (damaged,), media_type="text/plain", max_size=len(damaged), if_absent=False)
        with pytest.raises(IntegrityViolated, match="is none"):
            Publisher(store, PREFIX, ONE).publish(ONE.note(310))


def test_whoever_reads_meanwhile_finds_all_of_it(store: ObjectStore) -> None:
    """Under the checkpoint that they have read, though partial tiles have become full and are gone since."""
    Publisher(store, PREFIX, ONE).publish(ONE.note(200))
    log: LogSource = LogInStore(store, PREFIX)
    Publisher(store, PREFIX, ONE).publish(ONE.note(300))
    assert not [path for path in keys(store) if path.startswith(("tile/0/000.p/", "tile/entries/000.p/"))]
    for width in (1, 200, 255, 256):
        assert log.tile(Tile(0, 0, width)) == ONE.tile(Tile(0, 0, width))
        assert parse_entries(log.entries(EntryBundle(0, width)) or b"", width) == ONE.all[:width]
    assert (log.tile(Tile(0, 1, 45)), log.entries(EntryBundle(1, 45))) == (None, None)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_slow_publisher_takes_nothing_back(store: ObjectStore, nth: int) -> None:
    """Another one comes further before any of its writes; readers never see the log become shorter."""
    Publisher(store, PREFIX, ONE).publish(ONE.note(10))
    slow = Interposed(store)
    slow.interrupt("put", "before", lambda: Publisher(store, PREFIX, ONE).publish(ONE.note(30)), nth=nth)
    Publisher(slow, PREFIX, ONE).publish(ONE.note(20))
    assert not slow.armed
    assert checked(store) == 30


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "a//b", "..", "a\n"])
def test_prefixes_that_are_none(prefix: str) -> None:
    """No key can begin with them."""
    with pytest.raises(InvalidInput, match="cannot begin the key of an object"):
        check_prefix(prefix)
