"""Push delivery: every message is a request to the subscription's endpoint, and the answer settles it."""

import asyncio
import logging
import math

import h11

from dropforge_local.faults.deliveries import deliver
from dropforge_local.faults.state import Faults
from dropforge_local.http_client import HttpClient, Unreachable
from dropforge_local.pubsub.backlog import Backlog
from dropforge_local.pubsub.envelopes import seal
from dropforge_local.pubsub.errors import PubsubError
from dropforge_local.pubsub.queues import Entry
from dropforge_local.pubsub.state import State

_log = logging.getLogger(__name__)

_IN_FLIGHT = 64
# Source: https://cloud.google.com/pubsub/docs/push#receive_push
_HEADERS = {"user-agent": "CloudPubSub-Google", "from": "noreply@google.com"}
_ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})

PUSH = "push"
"""What faults call a delivery."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Pushers:
    """A pusher for each subscription that has, or had, an endpoint."""

    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self._client = HttpClient(_HEADERS)
        self._running: dict[Backlog, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Start a pusher wherever one is missing. It ends with its subscription."""
        for backlog in self._state.push_subscriptions():
            if backlog not in self._running:
                self._running[backlog] = asyncio.create_task(self._push(backlog), name=f"push {backlog.name}")

    async def stop(self) -> None:
        """Cut off all requests; their messages are still owed."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._client.close()

    async def _push(self, backlog: Backlog) -> None:
        try:
            await Pusher(backlog, self._client, self._faults).run()
        finally:
            del self._running[backlog]


class Pusher:
    """Pushes the messages of one subscription, many at a time.

    An endpoint that cannot be reached has not been given the message: that is no delivery attempt, and the whole
    subscription pauses instead, since every other message would meet the same closed door. (In the cloud a front end
    always answers, so there is nothing to imitate; on a laptop functions restart all the time, and a restart must not
    send events to the dead letters.) Whatever happens once a connection stands is an attempt, and the subscription's
    retry policy applies.
    """

    def __init__(self, backlog: Backlog, client: HttpClient, faults: Faults) -> None:
        self._backlog = backlog
        self._client = client
        self._faults = faults
        self._wake = asyncio.Event()
        self._in_flight = 0
        self._pause = 0.0

    async def run(self) -> None:
        """Push until the subscription is deleted or detached."""
        with self._backlog.listening(self._wake):
            async with asyncio.TaskGroup() as requests:
                while True:
                    self._wake.clear()
                    try:
                        leased = self._lease()
                    except PubsubError:
                        return
                    if leased:
                        self._in_flight += 1
                        requests.create_task(self._push(*leased))
                        continue
                    await self._wake.wait()
                    if self._pause:
                        await asyncio.sleep(self._pause)
                        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _lease(self) -> list[Entry]:
        """The message to push next, if there is one and room for it.

        One at a time, since those of an ordering key that are leased together would be pushed side by side. The lease
        has no end of its own: the request's timeout ends it.
        """
        most = 1 if self._pause else _IN_FLIGHT  # while an endpoint is out of reach, one message at a time tries it
        has_room = self._backlog.config.push_config.push_endpoint and self._in_flight < most
        return self._backlog.lease(1 if has_room else 0, math.inf)

    async def _push(self, entry: Entry) -> None:
        config, ack_id = self._backlog.config, entry.ack_id
        endpoint = config.push_config.push_endpoint

        async def send() -> int:
            async with asyncio.timeout(config.ack_deadline_seconds):
                return await self._client.post(endpoint, *seal(config, entry))

        try:
            status = await deliver(self._faults.take_delivery(PUSH), send)
        except Unreachable as error:
            if not self._pause:
                _log.warning("%s cannot be reached (%s). %s waits for it.", endpoint, error, config.name)
                self._pause = _FIRST_PAUSE
            self._backlog.give_back(ack_id)
        except (OSError, h11.ProtocolError) as error:  # a timeout is an OSError, too
            self._settle(ack_id, f"{type(error).__name__}: {error}", acknowledged=False)
        else:
            self._settle(ack_id, str(status), acknowledged=status in _ACKNOWLEDGING)
        finally:
            self._in_flight -= 1
            self._wake.set()

    def _settle(self, ack_id: str, answer: str, *, acknowledged: bool) -> None:
        self._pause = 0.0
        if acknowledged:
            self._backlog.acknowledge([ack_id])
        else:
            _log.info("A push of %s was answered with %s: it will be repeated.", self._backlog.name, answer)
            self._backlog.modify_deadline([ack_id], 0)
