"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Time as the operating system tells it."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Come back after this long; at once for zero or less."""
        if seconds > 0:
            time.sleep(seconds)
