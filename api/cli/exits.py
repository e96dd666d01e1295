"""Exit codes, which scripts branch on; part of the public contract."""

from typing import Final

from provenstore.domain.errors import IntegrityViolated, ProvenstoreError, Refused

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 3
INTEGRITY: Final = 7
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE


def exit_code(error: ProvenstoreError) -> int:
    """Return the exit code of an error: 1 refused, 7 integrity violated, 3 for all that may pass or be mended."""
    if isinstance(error, Refused):
        return REFUSED
    return INTEGRITY if isinstance(error, IntegrityViolated) else UNAVAILABLE
