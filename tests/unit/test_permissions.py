"""The permission table names every operation, and nobody but those it names."""

from provenstore.api.permissions import PERMISSIONS, permits, unlisted
from provenstore.domain.eventlog.caller import Caller, Role
from provenstore.domain.eventlog.envelope import Actor

_ACTOR = Actor("x", "person", "api_key", "c")


def _caller(*roles: Role) -> Caller:
    return Caller(_ACTOR, frozenset(roles), "acme")


def test_the_table_is_complete() -> None:
    """An operation without a row would be refused to all, silently."""
    assert unlisted() == frozenset()


def test_admin_may_do_what_the_others_may() -> None:
    """Within its scope, which the domain checks."""
    assert all(permits(_caller("admin"), operation) for operation in PERMISSIONS)


def test_no_role_no_permission() -> None:
    """A key without roles opens nothing."""
    assert not any(permits(_caller(), operation) for operation in PERMISSIONS)


def test_auditors_read_and_nothing_else() -> None:
    """The history, not the content."""
    allowed = {operation for operation in PERMISSIONS if permits(_caller("auditor"), operation)}
    files = {"file.get", "file.list", "file.history", "file.certificate", "file.purge_get"}
    assert allowed == {
        *files,
        "workspace.get",
        "disposal.get",
        "credential.get",
        "erasure.get",
        "audit.search",
        "projection.rows",
        "log.read",
        "log.entries",
    }
