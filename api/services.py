"""What HTTP and the CLI's direct mode work with: one object graph, built by `api.wiring` and passed down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.position_marks import PositionMarks
from provenstore.api.settings import Settings
from provenstore.api.verify.verified_proofs import VerifiedProofs
from provenstore.domain.administration.log_records import LogRecords
from provenstore.domain.clock import Clock
from provenstore.domain.errors import Unavailable
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.ledger import Ledger
from provenstore.projections.audit.query import Audit
from provenstore.projections.engine.building import Builder
from provenstore.projections.engine.control import Control
from provenstore.projections.engine.database import Pool
from provenstore.projections.engine.positions import Positions
from provenstore.projections.engine.runner import Runner
from provenstore.projections.engine.worker import Connect
from provenstore.projections.files.disposal import Disposals
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.jobs import Jobs
from provenstore.projections.files.query import Files
from provenstore.projections.operations.store_calls import Operations
from provenstore.projections.tree.proofs import Proofs
from provenstore.projections.usage.query import Usages


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the ways in may call. Thread safe; closed by whoever opened it."""

    ledger: Ledger
    files: Files
    jobs: Jobs
    disposals: Disposals
    operations: Operations
    audit: Audit
    usages: Usages
    positions: Positions
    runner: Runner
    builder: Builder
    control: Control
    proofs: Proofs
    """What the database has, as it stands; nothing of it is handed out."""
    proven: VerifiedProofs
    """The same, verified: what is handed out."""
    log_keys: LogKeys
    log_keeping: LogRecords
    connect: Connect
    """Opens a direct connection of the role that owns the read models."""
    pool: Pool
    """Of the role that owns the read models."""
    clock: Clock
    settings: Settings
    marks: PositionMarks
    """How positions of the log are shown to keys of one workspace."""
    signer: LocalUrlSigner | None = None
    """What verifies signed URLs that come back to us; None where the store serves its own."""
    checks: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    """What must answer before requests are taken: each raises a ProvenstoreError if it does not."""
    on_growth: list[Callable[[], None]] = field(default_factory=list)
    """Called, from any thread, when another process says that the log has grown, and after each append of this one that
    changes an API key; each returns at once."""

    def wait_until_current(
        self, caller: Caller, *, fresh: bool, min_position: str | None, model: str = FileIndex.name
    ) -> None:
        """Wait for what a reader of a model asks for: everything recorded so far, a position, or nothing.

        InvalidInput for a position that the caller cannot know; Unavailable, which names none to keys of a workspace.
        """
        wanted = None
        if min_position is not None:
            wanted = self.marks.read_position("min_position", caller.scope, min_position)
        try:
            if fresh:
                self.wait_for(self.ledger.log.position(), model)
            elif wanted:
                self.wait_for(wanted, model)
        except Unavailable as exc:
            if caller.scope is None or type(exc) is not Unavailable:
                raise
            stopped = next((one for one in self.positions.all() if one.name == model and one.status != "running"), None)
            reason = f"is {stopped.status}" if stopped else "has not seen this yet; retry shortly"
            raise Unavailable(f"{model} {reason}") from exc

    def wait_for(self, position: int, model: str = FileIndex.name) -> None:
        """Return once a read model has seen `position`; Unavailable if that takes longer than the settings allow.

        A position beyond the log is not waited for: it is nobody's write, and the wait would hold a thread.
        """
        if position > (newest := self.ledger.log.position()):
            raise Unavailable(f"the log has not reached position {position} yet", position=newest)
        self.runner.wake()
        self.positions.wait_for(model, position, self.settings.read_your_write_timeout)
