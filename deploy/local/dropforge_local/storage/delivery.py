"""Telling of new objects: at least once, many at a time, with backoff, for up to 24 hours.

Source: "Retry events", Eventarc documentation.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from dropforge_local.faults.deliveries import deliver
from dropforge_local.faults.state import Faults
from dropforge_local.http_client import HttpClient
from dropforge_local.storage import cloud_event
from dropforge_local.storage.methods import NOTIFICATION
from dropforge_local.storage.outbox import Outbox

log = logging.getLogger(__name__)

_IN_FLIGHT = 64
_GIVE_UP_SECONDS = 24 * 3600
_ANSWER_SECONDS = 600  # longer than an event-driven function may run


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after a failed attempt: `minimum` at first, then doubling up to `maximum`."""

    minimum: float = 0.5
    maximum: float = 10.0

    def after(self, attempt: int) -> float:
        """The wait after the attempt of that number; the first is 1."""
        doublings = min(attempt - 1, 32)  # enough for any sensible maximum, and no overflow after a day of failures
        return min(self.minimum * 2.0**doublings, self.maximum)


class NotTakenError(Exception):
    """The receiver answered, but not with a 2xx."""


class Courier:
    """Delivers what the outbox owes, and what it comes to owe while `run` runs.

    `base_url` is where receivers find this server: it goes into the links of the objects that they are told of.
    """

    def __init__(self, outbox: Outbox, base_url: str, backoff: Backoff, faults: Faults) -> None:
        self._outbox = outbox
        self._base_url = base_url
        self._backoff = backoff
        self._faults = faults
        self._client = HttpClient()
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def run(self) -> None:
        """Deliver until cancelled. What is in flight then is delivered again by the next to run."""
        try:
            async with asyncio.TaskGroup() as deliveries:
                self._outbox.listen(lambda added: deliveries.create_task(self._deliver(added)))
                for owed in self._outbox.pending():
                    deliveries.create_task(self._deliver(owed))
                await asyncio.Event().wait()
        finally:
            self._client.close()

    async def _deliver(self, owed: int) -> None:
        attempt = 1
        while not await self._attempt(owed, attempt):
            await asyncio.sleep(self._backoff.after(attempt))
            attempt += 1

    async def _attempt(self, owed: int, attempt: int) -> bool:
        """Try to settle a notification; whether that went well."""
        async with self._slots:
            try:
                await self._settle(owed)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not end the others
                if attempt == 1:
                    log.warning("Notification %d could not be delivered, and is tried again: %r", owed, error)
                return False
        return True

    async def _settle(self, owed: int) -> None:
        notification = self._outbox.get(owed)
        if notification.url is None or time.time() - notification.created > _GIVE_UP_SECONDS:
            log.warning("Notification %d is dropped: its bucket is gone, or nobody took it for 24 hours.", owed)
            self._outbox.settle(owed, delivered=False)
            return
        url, headers = notification.url, cloud_event.headers(notification)
        body = cloud_event.body(notification, self._base_url)

        async def send() -> int:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._client.post(url, headers, body)

        status = await deliver(self._faults.take_delivery(NOTIFICATION), send)
        if not 200 <= status < 300:
            raise NotTakenError(f"{url} answered {status}")
        self._outbox.settle(owed, delivered=True)
