"""The command line itself: what is wrong with it is said with exit code 2, before anything is opened."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provenstore.api.cli.app import app
from provenstore.api.cli.reference import reference
from provenstore.api.settings import default_data_dir, load_settings

ID = "0199f4a6-0000-7000-8000-000000000000"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["show", "not-an-id"],
        ["show", ID, "--url", "http://127.0.0.1:1", "--data-dir", "x"],
        ["rm", ID],
        ["put", "no-such-file.pdf"],
        ["put", "no-such-folder/"],
        ["put", ".", "--name", "one.txt"],
        ["put", ".", "--metadata", "path=elsewhere"],
        ["put", ".", "--jobs", "0"],
        ["put", "-"],
        ["put", __file__, __file__, "--name", "one.txt"],
        ["put", __file__, "--metadata", "no-separator"],
        ["put", __file__, "--related", ":id"],
        ["put", __file__, "--expires-at", "tomorrow"],
        ["get", ID, "-o", "-", "--json"],
        ["get"],
        ["get", ID, "0199f4a6-0000-7000-8000-000000000001"],
        ["get", "--workspace", "default"],
        ["get", "-r", "x"],
        ["get", ID, "-r", "x", "--workspace", "default"],
        ["get", ID, "-r", "x", "-o", "y"],
        ["ls", "--limit", "0"],
        ["ls", "--status", "lost"],
        ["put", __file__, "--access", "secret"],
        ["change", ID],
        ["change", ID, "--clear", "metadata", "--metadata", "a=b"],
        ["erase", ID, "--reason", "asked"],
        ["ls", "--data-dir", ""],
        ["ls", "--created-from", "2026-11-20T15:04:05"],
        ["retention", "set", ID, "--until", "2030-01-01", "--mode", "soft", "--reason", "r"],
        ["workspace", "set", "acme"],
        ["keys", "issue", "--role", "king", "--actor", "a", "--kind", "person"],
        ["keys", "issue", "--role", "admin", "--actor", "a", "--kind", "system"],
        ["serve", "--port", "70000"],
        ["serve", "--workers", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    """Nothing is answered, and nothing is made on disk."""
    data_dir = tmp_path / "data"
    found = CliRunner().invoke(app, arguments, env={"PROVENSTORE_DATA_DIR": str(data_dir), "PROVENSTORE_URL": None})
    assert (found.exit_code, found.stdout) == (2, "")
    assert not data_dir.exists()


def test_a_name_in_the_place_of_an_id_is_told_where_ids_come_from() -> None:
    """It is the first thing that people try."""
    found = CliRunner().invoke(app, ["show", "contract.txt"], terminal_width=200)
    assert "provenstore ls" in " ".join(found.stderr.split())


def test_the_release_is_told() -> None:
    """It is what an error report begins with."""
    found = CliRunner().invoke(app, ["--version"])
    assert (found.exit_code, found.stdout) == (0, f"provenstore {version('provenstore')}\n")


@pytest.mark.parametrize("arguments", [["-h"], ["put", "-h"], ["purge", "-h"]], ids=" ".join)
def test_the_short_option_for_help_works_everywhere(arguments: list[str]) -> None:
    """People try it first."""
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, "Usage" in found.stdout) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls"],
        ["verify"],
        ["show", ID],
        ["history", ID],
        ["get", ID],
        ["keys", "revoke", ID],
        ["change", ID, "--name", "x"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("there", [True, False])
def test_a_mistyped_data_directory_is_not_made(arguments: list[str], there: bool, tmp_path: Path) -> None:
    """An empty list, or a log that is sound because it is empty, would be a dangerous answer."""
    data_dir = tmp_path / "mistyped"
    if there:
        data_dir.mkdir()
    found = CliRunner().invoke(app, [*arguments, "--data-dir", str(data_dir)], env={"PROVENSTORE_DATABASE_URL": None})
    # Of `verify` everything that keeps it from finding out is 2.
    assert (found.exit_code, found.stdout) == (2 if "verify" in arguments else 3, "")
    assert found.stderr.startswith(f"provenstore: There is no data directory at {data_dir}")
    assert list(tmp_path.rglob("*")) == ([data_dir] if there else [])


def test_every_command_says_what_it_does() -> None:
    """The reference page is what the commands say today."""
    assert PAGE.read_text() == reference(), "run: python -m provenstore.api.cli.reference > docs/reference/cli.md"


def test_help_comes_without_loading_the_ledger() -> None:
    """A shell that completes or a person who asks waits for none of the heavy libraries."""
    heavy = "{'psycopg', 'fastapi', 'httpx', 'pydantic', 'boto3', 'eventsourcing', 'uvicorn'}"
    code = f"import sys, provenstore.api.cli.app; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout == "[]\n"


def test_an_empty_setting_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty data directory would be the current folder."""
    monkeypatch.setenv("PROVENSTORE_DATA_DIR", "")
    assert load_settings().data_dir == default_data_dir()
