"""The permission table: which role allows which operation. The one place to read and to change it.

Roles say what a key may ask for. The rules about holds, retention and second persons stand in the domain and hold for
every role. `admin` may do what the others may, within its scope; the domain still refuses it as its own second person.
"""

from collections.abc import Mapping
from typing import get_args

from provenstore.domain.eventlog.caller import Caller, Operation, Role

_READ: tuple[Role, ...] = ("service", "auditor", "records", "approver", "privacy")

PERMISSIONS: Mapping[Operation, tuple[Role, ...]] = {
    "file.initiate": ("service",),
    "file.upload": ("service",),
    "file.abort": ("service",),
    "file.get": _READ,
    "file.list": _READ,
    "file.content": ("service", "records"),
    "file.verify": ("service", "records", "operator"),
    "file.link": ("service", "records"),
    "file.link_revoke": ("service", "records"),
    "file.history": _READ,
    "file.certificate": _READ,
    "file.soft_delete": ("service", "records"),
    "file.restore": ("service", "records"),
    "file.change": ("service", "records"),
    "file.retention": ("records",),
    "file.hold": ("records",),
    "file.release": ("records", "approver"),
    "file.purge_get": _READ,
    "file.purge_request": ("service", "records"),
    "file.purge_withdraw": ("service", "records"),
    "file.purge_approve": ("approver",),
    "file.purge_reject": ("approver",),
    "file.erase": ("privacy",),
    "erasure.request": ("privacy",),
    "erasure.approve": ("privacy", "approver"),
    "erasure.get": ("privacy", "approver", "auditor", "records"),
    "audit.search": ("auditor", "records", "approver", "privacy"),
    "workspace.create": (),
    "workspace.get": (*_READ, "operator"),
    "workspace.change": (),
    "disposal.get": ("auditor", "records", "approver", "privacy", "operator"),
    "disposal.request": ("records",),
    "disposal.approve": ("approver",),
    "disposal.reject": ("records", "approver"),
    "credential.get": ("auditor",),
    "credential.issue": (),
    "credential.revoke": (),
    "provider.probe": ("operator",),
    "projection.get": ("operator",),
    "projection.rows": ("auditor",),
    "projection.change": ("operator",),
    "log.read": (*_READ, "operator"),
    "log.entries": ("auditor",),
    "log.change": ("operator",),
    "system.sweep": ("operator",),
    "system.operations": ("operator",),
}


def permits(caller: Caller, operation: Operation) -> bool:
    """Tell whether any of the caller's roles allows the operation."""
    return "admin" in caller.roles or not caller.roles.isdisjoint(PERMISSIONS[operation])


def unlisted() -> frozenset[str]:
    """Return operations that the table forgot; a test holds it empty."""
    return frozenset(get_args(Operation)) - PERMISSIONS.keys()
