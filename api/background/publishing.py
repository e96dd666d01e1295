"""Who publishes: one process at a time writes each new checkpoint into the object store, with what it needs.

Whatever stands in the way is said once and tried again; it keeps nothing from being recorded or signed.
"""

from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog

from provenstore.adapters.publishing.objects import Publisher
from provenstore.api.services import Services
from provenstore.api.verify.verified_proofs import VerifiedProofs
from provenstore.domain.errors import (
    DatabaseUnavailable,
    InvalidInput,
    LogRewound,
    Misconfigured,
    NotFound,
    ProvenstoreError,
)
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.worker import Worker, win
from provenstore.projections.tree.proofs import SignedCheckpoint

TAKEOVER: Final = 1.0
"""Seconds between two attempts of a process that does not publish to become the one that does."""

PAUSE: Final = 30.0
"""Seconds after something stood in the way."""

_log = structlog.get_logger(__name__)


def publish_newest(
    publisher: Publisher, proofs: VerifiedProofs, *, anew: bool = False, going: Callable[[], bool] = lambda: True
) -> tuple[SignedCheckpoint, bool]:
    """Publish up to the newest checkpoint; return it, and whether it was written. As `Publisher.publish`.

    NotFound where nothing has been signed yet.
    """
    newest = proofs.newest()
    if newest is None:
        raise NotFound("no checkpoint has been signed yet")
    while True:
        try:
            return newest, publisher.publish(newest.note, anew=anew, going=going) is not None
        except LogRewound:
            # Another publisher may have come further since we looked: what is longer than the log by now was rewound.
            before, newest = newest, proofs.newest() or newest
            if newest.size <= before.size:
                raise


class Publishing(Worker):
    """Publishes until it is stopped."""

    def __init__(self, services: Services, prefix: str, *, every: float) -> None:
        """Look every so many seconds whether there is a new checkpoint; Misconfigured for a prefix that is none."""
        super().__init__("publishing", services.connect)
        self._proofs = services.proven
        try:
            self._publisher = Publisher(services.ledger.store, prefix, services.proven)
        except InvalidInput as exc:
            raise Misconfigured(f"PROVENSTORE_LOG_PREFIX: {exc.message}") from exc
        self._every = every
        self._published = 0
        self._told = ""

    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Lead, or wait for it; then publish."""
        while not win(connection, "publishing"):
            if self.stopping.wait(TAKEOVER):
                return
        while not self.stopping.is_set():
            self.stopping.wait(self._every if self._round() else PAUSE)
            # A session that is gone has lost the lead.
            connection.execute(queries("tree/proofs")["alive"])

    def _round(self) -> bool:
        """Publish what is new, and tell whether nothing stood in the way."""
        try:
            newest = self._proofs.newest()
            if newest is not None and newest.size != self._published:
                newest, _ = publish_newest(self._publisher, self._proofs, going=lambda: not self.stopping.is_set())
                self._published = newest.size
        except DatabaseUnavailable:
            raise
        except ProvenstoreError as exc:
            if self._told != exc.message:
                _log.error("log.unpublished", action="log.publish", code=exc.code, why=exc.message)
                self._told = exc.message
            return False
        self._told = ""
        return True
