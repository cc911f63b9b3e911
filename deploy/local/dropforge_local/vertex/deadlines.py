"""Until when jobs are paused, and until when their cancellations last."""

import time

from dropforge_local.vertex.state import State

SHORTEST = 0.05  # seconds between two looks at what is due


class Deadlines:
    """Deadlines of jobs by their names, kept on disk. A job without one has nothing to wait for."""

    def __init__(self, state: State) -> None:
        self._notes = state.notes("deadline")

    def put_off(self, job: str, seconds: float) -> None:
        """Let a job wait from now on; infinity: until it is called off."""
        self._notes[job] = repr(time.time() + seconds).encode()

    def call_off(self, job: str) -> None:
        """Let a job wait no longer."""
        self._notes.pop(job, None)

    def passed(self, job: str) -> bool:
        """Whether a job has waited long enough."""
        return float(self._notes.get(job, b"0")) <= time.time()

    def next_in(self) -> float | None:
        """Seconds until the next deadline; None when none will come by itself."""
        first = min(map(float, self._notes.values()), default=float("inf"))
        return None if first == float("inf") else max(first - time.time(), SHORTEST)
