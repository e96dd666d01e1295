"""A command on a data directory has a deadline, as a request has."""

import time
from pathlib import Path
from typing import Any

import pytest

from provenstore.adapters.local.folder import LocalFolder
from provenstore.api.cli import in_time
from provenstore.api.cli.local_backend import LocalBackend

from .conftest import Served


def test_a_command_that_takes_too_long_has_done_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """command-deadline: the exit code says that the same again may help; content takes as long as it takes."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"report")
    file = served.direct("put", path).text.strip()
    with monkeypatch.context() as patch:
        patch.setattr(in_time, "COMMAND_SECONDS", -1.0)
        for command in (["rm", file, "--reason", "why"], ["show", file], ["audit", "--file", file]):
            assert "took too long" in served.direct(*command, code=3).err
    assert served.direct("show", file, "--json").json["status"] == "stored"


def test_what_is_on_record_is_not_answered_as_though_nothing_was_done(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """command-deadline: a purge that takes longer than the deadline is done, and its answer says so."""
    served.direct("workspace", "create", "slow", "--no-four-eyes")
    path = tmp_path / "report.pdf"
    path.write_bytes(b"report")
    file = served.direct("put", path, "--workspace", "slow").text.strip()
    served.direct("rm", file, "--reason", "why")
    real = LocalFolder.delete

    def slowly(*given: Any, **named: Any) -> Any:
        time.sleep(1.5)
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(in_time, "COMMAND_SECONDS", 1.0)
        patch.setattr(LocalFolder, "delete", slowly)
        served.direct("purge", "request", file, "--reason", "why")
    assert served.direct("show", file, "--json").json["status"] == "purged"


def test_a_name_that_no_method_has_is_refused() -> None:
    """So that what is long by nature stays named when it is renamed."""
    with pytest.raises(TypeError, match="LocalBackend has no method sent"):
        in_time.in_time(but=frozenset({"sent"}))(LocalBackend)
