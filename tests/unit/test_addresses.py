"""Addresses that the audit trail is asked for: spelt as sockets spell the ones that were recorded."""

import pytest
from pydantic import ValidationError

from provenstore.api.contract.audit_question import AuditQuery


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::1", "::1"),
        ("2001:0DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("::FFFF:cb00:7107", "::ffff:203.0.113.7"),
    ],
)
def test_one_spelling(said: str, kept: str) -> None:
    """However an officer writes it, it is found."""
    assert AuditQuery.model_validate({"address": said}).filters()["address"] == kept


@pytest.mark.parametrize("said", ["", "xx", "203.0.113", "203.0.113.7/24", "203.0.113.07", "localhost", "1"])
def test_what_is_no_address(said: str) -> None:
    """It is refused, as it would find nothing."""
    with pytest.raises(ValidationError, match="is not an IP address"):
        AuditQuery.model_validate({"address": said})
