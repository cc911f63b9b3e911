"""How buckets, topics and subscriptions are set up, by Google's own clients.

`STORAGE_EMULATOR_HOST` and `PUBSUB_EMULATOR_HOST`, read by them, point them to local servers.
"""

from functools import cached_property
from typing import Any

from google.cloud import pubsub_v1, storage

from dropforge.adapters.google.faults import translated
from dropforge.doctor.facts import Bucket, Subscription

_PATIENCE = 3.0  # seconds for one call, which is not repeated: somebody waits
_DAY = 86_400  # seconds
_ENFORCED = "enforced"
# Conditions that only an overwritten or deleted object can meet. https://cloud.google.com/storage/docs/lifecycle
_OF_THE_PAST = {"daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions"}


class GoogleWiring:
    """One project's. Keeps `Wiring`."""

    def __init__(self, project: str) -> None:
        self._project = project

    def bucket(self, name: str) -> Bucket:
        """See `Wiring.bucket`."""
        with translated(f"looking at gs://{name}"):
            found = self._storage.get_bucket(name, timeout=_PATIENCE, retry=None)
        access = found.iam_configuration
        return Bucket(
            name=name,
            location=str(found.location).lower(),
            regional=found.location_type == "region",
            created=found.time_created,
            uniform=bool(access.uniform_bucket_level_access_enabled),
            private=access.public_access_prevention == _ENFORCED,
            versioned=bool(found.versioning_enabled),
            kept_days=int(found.soft_delete_policy.retention_duration_seconds or 0) / _DAY,
            held=_held(found),
            expires=tuple(prefix for rule in found.lifecycle_rules for prefix in _deleted(dict(rule))),
        )

    def topics(self) -> frozenset[str]:
        """See `Wiring.topics`."""
        with translated(f"listing the topics of {self._project}"):
            found = self._publisher.list_topics(project=f"projects/{self._project}", timeout=_PATIENCE, retry=None)
            return frozenset(_short(each.name) for each in found)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """See `Wiring.subscriptions`."""
        with translated(f"listing the subscriptions of {self._project}"):
            found = self._subscriber.list_subscriptions(
                project=f"projects/{self._project}", timeout=_PATIENCE, retry=None
            )
            return tuple(_subscription(each) for each in found)

    @cached_property
    def _storage(self) -> Any:  # noqa: ANN401 - Google's client has no types
        with translated("connecting to Cloud Storage"):
            return storage.Client(project=self._project)

    @cached_property
    def _publisher(self) -> Any:  # noqa: ANN401 - as above
        with translated("connecting to Pub/Sub"):
            return pubsub_v1.PublisherClient()

    @cached_property
    def _subscriber(self) -> Any:  # noqa: ANN401 - as above
        with translated("connecting to Pub/Sub"):
            return pubsub_v1.SubscriberClient()


def _held(bucket: Any) -> str:  # noqa: ANN401 - Google's client has no types
    kinds = {"a retention period": bucket.retention_period, "a default hold": bucket.default_event_based_hold}
    return " and ".join(kind for kind, there in kinds.items() if there)


def _deleted(rule: dict[str, Any]) -> list[str]:
    """The prefixes whose live objects a lifecycle rule deletes; an empty one for every object."""
    condition = rule.get("condition", {})
    if (
        rule.get("action", {}).get("type") != "Delete"
        or _OF_THE_PAST & condition.keys()
        or condition.get("isLive") is False
    ):
        return []
    return list(condition.get("matchesPrefix") or [""])


def _subscription(found: Any) -> Subscription:  # noqa: ANN401 - Google's client has no types
    return Subscription(
        name=_short(found.name),
        topic=_short(found.topic),
        push=str(found.push_config.push_endpoint),
        dead_letters=_short(found.dead_letter_policy.dead_letter_topic),
        expires="expiration_policy" not in found or bool(found.expiration_policy.ttl),  # a policy without a time: never
        backs_off="retry_policy" in found,
    )


def _short(name: str) -> str:
    return name.rpartition("/")[2]
