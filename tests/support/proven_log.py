"""A file's life sealed in memory, and what a ledger would hand out as proofs of it."""

from collections.abc import Sequence

from file_life import MD5, SHA, FileLife
from naive_tree import NaiveTree
from note_keys import LOG, ORIGIN
from provenstore.domain.eventlog.envelope import SALT_BYTES, Event, PrivateValue
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files.file_commands import SoftDelete
from provenstore.domain.files.file_events import Accessed, ChunkUploaded
from provenstore.domain.proofs.history_proof import HistoryProof, StreamProof
from provenstore.domain.proofs.range_document import RangeProof
from provenstore.domain.proofs.receipt import Receipt
from provenstore.domain.proofs.workspace_proof import WorkspaceProof
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.note import NoteSigner
from provenstore.domain.transparency.range_proof import range_proof

NAME = PrivateValue("filename", b"s" * SALT_BYTES, b'"a.pdf"')
"""The private value of the file's first event."""


class ProvenLog:
    """Two parts, a Stored, accesses before and after a soft deletion, and a neighbour's events between them."""

    def __init__(self) -> None:
        self.life = FileLife()
        self.file = self.life.id
        for number in (1, 2):
            part = ChunkUploaded(
                upload="u", number=number, first=50 * number - 50, size=50, etag="x", sha256=SHA, md5=MD5
            )
            self._beside("parts", part)
        self.life.stored()
        self._beside("access", _access())
        self._neighbour()
        self._beside("access", _access())
        self.life.do(SoftDelete, reason="done with it")
        self._beside("access", _access())
        self._neighbour()

    @property
    def events(self) -> list[Event]:
        return self.life.log.events

    def checkpoint(self, size: int | None = None, signers: Sequence[NoteSigner] = (LOG,)) -> bytes:
        size = len(self.events) if size is None else size
        return sign_checkpoint(Checkpoint(ORIGIN, size, self.tree().root(size)), signers)

    def tree(self) -> NaiveTree:
        return NaiveTree([event.state for event in self.events])

    def receipt(self, index: int, *shown: PrivateValue) -> Receipt:
        return Receipt(self.events[index].state, index, self._inclusion(index), self.checkpoint(), shown)

    def history(self) -> HistoryProof:
        streams = {kind: self._stream(f"{kind}:{self.file}") for kind in ("file", "parts", "access")}
        return HistoryProof(self.file, streams, self.checkpoint(), {self.events[0].id: (NAME,)})

    def workspace(self, name: str = "acme") -> WorkspaceProof:
        events = [event for event in self.events if event.workspace == name]
        index = events[-1].position - 1
        states = tuple(event.state for event in events)
        return WorkspaceProof(name, states, index, self._inclusion(index), self.checkpoint())

    def range(self, begin: int, end: int) -> RangeProof:
        tree, size = self.tree(), len(self.events)
        states = tuple(event.state for event in self.events[begin:end])
        return RangeProof(begin, end, states, tuple(range_proof(begin, end, size, tree.read)), self.checkpoint())

    def end(self, events: Sequence[Event]) -> StreamProof:
        """Prove these events as if they were a whole stream."""
        index = events[-1].position - 1
        return StreamProof(tuple(event.state for event in events), index, self._inclusion(index))

    def of(self, stream: str) -> list[Event]:
        return [event for event in self.events if event.stream == stream]

    def _stream(self, name: str) -> StreamProof:
        return self.end(self.of(name))

    def _inclusion(self, index: int) -> tuple[bytes, ...]:
        return tuple(self.tree().inclusion(index, len(self.events)))

    def _beside(self, kind: str, data: Accessed | ChunkUploaded) -> None:
        self.life.log.record([Fact(data)], stream=f"{kind}:{self.file}")
        self.life.log.pass_time(seconds=1)

    def _neighbour(self) -> None:
        self.life.log.record([Fact(_access())], stream="access:other", workspace="other")


def _access() -> Accessed:
    return Accessed(mode="view", first=None, last=None, size=7)
