"""What keys of one workspace are shown in the place of positions of the log, which tell of the whole ledger.

Positions are null; what they are needed for, to go on with a page or to wait for a read model, are marks
(`adapters.position_marks`). Receipts and proofs have indexes of the log, without which nothing would be proven.
"""

from typing import Any

from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller

_OF_READS = ("position", "from_position", "to_position")
"""What records of reads of the audit say of the log."""


def shown_history(services: Services, caller: Caller, page: dict[str, Any]) -> dict[str, Json]:
    """Return a page of a history."""
    if caller.scope is None:
        return page
    following = page["next"]
    return {
        "events": [{**one, "position": None} for one in page["events"]],
        "next": None if following is None else services.marks.position(caller.scope, following),
    }


def shown_audit(services: Services, caller: Caller, page: dict[str, Any]) -> dict[str, Json]:
    """Return a page of the audit trail, in whichever format."""
    if caller.scope is None:
        return page
    entries = [_shown_entry(one) for one in page["entries"]]
    return {"entries": entries, "next": services.marks.cursor(caller.scope, page["next"])}


def _shown_entry(entry: dict[str, Any]) -> dict[str, Json]:
    if "metadata" in entry:
        return {**entry, "metadata": {**entry["metadata"], "position": None}}
    details = entry["details"]
    if entry["type"].startswith("audit."):
        details = {name: value for name, value in details.items() if name not in _OF_READS}
    return {**entry, "position": None, "details": details}


def shown_runs(services: Services, caller: Caller, page: dict[str, Any]) -> dict[str, Json]:
    """Return a page of reports of disposal."""
    if caller.scope is None:
        return page
    following = page["next"]
    return {
        "runs": [{**one, "position": None} for one in page["runs"]],
        "next": None if following is None else services.marks.position(caller.scope, following),
    }


def shown_certificate(caller: Caller, found: dict[str, Any]) -> dict[str, Json]:
    """Return a certificate of destruction."""
    if caller.scope is None:
        return found
    return {**found, "steps": [{**one, "position": None} for one in found["steps"]]}
