"""Verifying everything that there is to verify, for the CLI: a database with its tree, what is published, documents.

The checks are the domain's; here stands where each gets what it reads. It changes nothing: no key is made, no log is
begun, nothing is recorded.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final
from uuid import UUID

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.keys.log_keys import LAST_SIGNED, known_last_signed
from provenstore.adapters.postgres import fingerprint
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.api.settings import Settings
from provenstore.api.verify.given_keys import (
    NO_KEY,
    Asked,
    given_heads,
    own_keys,
    require_signed,
    required_keys,
    verifiers,
)
from provenstore.api.verify.trusted_keys import TrustedKeys
from provenstore.api.wiring import open_log, open_services
from provenstore.domain.access.object_check import check_object
from provenstore.domain.errors import (
    IntegrityViolated,
    InvalidInput,
    Misconfigured,
    NotFound,
    Unavailable,
    WrongStore,
)
from provenstore.domain.eventlog.event_log import EventLog, StoredRow
from provenstore.domain.files.file_events import Stored, UploadCleared
from provenstore.domain.proofs.published_log import Checked, LogSource, verify_published
from provenstore.domain.proofs.tree_check import (
    EXTENDS,
    LEAVES,
    OBJECTS,
    ROOTS,
    SIGNATURES,
    TILES,
    Head,
    TreeCheck,
    in_order,
)
from provenstore.domain.proofs.verification import GUARDS, Finding, verify_log
from provenstore.domain.transparency.merkle import leaf_hash
from provenstore.domain.transparency.tile import Tile
from provenstore.projections.tree.proofs import Proofs

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


_PAGE: Final = 1_000
# -- a database ----------------------------------------------------------------------------------------------


def verify_database(settings: Settings, asked: Asked, on_progress: Progress) -> Checked:
    """Check log, private values, counters, tree, tiles, checkpoints, signatures and guards of a database."""
    own = own_keys(settings)
    unchecked = {OBJECTS: "not asked for: --objects"}
    if not asked.values:
        unchecked[7] = "not wanted"
    if known_last_signed(DataDirectory(settings.data_dir).keys) is None:
        unchecked[EXTENDS] = f"there is no {LAST_SIGNED} here"
    with open_log(settings) as database:
        log, proofs = PostgresEventLog(database), Proofs(database)
        # Read before the log's end is: what is signed meanwhile is for the next time.
        extends = _last_signed(settings)
        largest, grown = proofs.largest_head(), proofs.state().size
        # A tree that was set back keeps none of its tiles from being looked at: what was signed needs them.
        size = max(grown, largest)
        signed = newest.size if (newest := proofs.newest()) is not None else 0
        unchecked.update(_not_yet(size, signed))
        witnesses = tuple(_on_record(proofs, extends, grown, size))
        extends += given_heads(asked)
        on_record = (Head(one.head.size, one.head.root, "the checkpoint") for one in proofs.heads(largest))
        # Believe the key that is named, and not what lies beside the keys here.
        known = TrustedKeys(
            verifiers(settings, asked.keys), 0 if asked.keys or own is None else own.last.read().head.size
        )
        if asked.checkpoints and not known:
            raise InvalidInput("--key", NO_KEY)
        tree = TreeCheck(_tiles_of(proofs), size, in_order(on_record, sorted(extends, key=lambda head: head.size)))

        def also(row: StoredRow) -> None:
            tree.take(row.position, leaf_hash(row.state), row.stream)
            known.see(row)

        report = verify_log(log, on_progress, values=asked.values, also=also)
        signatures: Iterable[Finding] = ()
        if known:
            signatures = known.check(proofs.heads(largest), asked.checkpoints, own.origin if own is not None else None)
        else:
            unchecked[SIGNATURES] = "no key of the log is known: --key"
        held = tree.finish()
        with database.connection() as connection:
            guards = [Finding(GUARDS, 0, "", "", sentence) for sentence in fingerprint.differences(connection)]
        findings = (*report.findings, *guards, *witnesses, *held, *known.ends(asked.checkpoints, held), *signatures)
        return Checked(report.checked, findings, unchecked, unsigned=max(0, report.checked - signed))


def _on_record(proofs: Proofs, signed: Iterable[Head], grown: int, size: int) -> Iterator[Finding]:
    """Yield what the database has forgotten of what it must have had before it was signed."""
    if grown < size:
        problem = f"the tree has {grown:,} leaves, and {size:,} were in it when it was signed"
        yield Finding(TILES, max(grown, 0) + 1, "", "", problem)
    for head in signed:
        if head.size and proofs.root_on_record(head.size) is None:
            yield Finding(EXTENDS, head.size, "", "", f"the checkpoint of {head.size:,}, last signed, is not on record")


def _not_yet(size: int, signed: int) -> dict[int, str]:
    """Return what cannot be checked while a log is new."""
    steps = [] if size else [(LEAVES, "no event is in the tree yet"), (TILES, "no event is in the tree yet")]
    if not signed:
        steps += [(step, "no checkpoint has been signed yet") for step in (ROOTS, SIGNATURES)]
    return dict(steps)


def _tiles_of(proofs: Proofs) -> Callable[[Tile], bytes | None]:
    def fetch(tile: Tile) -> bytes | None:
        try:
            return proofs.tile(tile)
        except NotFound:
            return None

    return fetch


def _last_signed(settings: Settings) -> list[Head]:
    """Return what was last signed here: that the key is gone makes it no less true."""
    signed = known_last_signed(DataDirectory(settings.data_dir).keys)
    return [] if signed is None else [Head(signed.head.size, signed.head.root, "what the key last signed", EXTENDS)]


# -- objects -------------------------------------------------------------------------------------------------


def verify_objects(settings: Settings, found: Checked, on_progress: Progress) -> Checked:
    """Read every object that the log says is stored, and look where it says that nothing is; add what is wrong.

    Or why some could not be read: from a store that is not the one of the log nothing can be concluded.
    """
    findings: list[Finding] = []
    unread: dict[UUID, str] = {}
    with open_services(settings, sweep=False, make=False, identify=False, guarded=False) as services:
        log, store = services.ledger.log, services.ledger.store
        stored = list(dict.fromkeys(_files_with_objects(log)))
        for done, (position, file_id) in enumerate(stored, start=1):
            try:
                finding = check_object(log, store, file_id, services.ledger.identity.require_recorded)
            except IntegrityViolated as exc:
                finding = Finding(OBJECTS, position, f"file:{file_id}", "", f"cannot be compared: {exc.message}")
            except (Misconfigured, Unavailable, WrongStore) as exc:
                finding, unread[file_id] = None, exc.message
            findings += [finding] if finding is not None else []
            on_progress(done, len(stored))
    unchecked = {step: why for step, why in found.unchecked.items() if step != OBJECTS}
    if unread:
        unchecked[OBJECTS] = f"{len(unread):,} of {len(stored):,} could not be read: {next(iter(unread.values()))}"
    return replace(found, findings=(*found.findings, *findings), unchecked=unchecked)


def _files_with_objects(log: EventLog) -> Iterator[tuple[int, UUID]]:
    """Yield each file that has an object, or had something that was cleared away."""
    after = 0
    while rows := log.rows(after, _PAGE):
        for row in rows:
            if row.type in {Stored.TYPE, UploadCleared.TYPE} and (found := _file_of(row.stream)) is not None:
                yield row.position, found
        after = rows[-1].position


def _file_of(stream: str) -> UUID | None:
    """Return the file of a stream; None for what no event of ours stands on, which is found elsewhere."""
    try:
        return UUID(stream.removeprefix("file:"))
    except ValueError:
        return None


# -- what is published ---------------------------------------------------------------------------------------


def verify_elsewhere(settings: Settings, source: LogSource, asked: Asked, on_progress: Progress) -> Checked:
    """Check a log as it is published; InvalidInput without a key to believe."""
    keys = required_keys(settings, asked)
    require_signed(asked, keys)
    found = verify_published(source, keys, given_heads(asked), on_progress=on_progress)
    unchecked = {**found.unchecked, OBJECTS: "what is published has no objects"}
    if not asked.checkpoints:
        unchecked[EXTENDS] = "no earlier checkpoint was given: --checkpoint"
    return replace(found, unchecked=unchecked)
