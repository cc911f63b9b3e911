"""The state alone, with a clock that stands still until it is told to move."""

import pytest
from google.protobuf import duration_pb2
from google.pubsub_v1 import types

from dropforge_local.pubsub.deadlines import Deadlines
from dropforge_local.pubsub.errors import InvalidAckIds, InvalidArgument, NotFound
from dropforge_local.pubsub.journal import Journal
from dropforge_local.pubsub.rules import DAY
from dropforge_local.pubsub.state import State

TOPIC = "projects/test/topics/events"
SUBSCRIPTION = "projects/test/subscriptions/reader"
SNAPSHOT = "projects/test/snapshots/then"


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def state(tmp_path, clock):
    journal = Journal(tmp_path / "journal")
    state = State(journal, clock)
    state.create_topic(types.Topic.pb()(name=TOPIC))
    yield state
    journal.close()


@pytest.fixture
def subscribe(state):
    def subscribe(**options):
        state.create_subscription(types.Subscription.pb()(name=SUBSCRIPTION, topic=TOPIC, **options))
        return state.subscription(SUBSCRIPTION)

    return subscribe


def publish(state, *bodies, key=""):
    messages = [{"data": body.encode(), "ordering_key": key} for body in bodies]
    state.publish(types.PublishRequest.pb()(topic=TOPIC, messages=messages))


def lease(backlog, limit=100):
    return {entry.message.data.decode(): entry.ack_id for entry in backlog.lease(limit)}


class TestTime:
    def test_a_lease_lasts_as_long_as_the_ack_deadline(self, state, clock, subscribe):
        backlog = subscribe(ack_deadline_seconds=20)
        publish(state, "x")
        lease(backlog)

        clock.now += 19.9
        state.tick()
        before = lease(backlog)
        clock.now += 0.2
        state.tick()

        assert (list(before), list(lease(backlog))) == ([], ["x"])

    def test_the_next_deadline_is_told(self, state, clock, subscribe):
        backlog = subscribe(ack_deadline_seconds=20)
        publish(state, "x")
        nothing_due = state.tick()
        state.alarm.clear()

        lease(backlog)

        assert (nothing_due, state.tick()) == (None, clock.now + 20)
        assert state.alarm.is_set()

    def test_backoff_doubles_up_to_its_maximum(self, state, clock, subscribe):
        policy = {
            "minimum_backoff": duration_pb2.Duration(nanos=500_000_000),
            "maximum_backoff": duration_pb2.Duration(seconds=3),
        }
        backlog = subscribe(retry_policy=policy)
        publish(state, "x")
        waits = []

        for _ in range(5):
            backlog.modify_deadline(list(lease(backlog).values()), 0)
            waits.append(state.tick() - clock.now)
            clock.now += waits[-1]
            state.tick()

        assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]

    def test_messages_are_kept_for_a_week(self, state, clock, subscribe):
        backlog = subscribe()
        publish(state, "old")
        clock.now += DAY
        publish(state, "young")

        clock.now += 6 * DAY + 1
        state.tick()

        assert list(lease(backlog)) == ["young"]

    def test_a_snapshot_lives_a_week_less_the_age_of_its_oldest_message(self, state, clock, subscribe):
        subscribe()
        publish(state, "x")
        clock.now += 2 * DAY
        state.create_snapshot(types.CreateSnapshotRequest.pb()(name=SNAPSHOT, subscription=SUBSCRIPTION))
        request = types.GetSnapshotRequest.pb()(snapshot=SNAPSHOT)

        expires = state.get_snapshot(request).expire_time.seconds
        clock.now += 5 * DAY + 1
        state.tick()

        assert expires == clock.now - 1
        with pytest.raises(NotFound):
            state.get_snapshot(request)


class TestOrdering:
    @pytest.fixture
    def backlog(self, subscribe):
        return subscribe(enable_message_ordering=True)

    def test_a_run_is_settled_before_the_next_begins(self, state, backlog):
        publish(state, "a", "b", "c", key="k")

        first = lease(backlog, limit=2)
        meanwhile = lease(backlog)
        backlog.acknowledge([first["a"]])
        still = lease(backlog)
        backlog.acknowledge([first["b"]])

        assert (list(first), meanwhile, still, list(lease(backlog))) == (["a", "b"], {}, {}, ["c"])

    def test_a_message_in_backoff_holds_back_its_key_and_no_other(self, state, clock, backlog):
        backlog.config.retry_policy.minimum_backoff.seconds = 10
        backlog.config.retry_policy.maximum_backoff.seconds = 10
        publish(state, "a", "b", key="k")
        backlog.modify_deadline([lease(backlog, limit=1)["a"]], 0)
        publish(state, "other", key="l")

        during = lease(backlog)
        clock.now += 10
        state.tick()

        assert (list(during), list(lease(backlog))) == (["other"], ["a", "b"])

    def test_an_expired_lease_takes_the_rest_of_its_run_along(self, state, clock, backlog):
        publish(state, "a", "b", "c", key="k")
        first = lease(backlog)
        backlog.acknowledge([first["a"]])

        backlog.modify_deadline([first["c"]], 500)
        clock.now += 11
        state.tick()

        assert list(lease(backlog)) == ["b", "c"]

    def test_messages_without_a_key_flow_freely(self, state, backlog):
        publish(state, "a", "b")
        lease(backlog, limit=1)

        assert list(lease(backlog)) == ["b"]


class TestAcknowledgements:
    def test_a_late_one_counts_while_nobody_else_has_the_message(self, state, clock, subscribe):
        backlog = subscribe()
        publish(state, "x")
        [ack_id] = lease(backlog).values()
        clock.now += 11
        state.tick()

        backlog.acknowledge([ack_id])

        assert lease(backlog) == {}

    def test_a_late_one_does_not_settle_a_newer_delivery(self, state, clock, subscribe):
        backlog = subscribe()
        publish(state, "x")
        [ack_id] = lease(backlog).values()
        clock.now += 11
        state.tick()
        lease(backlog)

        backlog.acknowledge([ack_id])

        assert backlog.status()["backlog"] == 1

    def test_with_exactly_once_delivery_a_late_one_is_refused_and_the_others_count(self, state, clock, subscribe):
        backlog = subscribe(enable_exactly_once_delivery=True)
        publish(state, "late", "in time")
        leased = lease(backlog)
        backlog.modify_deadline([leased["in time"]], 100)
        clock.now += 11
        state.tick()

        with pytest.raises(InvalidAckIds) as refusal:
            backlog.acknowledge(list(leased.values()))

        assert refusal.value.ack_ids == [leased["late"]]
        assert list(lease(backlog)) == ["late"]

    def test_an_id_that_was_never_given_is_refused(self, subscribe):
        with pytest.raises(InvalidArgument):
            subscribe().acknowledge(["nonsense"])

    def test_a_seek_voids_them(self, state, clock, subscribe):
        backlog = subscribe()
        publish(state, "x")
        leased = lease(backlog)

        backlog.seek_to_time(clock.now)
        backlog.acknowledge(list(leased.values()))

        assert list(lease(backlog)) == ["x"]


class TestDeadlines:
    def test_they_come_due_in_order_and_once(self):
        deadlines = Deadlines()
        for member, when in ((1, 30.0), (2, 10.0), (3, 20.0), (4, 40.0)):
            deadlines.set(member, when)
        deadlines.set(2, 25.0)
        deadlines.discard(3)

        assert deadlines.next() == 25.0
        assert list(deadlines.pop_due(35.0)) == [2, 1]
        assert list(deadlines.pop_due(35.0)) == []
        assert deadlines.next() == 40.0

    def test_what_was_withdrawn_takes_no_room(self):
        deadlines = Deadlines()
        for member in range(10_000):
            deadlines.set(member, 1e9 + member)
            deadlines.discard(member)

        assert len(deadlines._heap) < 1_000
