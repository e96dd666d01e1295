"""The command line `provenstore`: parses, asks a ledger, prints. It decides nothing.

stdout carries the answer, stderr everything else; exit codes are in `exits`. Heavy imports happen inside commands.
"""

import signal
from types import FrameType
from typing import NoReturn


def main() -> None:
    """Run the command line of this process."""
    from provenstore.api.cli.app import app

    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """End as if by an exception, so that everything that is open is closed in order."""
    raise SystemExit(128 + number)
