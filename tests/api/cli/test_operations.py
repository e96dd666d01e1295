"""`operations`, against a server and on its data directory."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .conftest import Provenstore


def _stored(provenstore: Provenstore, tmp_path: Path) -> None:
    path = tmp_path / f"{uuid4().hex}.pdf"
    path.write_bytes(b"a report")
    provenstore("put", path)


def _figures(provenstore: Provenstore, *more: str) -> Any:
    deadline = time.monotonic() + 20
    while not (found := provenstore("operations", "--kind", "put", "--json", *more).json)["figures"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_figures_and_single_calls(both: Provenstore, tmp_path: Path) -> None:
    """A line each for people, one document for programs."""
    _stored(both, tmp_path)
    (figure,) = _figures(both)["figures"]
    assert (figure["provider"], figure["kind"], figure["failed"], figure["success"]) == ("local", "put", 0, 1.0)
    line = both("operations", "--provider", "local", "--kind", "put").text.split("\t")
    assert (line[:2], line[5]) == (["local", "put"], "100.00%")
    (call,) = both("operations", "--calls", "--kind", "put", "--outcome", "ok", "--limit", "1", "--json").json["calls"]
    assert (call["status"], call["bytes"]) == ("ok", 8)
    assert call["request"] is not None
    same = both("operations", "--calls", "--request", call["request"]).text
    assert "\tlocal\tput\t" in same
    assert both("operations", "--before", "2001-01-01").text == ""


@pytest.mark.parametrize("narrowing", [("--outcome", "ok"), ("--request", "r"), ("--kind", "sing")])
def test_what_narrows_nothing_is_a_mistake(both: Provenstore, narrowing: tuple[str, str]) -> None:
    """It would be taken for an answer about those calls only."""
    both("operations", *narrowing, code=2)
