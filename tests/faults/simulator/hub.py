"""Virtual time: what is to happen, in its order, and the greenlets that wait for it."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from greenlet import getcurrent

EPOCH = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

Action = Callable[[], object]


def moment(seconds: float) -> datetime:
    """A second of virtual time, as people write it."""
    return EPOCH + timedelta(seconds=seconds)


class Hub:
    """One thread, one heap. Actions that were put down for the same second happen in the order of putting.

    Attributes:
        time: Virtual seconds since the world began.
        pending: Actions that are more than the clockwork of ticks and timeouts.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self.pending = 0
        self._order = count()
        self._heap: list[tuple[float, int, bool, Action]] = []

    def now(self) -> datetime:
        """The present moment, by a clock that is right."""
        return moment(self.time)

    def at(self, delay: float, action: Action, *, background: bool = False) -> None:
        """Have something happen after a delay.

        Args:
            delay: In seconds.
            action: What happens.
            background: It goes on for ever, so the world may end without it.
        """
        heapq.heappush(self._heap, (self.time + delay, next(self._order), background, action))
        self.pending += not background

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Let time pass, until a second, or until nothing is pending and the world says that it is over."""
        while self._heap and self._heap[0][0] <= until:
            self.time, _, background, action = heapq.heappop(self._heap)
            self.pending -= not background
            action()
            if background and not self.pending and is_over():
                return

    @staticmethod
    def wait() -> Any:
        """Called in a greenlet: leave it until somebody resumes it."""
        return getcurrent().parent.switch()
