"""Events in words: every type has its sentence, and people see it where programs see the type."""

import re
import string

import pytest

from provenstore.api.cli.event_lines import WIDEST, mattering, what_happened
from provenstore.domain.custody.event_catalog import EVENT_TYPES
from provenstore.domain.custody.event_words import EVENT_WORDS

BY_NAME = {one.TYPE: one for one in EVENT_TYPES}


def test_every_type_of_event_has_its_words() -> None:
    """A new type is put into the table."""
    assert EVENT_WORDS.keys() == BY_NAME.keys()


@pytest.mark.parametrize("kind", EVENT_WORDS)
def test_the_words_use_fields_of_the_event(kind: str) -> None:
    """And begin as a sentence does."""
    words = EVENT_WORDS[kind]
    fields = {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}
    assert fields <= {*BY_NAME[kind].model_fields, *BY_NAME[kind].PRIVATE}
    assert words[0].isupper()
    assert len(re.sub(r"[\[\]{}]", "", words)) <= 60


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("file.stored.v1", {"size": 12_000}, "Stored (12.0 kB)"),
        ("file.legal_hold_placed.v1", {"name": "Case 12"}, "Legal hold placed: Case 12"),
        ("file.legal_hold_placed.v1", {}, "Legal hold placed"),
        ("file.legal_hold_placed.v1", {"name": {"erased_by": "e"}}, "Legal hold placed: (erased)"),
        ("file.expiry_set.v1", {"expires_at": None}, "Expiry changed"),
        (
            "file.retention_set.v1",
            {"became": {"until": "2030-01-01T00:00:00.000000Z", "mode": "governance"}},
            "Retention set: governance until 2030-01-01",
        ),
        ("file.metadata_changed.v1", {"changed": ["filename", "metadata"]}, "Metadata changed: filename, metadata"),
        (
            "file.access_denied.v1",
            {"operation": "file.soft_delete", "code": "legal-hold"},
            "Access denied: file soft delete (legal hold)",
        ),
        ("workspace.purge_policy_set.v1", {"four_eyes": False}, "Second person for purges changed to no"),
        ("file.eaten.v7", {"size": 1}, "file.eaten.v7"),
    ],
)
def test_what_happened_is_said_in_words(kind: str, values: dict[str, object], said: str) -> None:
    """With the fields that matter; an unknown type shows its name."""
    assert what_happened(kind, values) == said


def test_a_long_value_is_cut_in_a_sentence() -> None:
    """`--full` shows it whole."""
    said = what_happened("file.legal_hold_placed.v1", {"name": "n" * 500})
    assert len(said) == len("Legal hold placed: ") + WIDEST
    assert said.endswith("n…")


def test_the_details_that_matter() -> None:
    """Reasons, recipients and codes; what a change replaced; nothing that the sentence says already."""
    assert mattering("file.soft_deleted.v1", {"reason": "tidying", "access_head": "x", "count": 1}) == "reason: tidying"
    assert mattering("file.purge_failed.v1", {"code": "store-unavailable"}) == ""
    assert mattering("file.legal_hold_released.v1", {"reason": {"erased_by": "e"}}) == "reason: (erased)"
    renamed = {"was": {"filename": "a.txt"}, "became": {"filename": "b.txt"}}
    assert mattering("file.metadata_changed.v1", renamed) == "filename: a.txt → b.txt"
    retained = {"was": {"until": None}, "became": {"until": "2030-01-01T00:00:00.000000Z"}}
    assert mattering("file.retention_set.v1", retained) == ""
