"""Who signs: one process at a time, every few seconds, and only what `domain.transparency.signing` lets through.

Whatever stands in the way is said once, aloud, and looked at again the next time: an alarm that an operator has cleared
needs no restart. It never signs by itself what was refused.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from provenstore.adapters.keys.believed_heads import BelievedHeads
from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.domain.administration.log_records import LogRecords
from provenstore.domain.errors import LogRewound, Stopped, StorageFull, Unavailable
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.transparency.checkpoint import Checkpoint
from provenstore.domain.transparency.signing import learn, sign_next
from provenstore.projections.engine.worker import Connect, Worker, win
from provenstore.projections.tree.checkpoints import HeadsOnRecord
from provenstore.projections.tree.integrator import Integrator
from provenstore.projections.tree.proofs import Proofs

TAKEOVER: Final = 0.5
"""Seconds between two attempts of a process that does not sign to become the one that does."""

PATIENCE: Final = 60.0
"""Seconds that events may lie under no checkpoint, beyond three intervals, before the server says so."""

_log = structlog.get_logger(__name__)


def announce(keys: LogKeys, keeping: LogRecords) -> None:
    """Put the keys to sign with on record in the log."""
    # Nobody changes keys meanwhile: between its record and its file the old keys would be recorded once more.
    with keys.last.held():
        keeping.record_keys(SYSTEM, keys.origin, keys.verifiers())
        keys.settle()  # of the log that this database has, as was just found


def sign(connection: Connection[Any], keys: LogKeys, keeping: LogRecords) -> Checkpoint | None:
    """Sign the tree as it stands if that is new, whoever else does; as `sign_next`.

    `connection` is in autocommit, of the role that owns the read models.
    """
    announce(keys, keeping)  # whoever changes them from here on records it before
    return sign_next(HeadsOnRecord(connection, BelievedHeads(keys)), keys.last, keys.signers)


class Signing(Worker):
    """Signs until it is stopped."""

    def __init__(
        self, connect: Connect, keys: LogKeys, keeping: LogRecords, *, every: float, takeover: float = TAKEOVER
    ) -> None:
        """Look every so many seconds whether there is something to sign."""
        super().__init__("checkpoints", connect)
        self._keys, self._keeping = keys, keeping
        self._every, self._takeover = every, takeover
        self.fault: Stopped | StorageFull | None = None
        """Why nothing is signed, as far as this process knows."""

    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Lead, or wait for it; then sign."""
        # Whoever does not lead remembers what is signed elsewhere: the leader's host may be gone when this one leads,
        # and with it the memory of what the database had been.
        due = 0.0
        while not win(connection, "checkpoints"):
            if time.monotonic() >= due:
                self._round(lambda: learn(HeadsOnRecord(connection, BelievedHeads(self._keys)), self._keys.last))
                due = time.monotonic() + self._every
            if self.stopping.wait(self._takeover):
                return
        while not self.stopping.is_set():
            self._round(lambda: sign(connection, self._keys, self._keeping))
            self.stopping.wait(self._every)

    def ended(self) -> None:
        """Whoever leads now knows what stands in the way."""
        self.fault = None

    def _round(self, do: Callable[[], Checkpoint | None]) -> None:
        try:
            signed = do()
        except (Stopped, StorageFull) as fault:
            if self.fault is None or self.fault.message != fault.message:
                _log.critical("log.unsigned", action="log.refuse", code=fault.code, why=fault.message)
            self.fault = fault
            return
        self.fault = None
        if signed is not None:
            _log.debug("log.signed", action="log.sign", size=signed.size)


class LogWork:
    """What keeps the log checkable, for as long as the process serves: the tree, and checkpoints of it."""

    def __init__(
        self, integrator: Integrator, signing: Signing, proofs: Proofs, keys: LogKeys, *, patience: float = PATIENCE
    ) -> None:
        """Own both workers; events may lie under no checkpoint for so many seconds."""
        self.integrator, self.signing = integrator, signing
        self._proofs, self._keys = proofs, keys
        self._patience = patience
        self._behind: tuple[int, float] | None = None

    def start(self) -> None:
        """Start both."""
        self.integrator.start()
        self.signing.start()

    def stop(self) -> None:
        """Stop both."""
        self.signing.stop()
        self.integrator.stop()

    def check(self) -> None:
        """Raise what keeps the log from being signed: a stopped worker, a tree that stands still, an alarm."""
        if not (self.integrator.alive and self.signing.alive):
            raise Unavailable("the tree, or its signing, has stopped")
        self._proofs.state().require_running()
        # Asked of the file, so that every process on it says so, whoever signs.
        if (alarm := self._keys.last.read().alarm) is not None:
            raise LogRewound(alarm)
        if self.signing.fault is not None:
            raise self.signing.fault
        self._require_progress()

    def _require_progress(self) -> None:
        """Raise Unavailable where nothing is signed, whoever should: one that was stopped still holds the lead."""
        newest = self._proofs.newest()
        size = 0 if newest is None else newest.size
        if self._proofs.position() <= size:
            self._behind = None
        elif self._behind is None or self._behind[0] != size:
            self._behind = (size, time.monotonic())
        elif (seconds := time.monotonic() - self._behind[1]) > self._patience:
            raise Unavailable(
                f"events have waited {seconds:.0f} seconds for a checkpoint; is a process that signs hung?"
            )
