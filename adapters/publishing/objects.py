"""The log in the object store: the same tiles, entries and checkpoint as over HTTP, for whoever reads there.

Tiles first, the checkpoint last, every write the same bytes each time: a crash is followed by the same run again. It
never replaces the checkpoint of another log, or of another past of this one, which is evidence.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from provenstore.domain.errors import IntegrityViolated, InvalidInput, LogRewound, Refused
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectNotFound, check_key
from provenstore.domain.transparency.checkpoint import Checkpoint, parse_checkpoint
from provenstore.domain.transparency.note import MAX_NOTE_BYTES, parse_note
from provenstore.domain.transparency.tile import EntryBundle, Tile, bundles_between, encode_entries, tiles_between
from provenstore.domain.transparency.tiled_tree import edge

CHECKPOINT: Final = "checkpoint"
_BYTES: Final = "application/octet-stream"
_TEXT: Final = "text/plain"


class Source(Protocol):
    """Where tiles and entries come from; what it returns lies under the checkpoint that is to be published."""

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile."""

    def entries(self, bundle: EntryBundle) -> Sequence[bytes]:
        """Return the entries of a bundle."""


def check_prefix(prefix: str) -> str:
    """Return the prefix under which a log may be published; InvalidInput where no key can begin with it."""
    try:
        check_key(f"{prefix}/{CHECKPOINT}")
    except InvalidInput as exc:
        raise InvalidInput("prefix", f"{prefix!r} cannot begin the key of an object: {exc.message}") from exc
    return prefix


class Publisher:
    """Publishes a log under a prefix of an object store. Not safe between threads."""

    def __init__(self, store: ObjectStore, prefix: str, source: Source) -> None:
        """Write to `store` what comes from `source`."""
        self._store, self._prefix, self._source = store, check_prefix(prefix), source

    def publish(
        self, note: bytes, *, anew: bool = False, going: Callable[[], bool] = lambda: True
    ) -> Checkpoint | None:
        """Publish up to a signed checkpoint, and return it; None where others were as fast, or `going` ended.

        `anew` writes everything, whatever is there. Refused where another log is published there, LogRewound where it
        is another past of this one, or a longer one.
        """
        wanted = parse_checkpoint(parse_note(note).text)
        # 1. What is there says where to go on; it is believed only where our own tree has that root.
        published = self._published(wanted)
        if published is not None and published.size > wanted.size:
            raise LogRewound(f"{published.size:,} entries are published, more than the {wanted.size:,} that are signed")
        before = 0 if anew or published is None else published.size
        if published is not None and published.size == wanted.size and not anew:
            return None
        # 2. Tiles and entries, in order. A crash leaves some that no checkpoint there needs yet; the next run writes
        #    them again, the same.
        for key, content in self._missing(before, wanted.size):
            if not going():
                return None
            self._put(key, content, _BYTES)
        # 3. The checkpoint, which needs all of them. From here on readers see it. Looked at once more before: another
        #    publisher may have come further meanwhile, and what readers have seen is not taken back.
        published = self._published(wanted)
        if published is not None and published.size > wanted.size:
            return None
        self._put(CHECKPOINT, note, _TEXT)
        # 4. Partial tiles of what has become full: readers take the full one instead. A crash leaves some behind.
        for path in _outgrown(before, wanted.size):
            self._clear(f"{self._prefix}/{path}.p/")
        return wanted

    def _published(self, wanted: Checkpoint) -> Checkpoint | None:
        found = self._read()
        if found is None:
            return None
        if found.origin != wanted.origin:
            raise Refused(f"the log {found.origin} is published there; choose another prefix for {wanted.origin}")
        if found.size <= wanted.size and self._source.root(found.size) != found.root:
            raise LogRewound(f"another tree of {found.size:,} is published there")
        return found

    def _read(self) -> Checkpoint | None:
        try:
            with self._store.get(f"{self._prefix}/{CHECKPOINT}") as reader:
                if reader.length > MAX_NOTE_BYTES:
                    raise IntegrityViolated("what is published as the checkpoint is none")
                return parse_checkpoint(parse_note(b"".join(reader)).text)
        except ObjectNotFound:
            return None
        except InvalidInput as exc:
            raise IntegrityViolated("what is published as the checkpoint is none") from exc

    def _missing(self, before: int, size: int) -> Iterator[tuple[str, bytes]]:
        for bundle in bundles_between(before, size):
            yield bundle.path, encode_entries(self._source.entries(bundle))
        for tile in tiles_between(before, size):
            yield tile.path, self._source.tile(tile)

    def _put(self, path: str, content: bytes, media_type: str) -> None:
        key, size = f"{self._prefix}/{path}", len(content)
        self._store.put(key, (content,), media_type=media_type, max_size=size, size=size, if_absent=False)

    def _clear(self, prefix: str) -> None:
        for found in self._store.list(prefix).objects:  # 255 at most, which is one page
            self._store.delete(found.key)


def _outgrown(before: int, size: int) -> Iterator[str]:
    """Yield the paths of full tiles and bundles of the log of `size` that were partial in that of `before`."""
    for level, number in edge(before):
        full = Tile(level, number)
        if full.is_of(size):
            yield full.path
            if not level:
                yield EntryBundle(number).path
