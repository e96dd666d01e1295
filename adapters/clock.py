"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The clock that serves in production; it is right as far as the machine keeps itself synchronised."""

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC)
