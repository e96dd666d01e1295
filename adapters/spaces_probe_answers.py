"""Answers to the requests by which a bucket is probed: which say nothing yet, so that the request is repeated."""

import time
from collections.abc import Callable
from typing import Final

PAUSES: Final = (0.5, 2.0)
"""Seconds before a request is repeated that the server could not answer for now."""


def for_now(status: int) -> bool:
    """Tell whether a status says nothing of what the server would do, as it is busy or away.

    500 and 501 are refusals, if repeated: some servers fail so at what they do not know.
    """
    return status in {408, 425, 429} or status > 501


def settled(ask: Callable[[], int]) -> int:
    """Return the status that `ask` answers, asked again while it says nothing; whatever the last attempt answers."""
    answered = ask()
    for pause in PAUSES:
        if answered != 500 and not for_now(answered):
            break
        time.sleep(pause)
        answered = ask()
    return answered
