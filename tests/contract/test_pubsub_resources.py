"""Topics and subscriptions as Google's client libraries expect them: of our server and of the official emulator."""

from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2
from support.pubsub import PROJECT, Pair, bodies


class TestTopics:
    def test_a_topic_is_found_by_its_name_and_in_the_list(self, pair):
        assert pair.topic == pair.publisher.get_topic(topic=pair.topic).name
        assert pair.topic in [topic.name for topic in pair.publisher.list_topics(project=PROJECT)]

    def test_a_listing_comes_in_pages(self, clients, pair):
        others = [Pair(clients).topic for _ in range(3)]

        pages = list(clients.publisher.list_topics(request={"project": PROJECT, "page_size": 2}).pages)

        assert len(pages) >= 2
        assert {pair.topic, *others} <= {topic.name for page in pages for topic in page.topics}

    def test_a_name_is_given_once(self, pair):
        with pytest.raises(exceptions.AlreadyExists):
            pair.publisher.create_topic(name=pair.topic)

    @pytest.mark.parametrize("name", ["ab", "1abc", "google-it", "with space", "a" * 256])
    def test_a_bad_name_is_refused(self, clients, name):
        with pytest.raises(exceptions.InvalidArgument):
            clients.publisher.create_topic(name=f"{PROJECT}/topics/{name}")

    def test_what_does_not_exist_is_not_found(self, clients):
        absent = f"{PROJECT}/topics/absent"

        publisher = clients.plain_publisher
        for call in (publisher.get_topic, publisher.delete_topic):
            with pytest.raises(exceptions.NotFound):
                call(topic=absent)
        with pytest.raises(exceptions.NotFound):
            publisher.publish(topic=absent, messages=[{"data": b"x"}])

    def test_labels_can_be_updated(self, pair, emulator_differs):
        emulator_differs("does not support labels in updates")

        pair.publisher.update_topic(
            topic={"name": pair.topic, "labels": {"team": "search"}}, update_mask={"paths": ["labels"]}
        )

        assert dict(pair.publisher.get_topic(topic=pair.topic).labels) == {"team": "search"}

    def test_a_topic_knows_its_subscriptions(self, pair):
        assert [pair.subscription] == list(pair.publisher.list_topic_subscriptions(topic=pair.topic))

    def test_a_deleted_topic_leaves_its_subscription_and_backlog_behind(self, pair):
        pair.publish("still owed")

        pair.publisher.delete_topic(topic=pair.topic)

        assert pair.subscriber.get_subscription(subscription=pair.subscription).topic == "_deleted-topic_"
        assert bodies(pair.pull()) == ["still owed"]


class TestSubscriptions:
    def test_defaults_are_filled_in(self, pair):
        assert pair.config.ack_deadline_seconds == 10
        assert pair.config.message_retention_duration == timedelta(days=7)

    def test_a_subscription_reports_that_it_is_active(self, pair, emulator_differs):
        emulator_differs("reports no state")
        assert pair.config.state == pubsub_v1.types.Subscription.State.ACTIVE

    def test_a_subscription_is_found_by_its_name_and_in_the_list(self, pair):
        assert pair.config == pair.subscriber.get_subscription(subscription=pair.subscription)
        assert pair.subscription in [one.name for one in pair.subscriber.list_subscriptions(project=PROJECT)]

    def test_a_name_is_given_once(self, pair):
        with pytest.raises(exceptions.AlreadyExists):
            pair.subscriber.create_subscription(name=pair.subscription, topic=pair.topic)

    def test_it_needs_a_topic(self, clients):
        with pytest.raises(exceptions.NotFound):
            clients.subscriber.create_subscription(
                name=f"{PROJECT}/subscriptions/orphan", topic=f"{PROJECT}/topics/absent"
            )

    def test_an_ack_deadline_that_is_too_short_is_refused(self, clients, emulator_differs):
        emulator_differs("takes an ack deadline of a second")
        with pytest.raises(exceptions.InvalidArgument):
            Pair(clients, ack_deadline_seconds=9)

    def test_an_ack_deadline_that_is_too_long_is_refused(self, clients):
        with pytest.raises(exceptions.InvalidArgument):
            Pair(clients, ack_deadline_seconds=601)

    @pytest.mark.parametrize("attempts", [4, 101])
    def test_a_number_of_delivery_attempts_out_of_range_is_refused(self, clients, pair, attempts):
        with pytest.raises(exceptions.BadRequest):  # INVALID_ARGUMENT; the emulator says OUT_OF_RANGE
            Pair(clients, dead_letter_policy={"dead_letter_topic": pair.topic, "max_delivery_attempts": attempts})

    def test_a_backoff_out_of_range_is_refused(self, clients):
        with pytest.raises(exceptions.InvalidArgument):
            Pair(clients, retry_policy={"minimum_backoff": duration_pb2.Duration(seconds=601)})

    def test_a_malformed_filter_is_refused(self, clients, emulator_differs):
        emulator_differs("does not read filters")
        with pytest.raises(exceptions.InvalidArgument):
            Pair(clients, filter="attributes.kind = unquoted")

    def test_an_update_changes_what_its_mask_names_and_nothing_else(self, pair):
        updated = pair.update(["ack_deadline_seconds"], ack_deadline_seconds=42, retain_acked_messages=True)

        assert (updated.ack_deadline_seconds, updated.retain_acked_messages) == (42, False)

    def test_an_update_needs_a_mask(self, pair):
        with pytest.raises(exceptions.InvalidArgument):
            pair.update([], ack_deadline_seconds=42)

    @pytest.mark.parametrize("field", ["topic", "filter", "no_such_field"])
    def test_what_never_changes_cannot_be_updated(self, pair, field):
        with pytest.raises(exceptions.InvalidArgument):
            pair.update([field], filter="attributes:x", topic=pair.topic)

    def test_a_detached_subscription_delivers_nothing(self, pair, emulator_differs):
        emulator_differs("does not implement DetachSubscription")
        pair.publish("lost")

        pair.publisher.detach_subscription(request={"subscription": pair.subscription})

        assert pair.subscriber.get_subscription(subscription=pair.subscription).detached
        with pytest.raises(exceptions.FailedPrecondition):
            pair.pull()

    def test_a_deleted_subscription_is_gone(self, pair):
        pair.subscriber.delete_subscription(subscription=pair.subscription)

        with pytest.raises(exceptions.NotFound):
            pair.pull()
        assert list(pair.publisher.list_topic_subscriptions(topic=pair.topic)) == []
