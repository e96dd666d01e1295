"""The page about the house leads to rooms that are there, and its recipes work."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
PLACES = sorted(set(re.findall(r"`((?:api|adapters|projections|domain|tests|docs)/[^`…]*?)`", PAGE)))
FLOORS = ("domain", "adapters", "projections", "api")


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_there(place: str) -> None:
    """A path, or a path and what is defined in that file."""
    path, _, name = place.partition("::")
    assert (ROOT / path).exists()
    if name:
        assert name in _defined(ROOT / path)


def test_the_page_names_places() -> None:
    """Or nothing above would be compared."""
    assert len([place for place in PLACES if "::" in place]) > 20


def _defined(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


FILTER = """    Filter("stream", "text", "Only this stream", column="stream"),
"""
ASKED = """
from provenstore.api.cli.app import app
from provenstore.api.contract.audit_question import AuditQuery
from provenstore.projections.audit.query import AuditFilter, question
from typer.testing import CliRunner

asked = AuditQuery(stream="file:1", not_stream=("file:2",)).filters()
statement, values = question(AuditFilter(**asked))
print(values["stream"], values["not_stream"])
print(statement.as_string(None))
print(CliRunner().invoke(app, ["audit", "--help"], env={"COLUMNS": "200"}).output)
"""


def test_a_filter_of_the_audit_is_one_line(tmp_path: Path) -> None:
    """HTTP, the statement and the command line take it from there."""
    package = tmp_path / "provenstore"
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, package / floor, ignore=shutil.ignore_patterns("__pycache__"))
    filters = package / "projections" / "audit" / "filters.py"
    text = filters.read_text("utf-8")
    first = "FILTERS: Final[tuple[Filter, ...]] = (\n"
    assert text.count(first) == 1
    filters.write_text(text.replace(first, first + FILTER), "utf-8")

    found = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("file:1 ['file:2']\n")
    assert "stream =" in found.stdout
    assert "--stream" in found.stdout
    assert "--not-stream" in found.stdout or "--not" in found.stdout
