"""What finds nothing says so; what is asked of a thing that does not exist is refused."""

from pathlib import Path
from uuid import uuid4

import pytest

from .conftest import Provenstore

NOWHERE = str(uuid4())


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("audit", "--file", NOWHERE), "file"),
        (("audit", "--not-file", NOWHERE), "file"),
        (("audit", "--credential", NOWHERE), "key"),
        (("audit", "--cause", NOWHERE), "event"),
        (("audit", "--link", NOWHERE), "link"),
        (("audit", "--hold", NOWHERE), "hold"),
        (("audit", "--purge", NOWHERE), "purge"),
        (("audit", "--workspace", "nosuch"), "workspace"),
        (("ls", "--workspace", "nosuch"), "workspace"),
        (("usage", "--workspace", "nosuch"), "workspace"),
        (("keys", "list", "--workspace", "nosuch"), "workspace"),
        (("jobs", "list", "--workspace", "nosuch"), "workspace"),
        (("jobs", "run", "--workspace", "nosuch"), "workspace"),
        (("disposal", "due", "nosuch"), "workspace"),
        (("verify-content", "--all", "--workspace", "nosuch"), "workspace"),
    ],
)
def test_what_does_not_exist_is_refused(both: Provenstore, arguments: tuple[str, ...], missing: str) -> None:
    """In the words of a foreign one, and with the exit code of a refusal; stdout is empty."""
    ran = both(*arguments, code=1)
    assert (ran.out, ran.err) == (b"", f"provenstore: there is no such {missing}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audit", "--actor", "nobody"), "no events match"),
        (("audit", "--session", "none"), "no events match"),
        (("ls", "--owner", "nobody"), "no files match"),
        (("operations", "--provider", "nosuch"), "no calls match"),
        (("operations", "--calls", "--provider", "nosuch"), "no calls match"),
        (("jobs", "list", "--kind", "purge"), "no jobs"),
        (("projections", "rows", "file_index", "--at", "1"), "no rows"),
    ],
)
def test_words_that_fit_nothing_are_answered(both: Provenstore, arguments: tuple[str, ...], said: str) -> None:
    """They may fit something tomorrow: exit code 0, only the names of the columns on stdout, and a sentence."""
    ran = both(*arguments)
    assert (len(ran.text.splitlines()), ran.err.splitlines()[-1]) == (1, said)
    assert both(*arguments, "--no-header").out == b""
    assert both(*arguments, "--json").err == ""


def test_a_file_without_the_events_that_are_asked_for_exists(both: Provenstore, tmp_path: Path) -> None:
    """It is there, and nothing of the kind has happened to it."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 a report")
    file = both("put", path, "--again").text.strip()
    assert both("audit", "--file", file, "--action", "purge").err == "no events match\n"


def test_a_category_that_a_workspace_does_not_have(both: Provenstore) -> None:
    """Nothing of it is ever due."""
    assert "does not have" in both("disposal", "due", "default", "--category", "nosuch", code=1).err
