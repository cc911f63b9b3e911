"""A world in which what a command waits for comes about."""

import threading

from support.eager import Eager
from support.world import World

from dropforge.domain.jobs import JobState


class Cloud(World):
    """A world that gets on whenever the command sleeps; `interrupted` presses Ctrl-C instead, `still` does nothing."""

    def __init__(self):
        super().__init__()
        self.drop = Eager(self)
        self.ends, self.metrics, self.interrupted, self.still = JobState.SUCCEEDED, None, False, False
        self.clock.sleep = self.sleep
        self._is_busy = False

    def sleep(self, seconds):
        self.clock.advance(max(seconds, 0))
        if self.still or self._is_busy or threading.current_thread() is not threading.main_thread():
            return
        if self.interrupted:
            raise KeyboardInterrupt
        self._is_busy = True
        self.sweep()
        self.finish_jobs(self.ends, self.metrics)
        self.watch()
        self._is_busy = False
