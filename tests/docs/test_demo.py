"""The demonstration shows what it promises."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_rewritten_history_is_found() -> None:
    """`make demo` ends well only if the kept checkpoint finds what agrees with itself in everything else."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "demo.py"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PROVENSTORE_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "somebody-else-" in done.stdout
    last = done.stdout.rpartition("$ provenstore verify")[2]
    assert [line.split()[1] for line in last.splitlines() if line.startswith("BAD")] == ["13"]
    assert "integrity violated: first at position 1," in last
    assert " entries has another root: what was altered lies at positions 1 to" in last
