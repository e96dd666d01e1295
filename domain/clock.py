"""The port through which time enters; nothing on this floor asks the machine what time it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current moment as an aware datetime in UTC. It may step back; the log's times never do."""
        ...
