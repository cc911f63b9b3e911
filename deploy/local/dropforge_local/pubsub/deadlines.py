"""When something is due: a priority queue whose members can be moved and withdrawn."""

import heapq
from collections.abc import Iterator

_SLACK = 256


class Deadlines:
    """Members (by number) and the time at which each is due (seconds since the epoch)."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        # Holds every time ever set; what `_due` no longer confirms is stale and skipped.
        self._heap: list[tuple[float, int]] = []

    def __contains__(self, member: int) -> bool:
        return member in self._due

    def set(self, member: int, when: float) -> bool:
        """Make `member` due at `when`, whatever was set before; true if that is sooner than anything set before."""
        sooner = not self._heap or when < self._heap[0][0]
        self._due[member] = when
        heapq.heappush(self._heap, (when, member))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [(when, member) for member, when in self._due.items()]
            heapq.heapify(self._heap)
        return sooner

    def discard(self, member: int) -> None:
        """Forget `member`, if it is known."""
        self._due.pop(member, None)

    def next(self) -> float | None:
        """When the soonest member is due; None when there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[int]:
        """Remove and yield what is due at `now`, soonest first."""
        while (when := self.next()) is not None and when <= now:
            _, member = heapq.heappop(self._heap)
            del self._due[member]
            yield member
