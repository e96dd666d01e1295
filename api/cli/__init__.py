"""The command line `provenstore`: parses, asks a ledger, prints. It decides nothing.

stdout carries the answer, stderr everything else; exit codes are in `exits`. Heavy imports happen inside commands.
May import: everything else of this floor. Begin with `app`, the tree of commands, and `session`, one run of a command.
"""

import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command line of this process."""
    from provenstore.adapters.surroundings import forget_surroundings

    forget_surroundings()  # first: some libraries read theirs when they are imported
    from provenstore.api.cli.app import app

    # In a locale without these characters (LC_ALL=C, PYTHONIOENCODING=ascii) they are shown escaped.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """End as if by an exception, so that everything that is open is closed in order."""
    raise SystemExit(128 + number)
