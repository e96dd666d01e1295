"""The contract of ObjectStore: the marker that says which store this is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from provenstore.domain.errors import WrongStore
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.store_marker import marker_bytes, parse_marker

ONE, OTHER = "1" * 32, "2" * 32


def test_a_store_bears_what_was_written_first(store: ObjectStore) -> None:
    """Without a marker it bears nothing; a second writer is answered the first one's id."""
    assert store.identity() is None
    assert store.identify(ONE) == ONE
    assert store.identify(OTHER) == ONE
    assert store.identity() == ONE


def test_of_many_writers_one_wins(store: ObjectStore) -> None:
    """Where the store writes under a condition, all are answered the same id; it always bears one of them."""
    ids = [f"{number:032x}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answered = set(pool.map(store.identify, ids))
    assert store.identity() in ids
    if store.capabilities().if_absent_put:
        assert answered == {store.identity()}


def test_the_marker_is_in_no_list(store: ObjectStore) -> None:
    """Pages are as long as they would be without it."""
    store.identify(ONE)
    for key in ("a", "b", "c"):
        store.put(key, [b"x"], media_type="text/plain", max_size=1)
    assert [one.key for one in store.list("").objects] == ["a", "b", "c"]
    page = store.list("", limit=2)
    assert ([one.key for one in page.objects], page.next) == (["a", "b"], "b")
    assert [one.key for one in store.list("", after="b").objects] == ["c"]
    assert store.list_multiparts("") == ()


def test_a_marker_has_one_spelling() -> None:
    """Anything else is not ours."""
    assert parse_marker(marker_bytes(ONE)) == ONE
    for damaged in (b"", b"{}", b'{"identity":"x"}', marker_bytes(ONE)[:-2], b"[1]", marker_bytes("A" * 32)):
        with pytest.raises(WrongStore):
            parse_marker(damaged)
