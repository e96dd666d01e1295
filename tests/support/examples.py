"""How many examples of a property are tried: few in `make test`, many in `make test-long` (TEST_LONG=1)."""

import os
from typing import Final

TEST_LONG: Final = "TEST_LONG"
"""Environment variable that asks for the large numbers."""

LONG: Final = os.environ.get(TEST_LONG, "") not in {"", "0"}


def examples(few: int, many: int) -> int:
    """Return how many to try in this run."""
    return many if LONG else few
