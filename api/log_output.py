"""Where logs go: one JSON object a line on stderr, since stdout carries answers. For whoever owns the process."""

import logging
import sys

import structlog


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
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever stderr is at that moment
        cache_logger_on_first_use=False,
    )
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of, the caller gets as an error
