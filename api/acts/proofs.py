"""Receipts and proofs for HTTP and the CLI alike: the ledger says which events, the tree says which hashes.

Whoever asks is let in by the ledger before anything is looked up. Nothing is proven under anything but a checkpoint
that was signed; what lies beyond the newest one is to be asked for again. Each proof is verified before it is handed
out (`api.verify.verified_proofs`).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from provenstore.api.services import Services
from provenstore.domain.access.provable_events import Provable, private_values
from provenstore.domain.canonical import Json, canonical
from provenstore.domain.errors import InvalidInput, Unsigned, UnverifiedProof
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.chain import Chain
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.domain.files.file import file_stream
from provenstore.domain.proofs.history_proof import STREAMS, HistoryCheck
from provenstore.domain.proofs.proof_document import disclosures_json, hashes_json, verify_disclosures
from provenstore.domain.proofs.range_document import RangeProof
from provenstore.domain.proofs.receipt import Receipt
from provenstore.domain.proofs.workspace_proof import WorkspaceProof
from provenstore.domain.transparency.merkle import MAX_SIZE, leaf_hash
from provenstore.projections.tree.proofs import SignedCheckpoint

MAX_PAGE = 1_000
"""Events of one page of a list, and of one range."""


def receipt(services: Services, shown: Provable) -> Receipt:
    """Return the receipt of an event; Unsigned until a checkpoint has been signed over it. UnverifiedProof."""
    return services.proven.receipt(shown.event, shown.disclosures)


# -- a file's history ----------------------------------------------------------------------------------------


def history(services: Services, caller: Caller, file_id: UUID) -> Iterator[bytes]:
    """Return the proof of a file's whole history as a JSON document, piece by piece: it may be of any length.

    It was verified before; what changes between is found, and then the document does not end. Forbidden, NotFound;
    Unsigned until a checkpoint has been signed over its first event; UnverifiedProof.
    """
    proving = services.ledger.proving
    proving.open_history(caller, file_id)
    newest = services.proven.require_newest()
    if next(proving.history(caller, file_stream(file_id), newest.size), None) is None:
        raise Unsigned
    return _history(services, caller, file_id, newest, _verified_history(services, caller, file_id, newest))


@dataclass(frozen=True, slots=True)
class _Verified:
    """A stream that was verified: a digest of all its events, index and inclusion proof of the last."""

    digest: bytes
    index: int
    proof: list[bytes]


def _verified_history(
    services: Services, caller: Caller, file_id: UUID, newest: SignedCheckpoint
) -> dict[str, _Verified]:
    """Check a history as an offline verifier does, a page at a time, and return its streams that have events."""
    check = HistoryCheck(file_id)
    found: dict[str, _Verified] = {}
    for kind in STREAMS:
        digest, last = hashlib.sha256(), 0
        for page, values in services.ledger.proving.history(caller, f"{kind}:{file_id}", newest.size):
            last = page[-1].position
            services.proven.checked(last - 1, partial(_take, check, kind, page, values))
            for event in page:
                digest.update(leaf_hash(event.state))
        if last:
            proof = services.proven.inclusion(last - 1, newest, partial(check.end, kind))
            found[kind] = _Verified(digest.digest(), last - 1, proof)
    services.proven.checked(found[STREAMS[0]].index, check.finish)
    return found


def _take(check: HistoryCheck, kind: str, page: Sequence[Event], values: Disclosures) -> None:
    for event in page:
        check.take(kind, event.state)
        verify_disclosures(f"disclosures.{event.id}", event, private_values(values, event.id))


def _history(
    services: Services, caller: Caller, file_id: UUID, newest: SignedCheckpoint, verified: Mapping[str, _Verified]
) -> Iterator[bytes]:
    """Yield the document of `domain.proofs.history_proof`; a reader can tell if it ends too early."""
    note = canonical(newest.note.decode())
    yield b'{"checkpoint":%b,"file":%b,"streams":{' % (note, canonical(str(file_id)))
    separator = b""
    for kind, stream in verified.items():
        digest, comma = hashlib.sha256(), b""
        yield b'%b"%b":{"events":[' % (separator, kind.encode())
        for page, _ in services.ledger.proving.history(caller, f"{kind}:{file_id}", newest.size):
            for event in page:
                digest.update(leaf_hash(event.state))
            yield comma + b",".join([canonical(event.state.decode()) for event in page])
            comma = separator = b","
        if digest.digest() != stream.digest:
            raise UnverifiedProof(f"streams.{kind}", "is not what it was when it was verified")
        yield b'],"index":%d,"proof":%b}' % (stream.index, canonical(hashes_json(stream.proof)))
    # Private values stand behind all events, and so are read in a second walk: nothing but a page is held in memory.
    yield b'},"disclosures":{'
    comma = b""
    for kind in verified:
        for page, found in services.ledger.proving.history(caller, f"{kind}:{file_id}", newest.size):
            for event in page:
                if values := private_values(found, event.id):
                    verify_disclosures(f"disclosures.{event.id}", event, values)
                    yield b'%b"%b":%b' % (comma, str(event.id).encode(), canonical(disclosures_json(values)))
                    comma = b","
    yield b"}}"


# -- a workspace's list --------------------------------------------------------------------------------------


def workspace_page(
    services: Services, caller: Caller, workspace: str, *, through: int | None, after: int, limit: int
) -> dict[str, Json]:
    """Return events `after` + 1 on of a workspace, up to number `through`, with the proof of that one behind the last.

    By default as far as the newest checkpoint. Forbidden, NotFound, InvalidInput; Unsigned until it is signed;
    UnverifiedProof where these are not the next events of the list, or not in the log.
    """
    services.ledger.proving.open_list(caller, workspace)
    log, newest = services.ledger.log, services.proven.require_newest()
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
    proof = _verified_page(services, workspace, after, events, newest)
    page: dict[str, Json] = {
        "workspace": workspace,
        "through": through,
        "events": [event.state.decode() for event in events],
        "next": None if last.number == through else last.number,
    }
    if last.number < through:
        return {**page, "index": None, "proof": None, "checkpoint": None}
    return {**page, "index": last.position - 1, "proof": hashes_json(proof), "checkpoint": newest.note.decode()}


def _verified_page(
    services: Services, workspace: str, after: int, events: Sequence[Event], newest: SignedCheckpoint
) -> list[bytes]:
    """Return the inclusion proof of a page's last event; UnverifiedProof where the page is not what comes next."""
    before = services.ledger.log.numbered(workspace, after=after - 1, upto=newest.size, limit=1) if after else ()
    index = events[-1].position - 1
    chain = Chain("events", "workspace", workspace, count=after)
    if after:
        chain.leaf = leaf_hash(before[0].state) if before and before[0].number == after else None

    def taken() -> None:
        for event in events:
            chain.take(event.state)

    services.proven.checked(index, taken)
    return services.proven.inclusion(index, newest, chain.verify_end)


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

    By default as far as the newest checkpoint. Forbidden; InvalidInput beyond it, and for more than MAX_PAGE entries;
    UnverifiedProof.
    """
    services.ledger.recorder.require(caller, "log.entries", None)
    newest = services.proven.require_newest()
    end = min(newest.size, begin + MAX_PAGE) if end is None else end
    if end > newest.size:
        raise InvalidInput("to", f"is not at most {newest.size:,}, the size of the newest checkpoint")
    if not 0 <= begin < end:
        raise InvalidInput("from", f"is not from 0 to {end - 1:,}")
    if end - begin > MAX_PAGE:
        raise InvalidInput("to", f"is more than {MAX_PAGE:,} above from", limit=MAX_PAGE)
    services.ledger.proving.open_log(caller, begin, end)
    return services.proven.range(begin, end, newest)
