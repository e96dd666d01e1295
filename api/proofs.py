"""Receipts and proofs for HTTP and the CLI alike: the ledger says which events, the tree says which hashes.

Whoever asks is let in by the ledger before anything is looked up. Nothing is proven under anything but a checkpoint
that was signed; what lies beyond the newest one is to be asked for again.
"""

from collections.abc import Iterator
from uuid import UUID

from provenstore.api.services import Services
from provenstore.domain.caller import Caller
from provenstore.domain.canonical import Json, canonical
from provenstore.domain.errors import InvalidInput, Unsigned
from provenstore.domain.file import file_stream
from provenstore.domain.history_proof import STREAMS
from provenstore.domain.merkle import MAX_SIZE
from provenstore.domain.proof_document import disclosures_json, hashes_json
from provenstore.domain.proving import Provable, private_values
from provenstore.domain.range_document import RangeProof
from provenstore.domain.receipt import Receipt
from provenstore.domain.tile import FULL, bundles_between
from provenstore.domain.workspace_proof import WorkspaceProof
from provenstore.projections.proofs import SignedCheckpoint

MAX_PAGE = 1_000
"""Events of one page of a list, and of one range."""


def _newest(services: Services) -> SignedCheckpoint:
    newest = services.proofs.newest()
    if newest is None:
        raise Unsigned
    return newest


def receipt(services: Services, shown: Provable) -> Receipt:
    """Return the receipt of an event; Unsigned until a checkpoint has been signed over it."""
    event = shown.event
    newest, hashes = services.proofs.under_newest(event.position)
    return Receipt(event.state, event.position - 1, tuple(hashes), newest.note, shown.disclosures)


# -- a file's history ----------------------------------------------------------------------------------------


def history(services: Services, caller: Caller, file_id: UUID) -> Iterator[bytes]:
    """Return the proof of a file's whole history as a JSON document, piece by piece: it may be of any length.

    Forbidden, NotFound; Unsigned until a checkpoint has been signed over its first event.
    """
    proving = services.ledger.proving
    proving.open_history(caller, file_id)
    newest = _newest(services)
    if next(proving.history(caller, file_stream(file_id), newest.size), None) is None:
        raise Unsigned
    return _history(services, caller, file_id, newest)


def _history(services: Services, caller: Caller, file_id: UUID, newest: SignedCheckpoint) -> Iterator[bytes]:
    """Yield the document of `domain.history_proof`; whoever reads it finds out if it ends too early."""
    note = canonical(newest.note.decode())
    yield b'{"checkpoint":%b,"file":%b,"streams":{' % (note, canonical(str(file_id)))
    separator = b""
    for kind in STREAMS:
        last, comma = 0, b""
        for page, _ in services.ledger.proving.history(caller, f"{kind}:{file_id}", newest.size):
            if not last:
                yield b'%b"%b":{"events":[' % (separator, kind.encode())
            yield comma + b",".join([canonical(event.state.decode()) for event in page])
            last, comma, separator = page[-1].position, b",", b","
        if last:
            hashes: Json = hashes_json(services.proofs.inclusion(last - 1, newest.size))
            yield b'],"index":%d,"proof":%b}' % (last - 1, canonical(hashes))
    # Private values stand behind all events, and so are read in a second walk: nothing but a page is held in memory.
    yield b'},"disclosures":{'
    comma = b""
    for kind in STREAMS:
        for page, found in services.ledger.proving.history(caller, f"{kind}:{file_id}", newest.size):
            for event in page:
                if values := private_values(found, event.id):
                    yield b'%b"%b":%b' % (comma, str(event.id).encode(), canonical(disclosures_json(values)))
                    comma = b","
    yield b"}}"


# -- a workspace's list --------------------------------------------------------------------------------------


def workspace_page(
    services: Services, caller: Caller, workspace: str, *, through: int | None, after: int, limit: int
) -> dict[str, Json]:
    """Return events `after` + 1 on of a workspace, up to number `through`, with the proof of that one behind the last.

    By default as far as the newest checkpoint. Forbidden, NotFound, InvalidInput; Unsigned until it is signed.
    """
    services.ledger.proving.open_list(caller, workspace)
    log, newest = services.ledger.log, _newest(services)
    signed = log.last_number(workspace, upto=newest.size)
    known = log.last_number(workspace, upto=MAX_SIZE)
    if through is not None and (known is None or through > known[0]):
        raise InvalidInput("through", "is more events than the workspace has")
    if signed is None or (through is not None and through > signed[0]):
        raise Unsigned
    through = signed[0] if through is None else through
    if after >= through:
        raise InvalidInput("after", f"is not below {through:,}, with which the list ends")
    events = log.numbered(workspace, after=after, upto=newest.size, limit=min(limit, through - after))
    last = events[-1]
    page: dict[str, Json] = {
        "workspace": workspace,
        "through": through,
        "events": [event.state.decode() for event in events],
        "next": None if last.number == through else last.number,
    }
    if last.number < through:
        return {**page, "index": None, "proof": None, "checkpoint": None}
    hashes = hashes_json(services.proofs.inclusion(last.position - 1, newest.size))
    return {**page, "index": last.position - 1, "proof": hashes, "checkpoint": newest.note.decode()}


def whole_list(pages: Iterator[dict[str, Json]]) -> bytes:
    """Return the document that the pages of a list make, from the first to the last."""
    document: dict[str, Json] = {}
    events: list[Json] = []
    for document in pages:
        found = document["events"]
        events += found if isinstance(found, list) else []
    members = ("checkpoint", "index", "proof", "workspace")
    whole = canonical({"events": events, **{name: document[name] for name in members}})
    return WorkspaceProof.parse(whole).encode()


# -- a range of the log --------------------------------------------------------------------------------------


def log_range(services: Services, caller: Caller, begin: int, end: int | None) -> RangeProof:
    """Return the entries that the log of `end` has and that of `begin` had not, with their proof.

    By default as far as the newest checkpoint. Forbidden; InvalidInput beyond it, and for more than MAX_PAGE entries.
    """
    services.ledger.recorder.require(caller, "log.entries", None)
    newest = _newest(services)
    end = min(newest.size, begin + MAX_PAGE) if end is None else end
    if end > newest.size:
        raise InvalidInput("to", f"is not at most {newest.size:,}, the size of the newest checkpoint")
    if not 0 <= begin < end:
        raise InvalidInput("from", f"is not from 0 to {end - 1:,}")
    if end - begin > MAX_PAGE:
        raise InvalidInput("to", f"is more than {MAX_PAGE:,} above from", limit=MAX_PAGE)
    services.ledger.proving.open_log(caller, begin, end)
    entries = [entry for bundle in bundles_between(begin, end) for entry in services.proofs.entries(bundle)]
    hashes = services.proofs.range(begin, end, newest.size)
    return RangeProof(begin, end, tuple(entries[begin % FULL :]), tuple(hashes), newest.note)
