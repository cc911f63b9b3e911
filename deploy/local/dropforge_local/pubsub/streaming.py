# ruff: noqa: D102 - what `hold` and `release` promise stands in `queues.Holder`
"""StreamingPull: messages flow while the subscriber has room for more, acknowledgements flow back."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from google.pubsub_v1 import types

from dropforge_local.pubsub import rules
from dropforge_local.pubsub.backlog import Backlog
from dropforge_local.pubsub.errors import InvalidAckIds, InvalidArgument
from dropforge_local.pubsub.protos import Proto
from dropforge_local.pubsub.queues import Entry

_Response = types.StreamingPullResponse.pb()
_MESSAGES_A_RESPONSE = 500


class Stream:
    """One streaming pull, and what it holds of its subscription under flow control."""

    def __init__(self, backlog: Backlog, first: Proto) -> None:
        """`first` is the request that opens the stream: its limits hold throughout (0: no limit)."""
        self._backlog = backlog
        self._max_messages = first.max_outstanding_messages or math.inf
        self._max_bytes = first.max_outstanding_bytes or math.inf
        self._messages = 0
        self._bytes = 0
        self._changed = asyncio.Event()
        self._half_closed = False
        self._deadline = 0
        self._accept(first)

    def hold(self, entry: Entry) -> None:
        self._messages += 1
        self._bytes += entry.message.ByteSize()

    def release(self, entry: Entry) -> None:
        self._messages -= 1
        self._bytes -= entry.message.ByteSize()
        self._changed.set()

    async def receive(self, requests: AsyncIterator[Proto]) -> None:
        """Act on the subscriber's requests until it sends no more."""
        try:
            async for request in requests:
                self._accept(request)
        finally:
            self._half_closed = True
            self._changed.set()

    async def responses(self) -> AsyncGenerator[Proto, None]:
        """What to send, as long as the subscriber stays.

        Raises:
            NotFound, FailedPrecondition: the subscription was deleted or detached meanwhile.
        """
        yield self._response([])  # tells the subscription's properties before the first message
        with self._backlog.listening(self._changed):
            while not self._half_closed:
                self._changed.clear()
                if leased := self._backlog.lease(self._room(), self._deadline, holder=self):
                    yield self._response(leased)
                else:
                    await self._changed.wait()

    def _accept(self, request: Proto) -> None:
        if request.stream_ack_deadline_seconds:
            rules.check_ack_deadline(request.stream_ack_deadline_seconds, least=10)
            self._deadline = request.stream_ack_deadline_seconds
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise InvalidArgument("Each of modify_deadline_ack_ids needs its modify_deadline_seconds.")
        # Exactly-once subscribers learn what came too late from the unary methods; a stream has no place for errors.
        with suppress(InvalidAckIds):
            self._backlog.acknowledge(request.ack_ids)
        for ack_id, deadline in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            rules.check_ack_deadline(deadline, least=0)
            with suppress(InvalidAckIds):
                self._backlog.modify_deadline([ack_id], deadline)

    def _room(self) -> int:
        if self._bytes >= self._max_bytes:
            return 0
        return int(min(self._max_messages - self._messages, _MESSAGES_A_RESPONSE))

    def _response(self, leased: list[Entry]) -> Proto:
        config = self._backlog.config
        return _Response(
            received_messages=self._backlog.received(leased),
            subscription_properties={
                "exactly_once_delivery_enabled": config.enable_exactly_once_delivery,
                "message_ordering_enabled": config.enable_message_ordering,
            },
        )
