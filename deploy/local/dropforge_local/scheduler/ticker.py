"""Runs the schedules: each tick is published when it is due, and counted."""

import asyncio
import logging
import time

from dropforge_local.faults.instructions import Form, Instruction
from dropforge_local.faults.state import Faults
from dropforge_local.scheduler.publisher import NotPublished, TickPublisher
from dropforge_local.scheduler.state import Schedule, Schedules, next_tick, timestamp

log = logging.getLogger(__name__)

METHOD = "tick"
"""What faults call the publishing of a tick."""


class Ticker:
    """Publishes ticks and counts them.

    A tick is published whether or not its function is done with the one before, as Cloud Scheduler does. It says what
    time it was scheduled for, so that a consumer that fell behind can drop the stale ones.
    """

    def __init__(self, progress: Schedules, publisher: TickPublisher, faults: Faults) -> None:
        self._progress = progress
        self._publisher = publisher
        self._faults = faults

    async def run(self, schedule: Schedule, scheduled_for: float) -> None:
        """Publish one tick.

        Raises:
            NotPublished: Pub/Sub did not take it; the failure has been counted.
        """
        published = False
        try:
            for _ in range(await self._times()):
                await self._publisher.publish(
                    schedule.topic, schedule=schedule.name, scheduled_for=timestamp(scheduled_for)
                )
            published = True
        finally:
            self._progress.ran(schedule, at=time.time(), published=published)

    async def _times(self) -> int:
        """How often to publish the tick that is due: once, unless a fault says otherwise. Waits if it is to be late."""
        match self._faults.take_delivery(METHOD):
            case Instruction(form=Form.DROP):
                return 0
            case Instruction(form=Form.DUPLICATE):
                return 2
            case Instruction(form=Form.DELAY, seconds=seconds):
                await asyncio.sleep(seconds)
        return 1

    async def keep(self, schedule: Schedule) -> None:
        """Run a schedule's ticks when they are due, for ever."""
        while True:
            if (tick := self._progress.due(schedule, time.time())) is not None:
                self._progress.serve(schedule, tick)
                try:
                    await self.run(schedule, tick)
                except NotPublished as error:
                    log.warning("%s: the tick of %s was not published: %s", schedule.name, timestamp(tick), error)
            now = time.time()
            await asyncio.sleep(next_tick(schedule, now) - now)
