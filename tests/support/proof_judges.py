"""Judges of proofs that were not written here: programs that take cases and say of each whether they accept it."""

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_JUDGES = Path(__file__).parents[1] / "proofs" / "judges"
_SECONDS = 120  # a judge that takes longer hangs

Case = dict[str, Any]
"""What is to be judged; see judge.go for the fields. Bytes are turned into base64 on the way."""


@dataclass(frozen=True)
class Judge:
    """A program that reads a case per line and answers a verdict per line."""

    name: str
    command: tuple[str, ...]

    def accept(self, cases: Sequence[Case]) -> None:
        """Assert that it accepts every case."""
        for case, verdict in zip(cases, self._verdicts(cases), strict=True):
            assert verdict == "accepted", f"{self.name}: {case} {verdict}"

    def refuse(self, cases: Sequence[Case]) -> None:
        """Assert that it refuses every case."""
        for case, verdict in zip(cases, self._verdicts(cases), strict=True):
            assert verdict.startswith("refused: "), f"{self.name}: {case} {verdict}"

    def _verdicts(self, cases: Sequence[Case]) -> list[str]:
        assert cases
        lines = "".join(json.dumps(case, default=_base64) + "\n" for case in cases)
        found = subprocess.run(self.command, input=lines, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout.splitlines()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def judges(environment: Path) -> dict[str, Judge]:
    """Return the judges that live in this virtual environment, by name."""
    programs = environment / "bin"
    commands = {
        "go": (str(programs / "judge-go"),),
        "proofbundle": (str(programs / "python"), "-I", str(_JUDGES / "judge_proofbundle.py")),
        "tlog-scales": (str(programs / "python"), "-I", str(_JUDGES / "judge_tlog_scales.py")),
    }
    return {name: Judge(name, command) for name, command in commands.items()}


def every(*names: str) -> pytest.MarkDecorator:
    """Run the test once before each of these judges."""
    return pytest.mark.parametrize("judge", names, indirect=True)


def flip(value: bytes, at: int = 0) -> bytes:
    """Return these bytes with one bit of one of them changed."""
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
