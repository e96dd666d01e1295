"""Statuses that a bucket answers while it is probed: which of them are temporary, so that the request is repeated."""

import time
from collections.abc import Callable
from typing import Final

PAUSES: Final = (0.5, 2.0)
"""Seconds before a request is repeated that the server could not answer for now."""


def for_now(status: int) -> bool:
    """Tell whether the server is busy or away, so that its answer does not show what it would do.

    500 and 501 count as refusals: some servers always answer so to headers that they do not know.
    """
    return status in {408, 425, 429} or status > 501


def settled(ask: Callable[[], int]) -> int:
    """Return the status that `ask` answers; a server that is busy, away or failing is asked three times in all."""
    answered = ask()
    for pause in PAUSES:
        if answered != 500 and not for_now(answered):
            break
        time.sleep(pause)
        answered = ask()
    return answered
