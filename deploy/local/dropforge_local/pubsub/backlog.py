"""What one subscription is owed: its messages, who has leased what until when, and what becomes of failed deliveries."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from dropforge_local.pubsub.deadlines import Deadlines
from dropforge_local.pubsub.errors import InvalidAckIds, InvalidArgument, PubsubError
from dropforge_local.pubsub.filters import compile_filter
from dropforge_local.pubsub.journal import Journal, Row
from dropforge_local.pubsub.protos import Proto, seconds
from dropforge_local.pubsub.queues import Entry, Holder, OrderedQueue, Queue, UnorderedQueue

PULL_BYTES = 3_500_000
"""How much one answer may carry: the client's channel to an emulator takes 4 MiB."""

# Without a retry policy a push is repeated after 100 ms, doubling up to 60 s. Source: "Push subscriptions",
# https://cloud.google.com/pubsub/docs/push#push_backoff
_PUSH_BACKOFF = (0.1, 60.0)
_MAX_DOUBLINGS = 32


class Surroundings(NamedTuple):
    """What all subscriptions share."""

    journal: Journal
    clock: Callable[[], float]
    """Seconds since the epoch."""
    number: Callable[[], int]
    """A number that is greater than every number before, also after a restart."""
    alarm: asyncio.Event
    """Set when something falls due sooner than anything before."""
    dead_letter: Callable[[Proto, Entry], bool]
    """Forward an entry that failed too often, of the subscription so configured; false if there is nowhere to."""


class Backlog:
    """What one subscription owes its subscribers. Nothing here waits; `listening` says when to look again."""

    def __init__(self, config: Proto, around: Surroundings) -> None:
        self.config = config
        self.delivered = 0
        self._around = around
        self._matches = compile_filter(config.filter)
        self._entries: dict[int, Entry] = {}
        self._queue = self._empty_queue()
        # A leased entry is due when its lease ends, one that is held back when its backoff ends.
        self._deadlines = Deadlines()
        self._listeners: set[asyncio.Event] = set()
        self._closed: PubsubError | None = None

    @property
    def name(self) -> str:
        """`projects/P/subscriptions/S`."""
        return str(self.config.name)

    def configure(self, config: Proto) -> None:
        """Go by another configuration from now on (filter and ordering never change)."""
        self.config = config
        self._notify()

    # Messages come in

    def offer(self, message: Proto, body: bytes) -> None:
        """Keep a message that was published, unless the filter keeps it out. `body` is the message serialized."""
        if self._matches(message.attributes):
            entry = Entry(self._around.number(), message)
            self._around.journal.put_message(Row(entry.number, self.name, body))
            self._entries[entry.number] = entry
            self._queue.add(entry)
            self._notify()

    def restore(self, entry: Entry) -> None:
        """Take over an entry that the journal has kept."""
        self._entries[entry.number] = entry
        if not entry.acknowledged:
            self._queue.add(entry)

    # Messages go out

    def lease(self, limit: int, deadline: float = 0, holder: Holder | None = None) -> list[Entry]:
        """Lease up to `limit` entries, and about PULL_BYTES of them, for `deadline` seconds (0: as configured).

        Raises:
            NotFound: the subscription was deleted.
            FailedPrecondition: it was detached from its topic.
        """
        if self._closed:
            raise self._closed
        leased: list[Entry] = []
        size = 0
        due = self._around.clock() + (deadline or self.config.ack_deadline_seconds)
        while len(leased) < limit and (entry := self._queue.peek()):
            size += entry.message.ByteSize()
            if leased and size > PULL_BYTES:
                break
            leased.append(self._queue.take())
            entry.leased = True
            entry.ack_id = f"{entry.number}-{self._around.number()}"
            entry.holder = holder
            if holder:
                holder.hold(entry)
            self._set_deadline(entry, due)
        self._queue.pause()
        self.delivered += len(leased)
        return leased

    def received(self, entries: Iterable[Entry]) -> list[dict[str, object]]:
        """Leased entries as the fields of `ReceivedMessage`."""
        counted = self.config.HasField("dead_letter_policy")
        return [
            {
                "ack_id": entry.ack_id,
                "message": entry.message,
                "delivery_attempt": entry.attempts + 1 if counted else 0,
            }
            for entry in entries
        ]

    # What becomes of a delivery

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Settle deliveries. Late ones count while no newer lease exists; unknown ones are ignored.

        Raises:
            InvalidArgument: an id is none of this service's.
            InvalidAckIds: with exactly-once delivery, for those whose lease had ended. The others are settled.
        """
        for entry in self._find(ack_ids):
            self._settle(entry)

    def modify_deadline(self, ack_ids: Sequence[str], deadline: float) -> None:
        """Let leases end `deadline` seconds from now; 0 refuses the messages (nack).

        Raises:
            InvalidArgument: an id is none of this service's.
            InvalidAckIds: with exactly-once delivery, for those whose lease had ended. The others are modified.
        """
        due = self._around.clock() + deadline
        for entry in self._find(ack_ids):
            if not entry.leased:
                continue
            if deadline:
                self._set_deadline(entry, due)
            else:
                self._fail(entry)

    def give_back(self, ack_id: str) -> None:
        """End a lease as if there had been no delivery."""
        for entry in self._find([ack_id]):
            self._put_back(entry, delay=0)

    # Time passes, forward and backward

    def tick(self, now: float) -> None:
        """Act on what is due: leases that ended, backoffs that ended, messages that outlived their retention."""
        for number in self._deadlines.pop_due(now):
            entry = self._entries[number]
            if entry.leased:
                self._fail(entry)
            else:
                self._queue.release(entry)
                self._notify()
        oldest_kept = now - seconds(self.config.message_retention_duration)
        while self._entries and _published(oldest := next(iter(self._entries.values()))) < oldest_kept:
            self._remove(oldest)

    def next_due(self) -> float | None:
        """When `tick` next has a lease or a backoff to end; None while there is neither."""
        return self._deadlines.next()

    def seek_to_time(self, time: float) -> None:
        """Owe what was published at `time` (seconds since the epoch) or later, as far as it is kept, and only that."""
        self._replace([(entry.message, _published(entry) < time) for entry in self._entries.values()])

    def seek_to_snapshot(self, messages: Iterable[Proto]) -> None:
        """Owe exactly what a snapshot has kept."""
        owed = {message.message_id: message for message in messages if self._matches(message.attributes)}
        others = [entry.message for entry in self._entries.values() if entry.message.message_id not in owed]
        backlog = [*((message, False) for message in owed.values()), *((message, True) for message in others)]
        self._replace(sorted(backlog, key=lambda item: int(item[0].message_id)))

    def close(self, reason: PubsubError) -> None:
        """Forget every message; whoever wants to lease from now on is refused for this reason."""
        self._closed = reason
        self._replace([])
        self._notify()

    # Looking in

    def unacknowledged(self) -> list[Entry]:
        """What is still owed, in order of publication."""
        return [entry for entry in self._entries.values() if not entry.acknowledged]

    def status(self) -> dict[str, float]:
        """Figures: messages owed (`backlog`), leased, delivered since the start, and the age of the oldest one owed."""
        owed = self.unacknowledged()
        return {
            "backlog": len(owed),
            "outstanding": sum(entry.leased for entry in owed),
            "oldest_seconds": round(max(0.0, self._around.clock() - _published(owed[0])), 3) if owed else 0.0,
            "delivered": self.delivered,
        }

    @contextmanager
    def listening(self, event: asyncio.Event) -> Iterator[None]:
        """Within this context `event` is set whenever `lease` may have become worth a try."""
        self._listeners.add(event)
        try:
            yield
        finally:
            self._listeners.discard(event)

    # Inside

    def _find(self, ack_ids: Iterable[str]) -> Iterator[Entry]:
        """The entries whose latest delivery the ids name; with exactly-once delivery, the others raise at the end."""
        exactly_once = self.config.enable_exactly_once_delivery
        stale = []
        for ack_id in ack_ids:
            number = ack_id.partition("-")[0]
            if not number.isdecimal():
                raise InvalidArgument(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
            entry = self._entries.get(int(number))
            if not entry or entry.acknowledged or entry.ack_id != ack_id or (exactly_once and not entry.leased):
                stale.append(ack_id)
            else:
                yield entry
        if stale and exactly_once:
            raise InvalidAckIds(stale)

    def _settle(self, entry: Entry) -> None:
        if not self.config.retain_acked_messages:
            self._remove(entry)
            return
        self._dequeue(entry)
        self._record(entry)

    def _remove(self, entry: Entry) -> None:
        self._dequeue(entry)
        del self._entries[entry.number]
        self._around.journal.drop_message(entry.number)

    def _dequeue(self, entry: Entry) -> None:
        """Never deliver this entry again."""
        self._end_lease(entry)
        if not entry.acknowledged:
            entry.acknowledged = True
            self._queue.finish(entry)
            self._notify()  # of the next message with the same ordering key

    def _fail(self, entry: Entry) -> None:
        """A delivery came to nothing: repeat it after its backoff, or forward it when it failed too often."""
        entry.attempts += 1
        limit = self.config.dead_letter_policy.max_delivery_attempts
        if limit and entry.attempts >= limit and self._around.dead_letter(self.config, entry):
            self._settle(entry)
        else:
            self._record(entry)
            self._put_back(entry, self._backoff(entry.attempts))

    def _put_back(self, entry: Entry, delay: float) -> None:
        for returning in (entry, *self._queue.put_back(entry)):
            self._end_lease(returning)
        if delay:
            self._set_deadline(entry, self._around.clock() + delay)
        else:
            self._queue.release(entry)
            self._notify()

    def _backoff(self, attempts: int) -> float:
        policy = self.config.retry_policy
        if self.config.HasField("retry_policy"):
            least, most = seconds(policy.minimum_backoff), seconds(policy.maximum_backoff)
        elif self.config.push_config.push_endpoint:
            least, most = _PUSH_BACKOFF
        else:
            return 0.0
        return min(most, least * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS))

    def _end_lease(self, entry: Entry) -> None:
        self._deadlines.discard(entry.number)
        entry.leased = False
        if entry.holder:
            entry.holder.release(entry)
            entry.holder = None

    def _replace(self, backlog: Iterable[tuple[Proto, bool]]) -> None:
        """Start anew with these messages, in this order; the flag says which of them count as acknowledged."""
        for entry in list(self._entries.values()):
            self._end_lease(entry)
            self._around.journal.drop_message(entry.number)
        self._entries.clear()
        self._queue = self._empty_queue()
        for message, acknowledged in backlog:
            if self.config.retain_acked_messages or not acknowledged:
                entry = Entry(self._around.number(), message, acknowledged=acknowledged)
                self._record(entry)
                self.restore(entry)
        self._notify()

    def _empty_queue(self) -> Queue:
        return OrderedQueue() if self.config.enable_message_ordering else UnorderedQueue()

    def _record(self, entry: Entry) -> None:
        body = entry.message.SerializeToString()
        self._around.journal.put_message(Row(entry.number, self.name, body, entry.attempts, entry.acknowledged))

    def _set_deadline(self, entry: Entry, due: float) -> None:
        if self._deadlines.set(entry.number, due):
            self._around.alarm.set()

    def _notify(self) -> None:
        for event in self._listeners:
            event.set()


def _published(entry: Entry) -> float:
    time = entry.message.publish_time
    return float(time.seconds + time.nanos / 1e9)
