# ruff: noqa: D102 - what the methods do is the service's documentation; the module docstring says where they differ
"""Topics, subscriptions and snapshots, and what each method of the service does to them.

No network and no waiting: every method takes a request and returns the response, both protobuf messages, or raises a
`PubsubError`. The names of the methods are those of the service, in snake case.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from dropforge_local.pubsub import rules
from dropforge_local.pubsub.backlog import Backlog, Surroundings
from dropforge_local.pubsub.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from dropforge_local.pubsub.journal import Journal, Row
from dropforge_local.pubsub.protos import Proto, PubsubMessage, Snapshot, Subscription, Topic
from dropforge_local.pubsub.queues import Entry

_log = logging.getLogger(__name__)

DELETED_TOPIC = "_deleted-topic_"
_PAGE = 100


class _Kept:
    """A snapshot: what its subscription owed when it was taken, and everything published since."""

    def __init__(self, config: Proto) -> None:
        self.config = config
        self.messages: dict[int, Proto] = {}


class State:
    """Everything that the service knows, read from the journal at the start and written to it with each change."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells the time in seconds since the epoch."""
        self.alarm = asyncio.Event()
        """Set when something falls due sooner than `tick` has said."""
        self._journal = journal
        self._clock = clock
        self._topics: dict[str, Proto] = {}
        self._subscriptions: dict[str, Backlog] = {}
        self._snapshots: dict[str, _Kept] = {}
        # Microseconds since the epoch, counted on: greater than any number that was given out before a restart, as
        # long as fewer than a million a second are needed. A clock that was set back must not reuse what is kept.
        self._numbers = count(max(int(clock() * 1e6), journal.last_number() + 1))
        self._around = Surroundings(
            journal, clock, number=self._numbers.__next__, alarm=self.alarm, dead_letter=self._dead_letter
        )
        self._restore()

    # Topics

    def create_topic(self, topic: Proto) -> Proto:
        rules.check_topic(topic)
        self._check_absent(self._topics, topic.name)
        self._topics[topic.name] = topic
        self._save(topic)
        return topic

    def get_topic(self, request: Proto) -> Proto:
        return self._topic(request.topic)

    def update_topic(self, request: Proto) -> Proto:
        topic = self._updated(self._topic(request.topic.name), request.topic, request.update_mask)
        rules.check_topic(topic)
        self._topics[topic.name] = topic
        self._save(topic)
        return topic

    def delete_topic(self, request: Proto) -> Proto:
        self._topic(request.topic)
        del self._topics[request.topic]
        self._journal.drop_resource(request.topic)
        for backlog in self._attached(request.topic):
            backlog.config.topic = DELETED_TOPIC
            self._save(backlog.config)
        return empty_pb2.Empty()

    def list_topics(self, request: Proto) -> Proto:
        rules.check_project(request.project)
        return _page(types.ListTopicsResponse.pb(), "topics", _within(request.project, self._topics.values()), request)

    def list_topic_subscriptions(self, request: Proto) -> Proto:
        self._topic(request.topic)
        names = [backlog.name for backlog in self._attached(request.topic)]
        return _page(types.ListTopicSubscriptionsResponse.pb(), "subscriptions", names, request)

    def list_topic_snapshots(self, request: Proto) -> Proto:
        self._topic(request.topic)
        names = [kept.config.name for kept in self._snapshots.values() if kept.config.topic == request.topic]
        return _page(types.ListTopicSnapshotsResponse.pb(), "snapshots", names, request)

    def publish(self, request: Proto) -> Proto:
        self._topic(request.topic)
        rules.check_publish(request.messages)
        return types.PublishResponse.pb()(message_ids=self._distribute(request.topic, request.messages))

    # Subscriptions

    def create_subscription(self, config: Proto) -> Proto:
        self._check_absent(self._subscriptions, config.name)
        rules.complete_subscription(config)
        rules.check_subscription(config)
        self._topic(config.topic)
        self._check_dead_letter_topic(config)
        config.state = types.Subscription.State.ACTIVE
        self._subscriptions[config.name] = Backlog(config, self._around)
        self._save(config)
        return config

    def get_subscription(self, request: Proto) -> Proto:
        return self.subscription(request.subscription).config

    def update_subscription(self, request: Proto) -> Proto:
        backlog = self.subscription(request.subscription.name)
        config = self._updated(backlog.config, request.subscription, request.update_mask)
        rules.complete_subscription(config)
        rules.check_subscription(config)
        self._check_dead_letter_topic(config)
        backlog.configure(config)
        self._save(config)
        return config

    def modify_push_config(self, request: Proto) -> Proto:
        backlog = self.subscription(request.subscription)
        config = _copy(backlog.config)
        config.push_config.CopyFrom(request.push_config)
        rules.check_subscription(config)
        backlog.configure(config)
        self._save(config)
        return empty_pb2.Empty()

    def delete_subscription(self, request: Proto) -> Proto:
        backlog = self.subscription(request.subscription)
        backlog.close(NotFound(f"Subscription does not exist (resource={backlog.name})."))
        del self._subscriptions[backlog.name]
        self._journal.drop_resource(backlog.name)
        return empty_pb2.Empty()

    def detach_subscription(self, request: Proto) -> Proto:
        backlog = self.subscription(request.subscription)
        backlog.config.detached = True
        backlog.close(_detached(backlog))
        self._save(backlog.config)
        return types.DetachSubscriptionResponse.pb()()

    def list_subscriptions(self, request: Proto) -> Proto:
        rules.check_project(request.project)
        configs = _within(request.project, (backlog.config for backlog in self._subscriptions.values()))
        return _page(types.ListSubscriptionsResponse.pb(), "subscriptions", configs, request)

    def acknowledge(self, request: Proto) -> Proto:
        rules.check_ack_ids(request)
        self.subscription(request.subscription).acknowledge(request.ack_ids)
        return empty_pb2.Empty()

    def modify_ack_deadline(self, request: Proto) -> Proto:
        rules.check_ack_ids(request)
        rules.check_ack_deadline(request.ack_deadline_seconds, least=0)
        self.subscription(request.subscription).modify_deadline(request.ack_ids, request.ack_deadline_seconds)
        return empty_pb2.Empty()

    def seek(self, request: Proto) -> Proto:
        backlog = self.subscription(request.subscription)
        if request.snapshot:
            kept = self._snapshot(request.snapshot)
            if kept.config.topic != backlog.config.topic:
                raise InvalidArgument(f"{request.snapshot} and {request.subscription} are not of the same topic.")
            backlog.seek_to_snapshot(kept.messages.values())
        elif request.HasField("time"):
            backlog.seek_to_time(request.time.seconds + request.time.nanos / 1e9)
        else:
            raise InvalidArgument("A seek needs a time or a snapshot.")
        return types.SeekResponse.pb()()

    # Snapshots

    def create_snapshot(self, request: Proto) -> Proto:
        rules.check_name("snapshots", request.name)
        self._check_absent(self._snapshots, request.name)
        backlog = self.subscription(request.subscription)
        config = Snapshot(name=request.name, topic=backlog.config.topic, labels=request.labels)
        owed = backlog.unacknowledged()
        oldest = owed[0].message.publish_time.seconds if owed else self._clock()
        config.expire_time.FromSeconds(int(oldest) + 7 * rules.DAY)
        self._snapshots[config.name] = _Kept(config)
        self._save(config)
        for entry in owed:
            self._keep(self._snapshots[config.name], entry.message, entry.message.SerializeToString())
        return config

    def get_snapshot(self, request: Proto) -> Proto:
        return self._snapshot(request.snapshot).config

    def update_snapshot(self, request: Proto) -> Proto:
        kept = self._snapshot(request.snapshot.name)
        kept.config = self._updated(kept.config, request.snapshot, request.update_mask)
        self._save(kept.config)
        return kept.config

    def delete_snapshot(self, request: Proto) -> Proto:
        self._drop_snapshot(self._snapshot(request.snapshot))
        return empty_pb2.Empty()

    def list_snapshots(self, request: Proto) -> Proto:
        rules.check_project(request.project)
        configs = _within(request.project, (kept.config for kept in self._snapshots.values()))
        return _page(types.ListSnapshotsResponse.pb(), "snapshots", configs, request)

    # What is no method of the service

    def subscription(self, name: str) -> Backlog:
        """The subscription of this name.

        Raises:
            NotFound: there is none.
        """
        if name not in self._subscriptions:
            rules.check_name("subscriptions", name)
            raise NotFound(f"Subscription does not exist (resource={name}).")
        return self._subscriptions[name]

    def push_subscriptions(self) -> list[Backlog]:
        """The subscriptions whose messages are to be pushed to an endpoint."""
        return [backlog for backlog in self._subscriptions.values() if backlog.config.push_config.push_endpoint]

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def tick(self) -> float | None:
        """Act on what is due now; the time at which something will be due next, if anything will."""
        now = self._clock()
        for kept in [kept for kept in self._snapshots.values() if kept.config.expire_time.seconds <= now]:
            self._drop_snapshot(kept)
        for backlog in self._subscriptions.values():
            backlog.tick(now)
        return min((due for backlog in self._subscriptions.values() if (due := backlog.next_due())), default=None)

    def status(self) -> dict[str, dict[str, float]]:
        """The figures of each subscription, by its name."""
        return {name: backlog.status() for name, backlog in sorted(self._subscriptions.items())}

    # Inside

    def _restore(self) -> None:
        for name, body in self._journal.resources().items():
            kind = name.split("/")[2]
            if kind == "topics":
                self._topics[name] = Topic.FromString(body)
            elif kind == "snapshots":
                self._snapshots[name] = _Kept(Snapshot.FromString(body))
            else:
                backlog = self._subscriptions[name] = Backlog(Subscription.FromString(body), self._around)
                if backlog.config.detached:
                    backlog.close(_detached(backlog))
        for row in self._journal.backlog():
            message = PubsubMessage.FromString(row.message)
            if row.owner in self._snapshots:
                self._snapshots[row.owner].messages[row.number] = message
            else:
                entry = Entry(row.number, message, row.attempts, bool(row.acknowledged))
                self._subscriptions[row.owner].restore(entry)

    def _distribute(self, topic: str, messages: Iterable[Proto]) -> list[str]:
        """Give each message its id and time, and a place with everyone who is owed it; gives the ids."""
        backlogs = self._attached(topic)
        snapshots = [kept for kept in self._snapshots.values() if kept.config.topic == topic]
        microseconds = int(self._clock() * 1e6)
        ids = []
        for message in messages:
            message.message_id = str(next(self._numbers))
            message.publish_time.FromMicroseconds(microseconds)
            ids.append(message.message_id)
            body = message.SerializeToString()
            for backlog in backlogs:
                backlog.offer(message, body)
            for kept in snapshots:
                self._keep(kept, message, body)
        return ids

    def _dead_letter(self, subscription: Proto, entry: Entry) -> bool:
        """Publish a copy that says where it comes from.

        Source of the attributes: https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        topic = subscription.dead_letter_policy.dead_letter_topic
        if topic not in self._topics:
            _log.warning("%s has no dead-letter topic %s: the message stays.", subscription.name, topic)
            return False
        if not self._attached(topic):
            _log.warning("Nobody subscribes to %s: a dead letter of %s is lost.", topic, subscription.name)
        _, project, _, subscription_id = subscription.name.split("/")
        letter = _copy(entry.message)
        letter.attributes.update(
            {
                "CloudPubSubDeadLetterSourceDeliveryCount": str(entry.attempts),
                "CloudPubSubDeadLetterSourceSubscription": subscription_id,
                "CloudPubSubDeadLetterSourceSubscriptionProject": project,
                "CloudPubSubDeadLetterSourceTopicPublishTime": entry.message.publish_time.ToJsonString(),
            }
        )
        self._distribute(topic, [letter])
        return True

    def _topic(self, name: str) -> Proto:
        if name not in self._topics:
            rules.check_name("topics", name)
            raise NotFound(f"Topic not found (resource={name}).")
        return self._topics[name]

    def _snapshot(self, name: str) -> _Kept:
        if name not in self._snapshots:
            rules.check_name("snapshots", name)
            raise NotFound(f"Snapshot not found (resource={name}).")
        return self._snapshots[name]

    def _attached(self, topic: str) -> list[Backlog]:
        return [
            backlog
            for backlog in self._subscriptions.values()
            if backlog.config.topic == topic and not backlog.config.detached
        ]

    def _keep(self, kept: _Kept, message: Proto, body: bytes) -> None:
        number = next(self._numbers)
        kept.messages[number] = message
        self._journal.put_message(Row(number, kept.config.name, body))

    def _drop_snapshot(self, kept: _Kept) -> None:
        del self._snapshots[kept.config.name]
        self._journal.drop_resource(kept.config.name)
        for number in kept.messages:
            self._journal.drop_message(number)

    def _check_absent(self, existing: dict[str, Proto], name: str) -> None:
        if name in existing:
            raise AlreadyExists(f"Resource already exists in the project (resource={name}).")

    def _check_dead_letter_topic(self, config: Proto) -> None:
        if config.HasField("dead_letter_policy"):
            self._topic(config.dead_letter_policy.dead_letter_topic)

    def _updated(self, current: Proto, wanted: Proto, mask: Proto) -> Proto:
        changed = _copy(current)
        rules.merge(changed, wanted, mask)
        return changed

    def _save(self, config: Proto) -> None:
        self._journal.put_resource(config.name, config.SerializeToString())


def _copy(message: Proto) -> Proto:
    duplicate = type(message)()
    duplicate.CopyFrom(message)
    return duplicate


def _detached(backlog: Backlog) -> FailedPrecondition:
    return FailedPrecondition(f"Subscription is detached from its topic (resource={backlog.name}).")


def _within(project: str, configs: Iterable[Proto]) -> list[Proto]:
    return sorted(
        (config for config in configs if config.name.startswith(f"{project}/")), key=lambda config: str(config.name)
    )


def _page(response: Proto, field: str, items: Sequence[Proto], request: Proto) -> Proto:
    """One page of a listing. The token is where the next one begins."""
    if not request.page_token.isdecimal() and request.page_token:
        raise InvalidArgument(f"Invalid page_token: {request.page_token!r}.")
    start = int(request.page_token or 0)
    end = start + (request.page_size or _PAGE)
    return response(**{field: items[start:end]}, next_page_token=str(end) if end < len(items) else "")
