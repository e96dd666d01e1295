"""The glossary names modules that exist, in order, and every wing of the domain."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "glossary.md").read_text("utf-8")
TERMS = re.findall(r"^- \*\*(.+?)\*\*: ", PAGE, re.MULTILINE)
PLACES = set(re.findall(r"`((?:api|adapters|projections|domain)/[^`]*)`", PAGE))
ENTRIES = re.split(r"^- ", PAGE, flags=re.MULTILINE)[1:]


def test_every_place_exists() -> None:
    """A folder or a file, below the root of the project."""
    assert sorted(place for place in PLACES if not (ROOT / place).exists()) == []


def test_every_entry_ends_with_its_place() -> None:
    """The reader goes on in the code."""
    assert len(TERMS) == len(ENTRIES) > 40
    assert [
        entry for entry in ENTRIES if not re.search(r"`(?:api|adapters|projections|domain)/[^`]*`\s*$", entry)
    ] == []


def test_entries_are_in_order() -> None:
    """Alphabetical, and each word once."""
    words = [term.lower() for term in TERMS]
    assert words == sorted(set(words))


def test_every_wing_of_the_domain_is_named() -> None:
    """By the wing's folder or a module in it."""
    wings = {door.parent.name for door in (ROOT / "domain").glob("*/__init__.py")}
    assert wings - {place.split("/")[1] for place in PLACES} == set()
