"""The demonstration shows what it promises."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_changed_byte_is_found() -> None:
    """`make demo` ends well only if verify names the event."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "demo.py"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PROVENSTORE_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "integrity violated: first at position 6" in done.stdout
