"""The log as outsiders check it, for HTTP and the CLI alike: checkpoint, keys, tiles, entries, and what operators do.

Nothing is shown beyond the newest checkpoint that was signed. Entries show every tenant; hashes show nobody.
"""

from dataclasses import dataclass

from provenstore.adapters.keys.believed_heads import BelievedHeads
from provenstore.adapters.publishing.objects import Publisher
from provenstore.api.background.checkpoints import announce, sign
from provenstore.api.background.publishing import publish_newest
from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.errors import InvalidInput, Misconfigured, NotFound, Refused
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.transparency.checkpoint import Checkpoint
from provenstore.domain.transparency.note import VerifierKey, parse_note
from provenstore.domain.transparency.tile import FULL, EntryBundle, encode_entries, parse_path
from provenstore.projections.engine.database import translated
from provenstore.projections.tree.checkpoints import HeadsOnRecord
from provenstore.projections.tree.integrator import catch_up
from provenstore.projections.tree.proofs import SignedCheckpoint

READ: Operation = "log.read"
_CHANGE: Operation = "log.change"


@dataclass(frozen=True, slots=True)
class Resource:
    """Bytes of a tile or a bundle, and whether they will ever grow."""

    content: bytes
    full: bool
    entries: bool


def require_reader(services: Services, caller: Caller | None) -> None:
    """Refuse who may not see hashes: nobody where the log is public. Within a workspace its readers may."""
    if services.settings.log_public:
        return
    assert caller is not None  # noqa: S101  # who has no key is refused before
    services.ledger.recorder.require(caller, READ, caller.scope)


def checkpoint(services: Services) -> SignedCheckpoint:
    """Return the newest checkpoint, verified; NotFound before the first, UnverifiedProof."""
    newest = services.proven.newest()
    if newest is None:
        raise NotFound("no checkpoint has been signed yet")
    return newest


def keys(services: Services) -> tuple[str, ...]:
    """Return the verifier keys in force."""
    return services.log_keys.verifiers()


def resource(services: Services, path: str) -> Resource:
    """Return what stands at `tile/…`, verified; NotFound for other paths, and beyond the newest checkpoint."""
    try:
        wanted = parse_path(path)
    except InvalidInput as exc:
        raise NotFound("there is no such tile") from exc
    newest = services.proven.newest()
    if newest is None or not wanted.is_of(newest.size):
        raise NotFound("there is no such tile")
    if isinstance(wanted, EntryBundle):
        return Resource(encode_entries(services.proven.entries(wanted)), wanted.width == FULL, entries=True)
    return Resource(services.proven.tile(wanted), wanted.width == FULL, entries=False)


def entries(services: Services, caller: Caller, path: str) -> Resource:
    """Return a bundle of entries, at `tile/entries/…`; that they are read is recorded before. Forbidden, NotFound."""
    try:
        wanted = parse_path(path)
    except InvalidInput as exc:
        raise NotFound("there is no such tile") from exc
    if not isinstance(wanted, EntryBundle):
        raise NotFound("there is no such tile")
    services.ledger.proving.open_entries(caller, wanted.number * FULL + 1)
    return resource(services, path)


def consistency(services: Services, old: int, new: int | None) -> dict[str, Json]:
    """Return the proof that the log of `new` entries, by default the newest checkpoint's, begins with that of `old`.

    InvalidInput beyond the newest checkpoint.
    """
    newest = checkpoint(services).size
    new = newest if new is None else new
    if new > newest:
        raise InvalidInput("to", f"is not at most {newest:,}, the size of the newest checkpoint", limit=newest)
    if not 0 <= old <= new:
        raise InvalidInput("from", f"is not from 0 to {new:,}", limit=new)
    return services.proven.consistency(old, new).to_json()


def status(services: Services, caller: Caller) -> dict[str, Json]:
    """Return how log, tree and checkpoints stand, and the alarm if there is one; Forbidden."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    tree, newest, signed = services.proofs.state(), services.proofs.newest(), services.log_keys.last.read()
    return {
        "origin": signed.origin,
        "keys": list(keys(services)),
        "position": services.ledger.log.position(),
        "tree": tree.size,
        "parked_position": tree.parked_position,
        "parked_why": tree.parked_why,
        "checkpoint": None if newest is None else newest.size,
        "checkpoint_at": None if newest is None else format_time(newest.time),
        "signed": signed.head.size,
        "alarm": signed.alarm,
    }


def bring_up(services: Services) -> Checkpoint | None:
    """Take all that is recorded into the tree, and sign it, in this process and at once; None if that was signed.

    For commands on a data directory that nobody serves; beside a server it does no harm. IntegrityViolated,
    LogRewound.
    """
    with translated(), services.connect() as connection:
        connection.autocommit = True
        announce(services.log_keys, services.log_keeping)  # first, so that it lies under this checkpoint, too
        catch_up(connection)
        return sign(connection, services.log_keys, services.log_keeping)


def clear_alarm(services: Services, caller: Caller, reason: str) -> dict[str, Json]:
    """Let checkpoints be signed again; Refused without an alarm, LogRewound as long as the log is another one."""
    with translated(), services.connect() as connection:
        connection.autocommit = True
        catch_up(connection)
        heads = HeadsOnRecord(connection, BelievedHeads(services.log_keys))
        cleared = services.log_keeping.clear_alarm(caller, heads, services.log_keys.last, reason)
    return {"size": cleared.head.size, "root": cleared.head.root.hex()}


def begin_anew(services: Services, caller: Caller, reason: str) -> dict[str, Json]:
    """Let what is left of a log go on under another name and key, and sign it; as `LogKeeping.begin_anew`."""
    with translated(), services.connect() as connection:
        connection.autocommit = True
        catch_up(connection)
        keys, newest = services.log_keys, services.proofs.newest()
        note = None if newest is None else newest.note
        begun = services.log_keeping.begin_anew(caller, HeadsOnRecord(connection), note, keys.last, keys, reason)
    bring_up(services)
    return {
        "origin": begun.origin,
        "keys": list(begun.keys),
        "ended": {"origin": begun.ended_origin, "size": begun.ended_size, "root": begun.ended_root},
        "shared": begun.shared_size,
    }


def publish(services: Services, caller: Caller, prefix: str | None, *, anew: bool) -> dict[str, Json]:
    """Publish up to the newest checkpoint, under `prefix` or that of the settings; Refused, LogRewound."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    under = services.settings.log_prefix if prefix is None else prefix
    if under is None:
        raise Misconfigured("name a prefix of the object store, or set PROVENSTORE_LOG_PREFIX")
    publisher = Publisher(services.ledger.store, under, services.proven)
    newest, written = publish_newest(publisher, services.proven, anew=anew)
    return {"prefix": under, "size": newest.size, "written": written}


def rotate(services: Services, caller: Caller, *, retire: bool) -> tuple[str, ...]:
    """Sign with a new key beside the old one, or with `retire` with the new one alone; return the verifier keys.

    Recorded before. Refused where there is one already, or none, or keys come from the settings; and while no
    checkpoint bears both signatures, by which whoever has the old key comes to believe the new one.
    """
    services.ledger.recorder.require(caller, _CHANGE, None)
    if retire and len(keys(services)) > 1 and not _bears_all(services):
        bring_up(services)
        if not _bears_all(services):
            raise Refused("no checkpoint bears the signature of the new key yet; try again after the next event")

    def record(verifiers: tuple[str, ...]) -> None:
        services.log_keeping.record_keys(caller, services.log_keys.origin, verifiers)

    (services.log_keys.retire if retire else services.log_keys.rotate)(record)
    return keys(services)


def _bears_all(services: Services) -> bool:
    """Tell whether every key in force has signed the newest checkpoint."""
    newest = services.proofs.newest()
    if newest is None:
        return False
    signed = {(one.name, one.key_id) for one in parse_note(newest.note).signatures}
    return all((key.name, key.key_id) in signed for key in map(VerifierKey.parse, keys(services)))
