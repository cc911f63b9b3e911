"""The service as its wires call it: method by name, with the waiting that the state leaves to others."""

import asyncio
import re
from contextlib import suppress

from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from dropforge_local.faults.state import Faults
from dropforge_local.pubsub import rules
from dropforge_local.pubsub.backlog import Backlog
from dropforge_local.pubsub.errors import FailedPrecondition
from dropforge_local.pubsub.journal import Journal
from dropforge_local.pubsub.protos import Methods, Proto, Snapshot, Subscription, Topic
from dropforge_local.pubsub.push import Pushers
from dropforge_local.pubsub.state import State

PUBLISHER: Methods = {
    "CreateTopic": (Topic, Topic),
    "DeleteTopic": (types.DeleteTopicRequest.pb(), empty_pb2.Empty),
    "DetachSubscription": (types.DetachSubscriptionRequest.pb(), types.DetachSubscriptionResponse.pb()),
    "GetTopic": (types.GetTopicRequest.pb(), Topic),
    "ListTopicSnapshots": (types.ListTopicSnapshotsRequest.pb(), types.ListTopicSnapshotsResponse.pb()),
    "ListTopicSubscriptions": (types.ListTopicSubscriptionsRequest.pb(), types.ListTopicSubscriptionsResponse.pb()),
    "ListTopics": (types.ListTopicsRequest.pb(), types.ListTopicsResponse.pb()),
    "Publish": (types.PublishRequest.pb(), types.PublishResponse.pb()),
    "UpdateTopic": (types.UpdateTopicRequest.pb(), Topic),
}

SUBSCRIBER: Methods = {
    "Acknowledge": (types.AcknowledgeRequest.pb(), empty_pb2.Empty),
    "CreateSnapshot": (types.CreateSnapshotRequest.pb(), Snapshot),
    "CreateSubscription": (Subscription, Subscription),
    "DeleteSnapshot": (types.DeleteSnapshotRequest.pb(), empty_pb2.Empty),
    "DeleteSubscription": (types.DeleteSubscriptionRequest.pb(), empty_pb2.Empty),
    "GetSnapshot": (types.GetSnapshotRequest.pb(), Snapshot),
    "GetSubscription": (types.GetSubscriptionRequest.pb(), Subscription),
    "ListSnapshots": (types.ListSnapshotsRequest.pb(), types.ListSnapshotsResponse.pb()),
    "ListSubscriptions": (types.ListSubscriptionsRequest.pb(), types.ListSubscriptionsResponse.pb()),
    "ModifyAckDeadline": (types.ModifyAckDeadlineRequest.pb(), empty_pb2.Empty),
    "ModifyPushConfig": (types.ModifyPushConfigRequest.pb(), empty_pb2.Empty),
    "Pull": (types.PullRequest.pb(), types.PullResponse.pb()),
    "Seek": (types.SeekRequest.pb(), types.SeekResponse.pb()),
    "UpdateSnapshot": (types.UpdateSnapshotRequest.pb(), Snapshot),
    "UpdateSubscription": (types.UpdateSubscriptionRequest.pb(), Subscription),
}

_MAX_PULL_SECONDS = 20.0
_RETENTION_CHECK_SECONDS = 60.0


class Service:
    """The state with its journal, its clockwork and its pushers; `run` is to be running as long as calls come in."""

    def __init__(self, state: State, journal: Journal, faults: Faults) -> None:
        self.state = state
        self._journal = journal
        self._pushers = Pushers(state, faults)

    async def run(self) -> None:
        """Keep the journal, the deadlines and the pushers going until cancelled."""
        self._pushers.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._journal.run())
                tasks.create_task(self._keep_time())
        finally:
            await self._pushers.stop()

    async def call(self, method: str, request: Proto, patience: float = _MAX_PULL_SECONDS) -> Proto:
        """Answer one unary method.

        What a response says was done is on disk when it returns, except for acknowledgements and deadlines: losing
        those in a crash means a second delivery, which subscribers must expect.

        Args:
            method: as the service names it, such as `CreateTopic`.
            request: the protobuf message of that method.
            patience: how many seconds a pull may wait for messages.

        Raises:
            PubsubError: the request is refused.
        """
        if method == "Pull":
            return await self._pull(request, patience)
        response = getattr(self.state, _snake_case(method))(request)
        if method not in {"Acknowledge", "ModifyAckDeadline"} or self._is_exactly_once(request):
            await self._journal.committed()
        if method.endswith(("Subscription", "PushConfig")):
            self._pushers.start()
        return response

    def puller(self, subscription: str) -> Backlog:
        """The subscription's backlog, for somebody who pulls from it.

        Raises:
            NotFound: no such subscription.
            FailedPrecondition: its messages are pushed.
        """
        backlog = self.state.subscription(subscription)
        if backlog.config.push_config.push_endpoint:
            raise FailedPrecondition("This method is not supported for push subscriptions.")
        return backlog

    async def _pull(self, request: Proto, patience: float) -> Proto:
        rules.check_pull(request)
        backlog = self.puller(request.subscription)
        arrived = asyncio.Event()
        with backlog.listening(arrived), suppress(TimeoutError):
            async with asyncio.timeout(0 if request.return_immediately else min(patience, _MAX_PULL_SECONDS)):
                while not (leased := backlog.lease(request.max_messages)):
                    arrived.clear()
                    await arrived.wait()
        return types.PullResponse.pb()(received_messages=backlog.received(leased))

    async def _keep_time(self) -> None:
        while True:
            self.state.alarm.clear()
            due = self.state.tick()
            pause = _RETENTION_CHECK_SECONDS if due is None else due - self.state.now()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.state.alarm.wait(), min(pause, _RETENTION_CHECK_SECONDS))

    def _is_exactly_once(self, request: Proto) -> bool:
        return bool(self.state.subscription(request.subscription).config.enable_exactly_once_delivery)


def _snake_case(method: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
