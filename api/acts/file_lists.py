"""What a list of files is narrowed to, for HTTP and the CLI alike: owners are understood as answers show them."""

from collections.abc import Mapping, Sequence
from typing import Any

from provenstore.api.services import Services
from provenstore.domain.tenants.reach import shown_actors
from provenstore.projections.files.query import FileFilter


def file_filter(services: Services, scope: str | None, conditions: Mapping[str, Any]) -> FileFilter:
    """Return the filter of a list in `scope`; None is the whole ledger. InvalidInput for what no file can have."""
    wanted = FileFilter(workspaces=None if scope is None else (scope,), **conditions)
    if wanted.owner is None or "@" not in wanted.owner:
        return wanted

    def keys_of(owner: str) -> Sequence[str | None]:
        return services.files.keys_of(owner, workspace=scope)

    shown = shown_actors([wanted.owner], keys_of, services.ledger.recorder.reaches.of_key)
    return FileFilter(
        workspaces=wanted.workspaces, **conditions, owner_keys=shown.keys, owner_without_key=shown.without_key
    )
