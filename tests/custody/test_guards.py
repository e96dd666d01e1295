"""What happens between a decision and its record, and which version of an object is meant."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custody import CONTENT, SERVICE, Custody
from interposed import Interposed
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import Gone
from provenstore.domain.files import file_events as fe
from provenstore.domain.storage.objects import ObjectInfo, ObjectNotFound


def test_a_deletion_between_decision_and_record_refuses_the_access(log: PostgresEventLog, tmp_path: Path) -> None:
    """access-guarded: the reading was allowed when it was decided, and is not any more when it would be recorded."""
    between: Any = Interposed(log)
    custody = Custody(between, LocalFolder(tmp_path / "objects"))
    file = custody.stored()
    between.interrupt("append", "before", lambda: custody.ledger.soft_delete(SERVICE, file.id))
    with pytest.raises(Gone):
        custody.read(SERVICE, file.id)
    assert not any(isinstance(event.data, fe.Accessed) for event in custody.events(file.id))


class OneVersion(LocalFolder):
    """A folder that names the version it stores, and gives out, describes or removes that one only."""

    def put(self, key: str, body: Iterable[bytes], **how: Any) -> ObjectInfo:
        return replace(super().put(key, body, **how), version_id="v1")

    def get(self, key: str, *, version: str | None = None, **how: Any) -> Any:
        if version != "v1":
            raise ObjectNotFound
        return super().get(key, version=None, **how)


def test_the_stored_version_is_the_one_that_is_read(log: PostgresEventLog, tmp_path: Path) -> None:
    """stored-names-version: whatever is laid over it later, the recorded version is meant."""
    custody = Custody(log, OneVersion(tmp_path / "objects"))
    file = custody.stored()
    assert file.stored is not None
    assert file.stored.version_id == "v1"
    assert custody.read(SERVICE, file.id) == CONTENT
