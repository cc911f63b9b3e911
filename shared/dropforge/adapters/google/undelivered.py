"""What Pub/Sub gave up delivering: the messages on the dead-letter subscriptions, `dead-FUNCTION` each."""

import base64
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import DeadlineExceeded, GoogleAPIError
from google.cloud import pubsub_v1

from dropforge import wire
from dropforge.adapters.google.faults import translated
from dropforge.deadletters import DeadLetter
from dropforge.domain.errors import Missing
from dropforge.domain.topology import TAKES, VALIDATE, dead_letters

_OURS = {dead_letters(function): function for function in (*TAKES, VALIDATE)}
_EMPTY_ANSWERS = 2  # one alone does not say that a subscription is empty
_AT_ONCE = 100  # messages
_HELD = 60  # seconds that others do not see what was looked at
_PATIENCE = 2.0  # seconds until an empty subscription counts as empty
_COUNT = "CloudPubSubDeadLetterSourceDeliveryCount"  # set by the service


class Undelivered:
    """Pub/Sub's dead letters of one project. A letter that was looked at can be removed for a minute."""

    def __init__(self, project: str) -> None:
        self._project = f"projects/{project}"
        self._held: dict[str, tuple[str, str]] = {}  # a letter's name to its subscription and acknowledgement id
        with translated("connecting to Pub/Sub"):
            self._subscriber: Any = pubsub_v1.SubscriberClient()

    def letters(self) -> Iterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        with translated(f"listing the subscriptions of {self._project}"):
            found = [str(each.name) for each in self._subscriber.list_subscriptions(project=self._project)]
        dead = [name for name in found if name.rpartition("/")[2] in _OURS]
        with ThreadPoolExecutor(max_workers=len(dead) or 1) as pool:  # only waiting shows that one is empty
            for letters in pool.map(self._of, dead):
                yield from letters

    def _of(self, subscription: str) -> list[DeadLetter]:
        letters: dict[str, DeadLetter] = {}
        empty = 0
        while empty < _EMPTY_ANSWERS:
            received = [(_letter(each.message, subscription), each.ack_id) for each in self._pull(subscription)]
            new = {letter.name: letter for letter, _ in received if letter.name not in letters}
            empty = 0 if new else empty + 1
            letters |= new
            self._held.update((letter.name, (subscription, ack_id)) for letter, ack_id in received)
        return list(letters.values())

    def _pull(self, subscription: str) -> list[Any]:
        with translated(f"reading {subscription}"):
            try:
                answer = self._subscriber.pull(
                    subscription=subscription, max_messages=_AT_ONCE, timeout=_PATIENCE, retry=None
                )
            except DeadlineExceeded:
                return []
            if answer.received_messages:
                self._subscriber.modify_ack_deadline(
                    subscription=subscription,
                    ack_ids=[each.ack_id for each in answer.received_messages],
                    ack_deadline_seconds=_HELD,
                )
        return list(answer.received_messages)

    def remove(self, letter: DeadLetter) -> None:
        """See `DeadLetters.remove`."""
        held = self._held.pop(letter.name, None)
        if held is None:
            raise Missing(f"{letter.name} was not looked at just now: list the dead letters again")
        with translated(f"removing {letter.name}"):
            self._subscriber.acknowledge(subscription=held[0], ack_ids=[held[1]])

    def give_back(self) -> None:
        """Let others see at once what was looked at and not removed."""
        held = defaultdict[str, list[str]](list)
        for subscription, ack_id in self._held.values():
            held[subscription].append(ack_id)
        self._held.clear()
        for subscription, ack_ids in held.items():
            with suppress(GoogleAPIError):  # otherwise they come back by themselves, a minute later
                self._subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)


def _letter(message: Any, subscription: str) -> DeadLetter:  # noqa: ANN401 - Google's client has no types
    attributes = dict(message.attributes)
    return DeadLetter(
        function=_OURS[subscription.rpartition("/")[2]],
        id=str(message.message_id),
        type=wire.PUBLISHED,
        source=f"//pubsub.googleapis.com/{subscription}",
        time=message.publish_time.isoformat(),
        error="Undelivered",
        reason=f"given up by Pub/Sub after {attributes.get(_COUNT, 'many')} deliveries: the function's logs tell why",
        data={"message": {"data": base64.b64encode(message.data).decode(), "attributes": attributes}},
    )
