"""Where logs go: one JSON object a line on stderr, since stdout carries answers. For whoever owns the process.

A line that cannot be written is lost. It must never fail the request, or end the thread, that had something to say.
"""

import logging
import sys
from contextlib import suppress

import structlog


class _Stderr(structlog.PrintLogger):
    """Writes to whatever stderr is at that moment; a full disk or a reader that is gone loses the line, no more."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with suppress(OSError, ValueError):  # the latter for a file that is closed
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def log_to_stderr(level: int) -> None:
    """Send structlog's events of `level` and above to stderr as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of, the caller gets as an error
