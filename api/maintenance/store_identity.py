"""What operators do about the identity of the object store, on the data directory itself.

A server whose store is not the one of its log does not start, so these open everything without that comparison.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenstore.api.settings import load_settings
from provenstore.api.system_user import system_user
from provenstore.api.wiring import open_services
from provenstore.domain.custody.store_identity import Identities, StoreIdentity


def show_identities(data_dir: Path | None) -> Identities:
    """Return what the log has recorded of its store, and what the store's marker bears."""
    with _opened(data_dir) as identity:
        return identity.show(system_user())


def record_identity(data_dir: Path | None, reason: str, *, although_missing: bool, although_empty: bool) -> Identities:
    """Record the store of the settings as the one of the log; WrongStore as `StoreIdentity.record_again` has it."""
    with _opened(data_dir) as identity:
        return identity.record_again(
            system_user(), reason, although_missing=although_missing, although_empty=although_empty
        )


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[StoreIdentity]:
    settings = load_settings(data_dir=data_dir)
    with open_services(settings, sweep=False, make=False, identify=False) as services:
        yield services.ledger.identity
