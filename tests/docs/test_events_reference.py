"""The page of events says what the registry holds."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    """Run docs/events_reference.py after changing an event type."""
    render = runpy.run_path(str(DOCS / "events_reference.py"))["render"]
    assert render() == (DOCS / "reference" / "events.md").read_text()
