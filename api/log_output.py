"""Where logs go: one JSON object a line on stderr, since stdout carries answers. For whoever owns the process.

A line that cannot be written is lost. It must never fail the request, or end the thread, that had something to say.
"""

import logging
import sys
import traceback
from contextlib import suppress
from typing import Any

import structlog


class _Stderr(structlog.PrintLogger):
    """Writes to whatever stderr is at that moment; a full disk or a reader that is gone loses the line, no more."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with suppress(OSError, ValueError):  # the latter for a file that is closed
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


class _Others(logging.Handler):
    """Takes what libraries say (uvicorn above all) into the same lines, from warnings up.

    Of an exception its class and where it was raised: its message may quote what a request held.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        with suppress(TypeError, ValueError):  # arguments that do not fit the record's text
            # One line of it: asyncio goes on with what it has in hand.
            said = record.getMessage().partition("\n")[0]
            told: dict[str, Any] = {"action": "library.log", "library": record.name, "said": said}
            if record.exc_info and (error := record.exc_info[1]) is not None:
                told |= _raised(error)
            say = structlog.get_logger(record.name)
            (say.error if record.levelno >= logging.ERROR else say.warning)("library", **told)


def _raised(error: BaseException) -> dict[str, str]:
    """Say what was raised and where, without a message."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "at": " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)),
    }


def log_to_stderr(level: int) -> None:
    """Send structlog's events of `level` and above to stderr as JSON lines, and libraries' from warnings up.

    Libraries are heard unless they have handlers of their own, as uvicorn has by default (`log_config=None`).
    """
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
    root = logging.getLogger()
    if not any(isinstance(one, _Others) for one in root.handlers):
        root.addHandler(_Others(logging.WARNING))
