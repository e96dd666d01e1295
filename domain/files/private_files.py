"""Access to private files: only for the owner, and the roles `records` and `admin`. Pure.

Checked by operation in the command pipeline that every command on a file passes, so that no route can skip it. The
whole workspace sees a file's description (docs/decisions/0009). Approvals, holds and erasure require their own roles.
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
"""Operations that change, fill or remove a file; reads and links of its content call `may_touch` themselves."""


def may_touch(caller: Caller, file: File) -> bool:
    """Tell whether the caller may read, fill and change the file while it is private."""
    # A ledger-wide API key may belong to an actor of the same id; files of earlier releases have only the id.
    owner = caller.actor.id == file.initiated.owner and file.initiated.owner_reach in {None, caller.reach}
    return owner or bool(caller.roles & _EVERY_FILE) or caller.actor.kind == "system"


def private_refusal(caller: Caller, operation: Operation, file: File) -> Forbidden | None:
    """Return the refusal of an operation on another owner's private file; None if it is allowed."""
    if file.access != "private" or operation not in GUARDED or may_touch(caller, file):
        return None
    return private_to_owner(operation)


def private_to_owner(operation: Operation) -> Forbidden:
    """Return the refusal."""
    said = "permission denied: the file is private to its owner"
    return Forbidden(f"{said}; {operation} requires its owner, role records or role admin", rule="private-to-owner")
