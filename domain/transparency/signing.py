"""The order in which a checkpoint comes to be, and the alarm when the log is not the one that was signed.

Written as steps, each with what a crash right there leaves behind. It never asks for a signature of a tree that does
not extend every tree that was signed before; it hashes nothing, and keeps nothing, by itself.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from provenstore.domain.errors import LogRewound, Refused, Unavailable
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import EMPTY_ROOT
from provenstore.domain.transparency.note import NoteSigner


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How many leaves a tree has, and its root."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class RecordedHead:
    """A head that was, or is about to be, signed; `note` is missing where a crash came between."""

    head: TreeHead
    note: bytes | None


@dataclass(frozen=True, slots=True)
class SigningState:
    """How many entries the log has, how many of them the tree has, and the head of the largest size on record."""

    entries: int
    size: int
    newest: RecordedHead | None

    @property
    def is_signed(self) -> bool:
        """Whether the tree as it stands has a checkpoint."""
        return self.newest is not None and self.newest.note is not None and self.newest.head.size == self.size


class TreeHeads(Protocol):
    """The tree, and the heads of it on record in the same database.

    Unavailable where the database does not answer, or is a copy that only follows another; IntegrityViolated where
    tiles are missing. What `record` and `attach` return from survives a power cut.
    """

    def standing(self) -> SigningState:
        """Return how it stands, all of one moment."""

    def root(self, size: int) -> bytes:
        """Return the root of the tree of the first `size` leaves, computed from the tiles as they are now."""

    def record(self, head: TreeHead) -> None:
        """Put a head on record; the same again is nothing, IntegrityViolated for another root at that size."""

    def attach(self, size: int, note: bytes) -> None:
        """Add the signed note to a head on record; a head that has one keeps it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the key last signed, for the log of this name, and the alarm if it was then shown another past."""

    origin: str
    head: TreeHead = TreeHead(0, EMPTY_ROOT)
    alarm: str | None = None


class LastSigned(Protocol):
    """What the key remembers, where no restored database can take it back: beside the key.

    IntegrityViolated where it is damaged: then nothing is signed. What `write` returns from survives a power cut.
    """

    def held(self) -> AbstractContextManager[None]:
        """Keep everybody else who uses this key from reading and writing meanwhile; Unavailable if that takes long."""

    def read(self) -> Signed:
        """Return what was last written."""

    def write(self, signed: Signed) -> None:
        """Replace it, as a whole or not at all."""


def sign_next(tree: TreeHeads, last: LastSigned, signers: Callable[[], Sequence[NoteSigner]]) -> Checkpoint | None:
    """Sign the tree as it stands, unless that has been signed; None where there is nothing to sign.

    `signers` is asked while nobody can change the keys: one that was retired a moment ago must not sign. LogRewound
    where the tree does not extend what was signed, and from then on until the alarm is cleared. Safe to race: of one
    key by `last.held()`, of one database because heads on record stand for ever.
    """
    with last.held():
        # 1. What the key remembers. An alarm stays, whatever the database says by now.
        signed, keys = last.read(), signers()
        # 2. The tree must extend what the key last signed, and the newest head on record, which another key's holder
        #    may have signed. Otherwise the alarm is written, and nothing else. A crash leaves everything as it was.
        now = _extending(tree, last, signed)
        if any(one.size > now.size for one in _signed_before(now, signed)):
            return None  # the log has it all, the tree will
        if not now.size or now.is_signed:
            _remember(now, last, signed)
            return None
        head = TreeHead(now.size, tree.root(now.size))
        checkpoint = Checkpoint(signed.origin, head.size, head.root)
        # 3. Size and root on record. A crash leaves them without a note; the next round begins anew, perhaps with a
        #    larger tree, which must extend them.
        tree.record(head)
        # 4. The same beside the key. A crash leaves a memory of what was not signed, but could have been: whatever
        #    comes must extend it, and it does, as it is on record.
        last.write(replace(signed, head=head))
        # 5. Only now the signature, which exists in memory alone; a crash is one before it. The same bytes each time.
        note = sign_checkpoint(checkpoint, keys)
        # 6. The note. From here on others see it; a crash before is one before the signature.
        tree.attach(head.size, note)
    return checkpoint


def learn(tree: TreeHeads, last: LastSigned) -> None:
    """Remember what another holder of the key has signed on another host: what is signed here next must extend that.

    LogRewound, and the alarm, as `sign_next`. Nothing is signed.
    """
    with last.held():
        signed = last.read()
        _remember(_extending(tree, last, signed), last, signed)


def _remember(now: SigningState, last: LastSigned, signed: Signed) -> None:
    newest = now.newest
    if newest is not None and signed.head.size < newest.head.size <= now.size:
        last.write(replace(signed, head=newest.head))


def _extending(tree: TreeHeads, last: LastSigned, signed: Signed) -> SigningState:
    """Return how a tree stands that extends what was signed; for any other LogRewound, and the alarm is written."""
    if signed.alarm is not None:
        raise LogRewound(signed.alarm)
    now = tree.standing()
    if (wrong := _not_extended(tree, now, signed)) is not None:
        last.write(replace(signed, alarm=wrong))
        raise LogRewound(wrong)
    return now


def clear_alarm(tree: TreeHeads, last: LastSigned, record: Callable[[Signed], None]) -> Signed:
    """Sign again from now on, and return what was signed last; `record` is called before the alarm is gone.

    Refused where there is no alarm; LogRewound as long as the tree does not extend what was signed; Unavailable while
    the tree has not come so far again.
    """
    with last.held():
        signed = last.read()
        if signed.alarm is None:
            raise Refused("there is no alarm")
        now = tree.standing()
        if (wrong := _not_extended(tree, now, signed)) is not None:
            raise LogRewound(f"{wrong}; where those are lost for good: provenstore log restart")
        if signed.head.size > now.size:
            raise Unavailable("the tree has not come as far as what was signed; try again when it has")
        # A crash after the record leaves the alarm; clearing it again records that again.
        record(signed)
        cleared = replace(signed, alarm=None)
        last.write(cleared)
    return cleared


def require_ended(tree: TreeHeads, signed: Signed, shared: TreeHead, names: Collection[str]) -> None:
    """Raise unless what the database has is an older copy of the log that was signed here.

    `shared` is of its newest checkpoint, by a key of that log, and `names` are those that the log has had by its own
    events. Refused while the database extends what was signed, or nobody knows what that was; LogRewound where it does
    not extend even its own heads: then it was altered, and is no copy. Unavailable while the tree is behind.
    """
    if not signed.head.size:
        raise Refused("nobody here knows what was signed, so that it has ended cannot be said")
    now = tree.standing()
    if (wrong := _not_extended(tree, now, replace(signed, head=shared))) is not None:
        raise LogRewound(wrong)
    if any(head.size > now.size for head in _signed_before(now, replace(signed, head=shared))):
        raise Unavailable("the tree has not come as far as what is on record; try again when it has")
    # A database without the event by which it took this name is a copy from before, whatever else it has.
    if signed.origin in names and _not_extended(tree, now, signed) is None:
        raise Refused("the log extends what was signed last, so it has not ended")


def _signed_before(now: SigningState, signed: Signed) -> Iterator[TreeHead]:
    yield signed.head
    if now.newest is not None:
        yield now.newest.head


def _not_extended(tree: TreeHeads, now: SigningState, signed: Signed) -> str | None:
    """Say in which way the log is another one than was signed; None where it is the same so far."""
    if now.entries < now.size:
        return f"the log ends at {now.entries:,}, before its tree of {now.size:,}"
    for head in _signed_before(now, signed):
        if now.entries < head.size:
            return f"the log has {now.entries:,} entries; {head.size:,} were signed"
        if head.size <= now.size and tree.root(head.size) != head.root:
            return f"the tree of {head.size:,} is not the one that was signed: the log was altered or rewound"
    return None
