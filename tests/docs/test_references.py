"""The pages that are written from the code say what the code says."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["architecture", "events", "categories", "http"])
def test_the_page_is_up_to_date(page: str) -> None:
    """Run docs/<page>_reference.py after changing an event type, a category, a role, a code, a limit or a wing."""
    written = runpy.run_path(str(DOCS / f"{page}_reference.py"))
    assert written["render"]() == written["TARGET"].read_text("utf-8")
