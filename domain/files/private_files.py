"""Who may touch a private file: its owner, and the roles `records` and `admin`. Pure.

Asked at the one door through which every command on a file goes, by the operation, so that no route can forget it. What
describes a file is seen by its whole workspace (docs/decisions/0009); approvals, holds and erasure belong to roles of
their own.
"""

from provenstore.domain.errors import Forbidden
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.files.file import File

_EVERY_FILE = frozenset({"admin", "records"})

GUARDED: frozenset[Operation] = frozenset(
    {
        "file.upload",
        "file.abort",
        "file.soft_delete",
        "file.restore",
        "file.change",
        "file.link_revoke",
        "file.purge_request",
        "file.purge_withdraw",
    }
)
"""What changes a file, fills it, or removes it; reading and linking its content ask `may_touch` themselves."""


def may_touch(caller: Caller, file: File) -> bool:
    """Tell whether the caller may read, fill and change the file even while it is private."""
    # A key of the whole ledger may stand for an actor of the same id; files of earlier releases say only the id.
    owner = caller.actor.id == file.initiated.owner and file.initiated.owner_reach in {None, caller.reach}
    return owner or bool(caller.roles & _EVERY_FILE) or caller.actor.kind == "system"


def private_refusal(caller: Caller, operation: Operation, file: File) -> Forbidden | None:
    """Return why the caller may not do this to a private file of somebody else; None if it may."""
    if file.access != "private" or operation not in GUARDED or may_touch(caller, file):
        return None
    return private_to_owner(operation)


def private_to_owner(operation: Operation) -> Forbidden:
    """Return the refusal."""
    said = "permission denied: the file is private to its owner"
    return Forbidden(f"{said}; {operation} requires its owner, role records or role admin", rule="private-to-owner")
