"""Names in the `decision` field of events: the rule that was applied, named by its outcome.

A refusal has the code of its rule (`hold-refuses-delete/1`), a success a name that reads as a success. The first
release gave some successes the code of the refusal; those are read here under their current name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "delete-not-held": "hold-refuses-delete",
        "abort-not-held": "hold-refuses-abort",
        "upload-expiry-not-held": "hold-refuses-expiry",
        "expiry-not-held-nor-retained": "retention-refuses-expiry",
        "access-change-not-held": "hold-refuses-publish",
        "erasure-not-held": "hold-refuses-erasure",
        "restore-before-purge": "purge-started-is-final",
        "retention-not-shortened": "compliance-only-lengthens",
        "shortening-awaits-second-person": "governance-shortened-by-two",
        "purge-not-held-nor-retained": "hold-refuses-purge",
        "long-retention-awaits-second-person": "long-retention-by-two",
        "retention-bound-awaits-second-person": "retention-bound-by-two",
        "retention-bound-lowered-at-once": "retention-bound-by-two",
        "erasure-awaits-second-person": "erasure-second-person",
        "four-eyes-on-at-once": "four-eyes-off-by-two",
        "four-eyes-off-awaits-second-person": "four-eyes-off-by-two",
        "four-eyes-off-after-a-day": "four-eyes-off-by-two",
        "disposal-policy-awaits-second-person": "disposal-policy-by-two",
    }
)
"""Decisions of successes, each with its rule; all other decisions have the name of their rule."""

_FORMER: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("file.soft_deleted.v1", "hold-refuses-delete/1"): "delete-not-held/1",
        ("file.upload_aborted.v1", "hold-refuses-abort/1"): "abort-not-held/1",
        ("file.upload_expired.v1", "hold-refuses-expiry/1"): "upload-expiry-not-held/1",
        ("file.expired.v1", "retention-refuses-expiry/1"): "expiry-not-held-nor-retained/1",
        ("file.access_level_changed.v1", "hold-refuses-publish/1"): "access-change-not-held/1",
        ("file.personal_data_erased.v1", "hold-refuses-erasure/1"): "erasure-not-held/1",
        ("file.restored.v1", "restore-cancels-purge/1"): "restore-before-purge/1",
        ("file.retention_reduction_requested.v1", "governance-shortened-by-two/1"): "shortening-awaits-second-person/1",
        ("file.purge_requested.v1", "purge-second-person/1"): "purge-not-held-nor-retained/1",
    }
)
"""Current decision names, by event type and recorded decision."""


def read_decision(event_type: str, decision: str | None) -> str | None:
    """Return an event's decision under its current name; the envelope keeps the recorded one."""
    return None if decision is None else _FORMER.get((event_type, decision), decision)
