"""`operations`, against a server and on its data directory."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .conftest import Provenstore, Served

SIZES = {"server": 7_919, "direct": 7_927}  # bytes that no other test of this server puts


def _call_of(provenstore: Provenstore, size: int) -> Any:
    """The call that stored so many bytes, once the server has written it: others' calls stand beside it."""
    deadline = time.monotonic() + 20
    while True:
        listed = provenstore("operations", "--calls", "--kind", "put", "--outcome", "ok", "--limit", "200", "--json")
        if own := [call for call in listed.documents if call["bytes"] == size]:
            return own[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_figures_and_single_calls(both: Provenstore, served: Served, tmp_path: Path) -> None:
    """A line each for people, one document for programs."""
    size = SIZES["server" if both is served.server else "direct"]
    path = tmp_path / f"{uuid4().hex}.pdf"
    path.write_bytes(b"r" * size)
    both("put", path)
    call = _call_of(both, size)
    assert (call["status"], call["provider"], call["kind"]) == ("ok", "local", "put")
    same = both("operations", "--calls", "--request", call["request"]).text
    assert "\tlocal\tput\t" in same
    (figure,) = both("operations", "--provider", "local", "--kind", "put", "--json").json["figures"]
    assert (figure["provider"], figure["kind"]) == ("local", "put")
    assert figure["calls"] > figure["failed"]
    (line,) = both("operations", "--provider", "local", "--kind", "put").rows
    assert line[:2] == ["local", "put"]
    assert line[5].endswith("%")
    assert both("operations", "--before", "2001-01-01").rows == []


@pytest.mark.parametrize("narrowing", [("--outcome", "ok"), ("--request", "r"), ("--kind", "sing")])
def test_what_narrows_nothing_is_a_mistake(both: Provenstore, narrowing: tuple[str, str]) -> None:
    """It would be taken for an answer about those calls only."""
    both("operations", *narrowing, code=2)
