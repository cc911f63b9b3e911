"""What the service accepts: names, ranges, defaults and sizes.

Sources: "Resource names" https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names, "Quotas and limits"
https://cloud.google.com/pubsub/quotas#resource_limits, and the REST reference of projects.subscriptions.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from dropforge_local.pubsub.errors import InvalidArgument
from dropforge_local.pubsub.protos import Proto, seconds

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_NAME = re.compile(r"projects/(?P<project>[^/]+)/(?P<kind>topics|subscriptions|snapshots)/(?P<id>[^/]+)")
# Client libraries do set attributes that begin with googclient_.
_RESERVED = re.compile(r"goog(?!client_)")
_PROJECT = re.compile(r"projects/[^/]+")
_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")

_MAX_MESSAGES = 1_000
_MAX_REQUEST_BYTES = 10_000_000
_MAX_ATTRIBUTES = 100
_MAX_KEY_BYTES = 256
_MAX_VALUE_BYTES = 1_024

_MUTABLE_IN_TOPIC = frozenset(
    {
        "ingestion_data_source_settings",
        "kms_key_name",
        "labels",
        "message_retention_duration",
        "message_storage_policy",
        "message_transforms",
        "schema_settings",
    }
)
_MUTABLE_IN_SUBSCRIPTION = frozenset(
    {
        "ack_deadline_seconds",
        "bigquery_config",
        "cloud_storage_config",
        "dead_letter_policy",
        "enable_exactly_once_delivery",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "message_transforms",
        "push_config",
        "retain_acked_messages",
        "retry_policy",
    }
)
_MUTABLE_IN_SNAPSHOT = frozenset({"expire_time", "labels"})


def check_project(name: str) -> None:
    """Raise InvalidArgument unless `name` reads `projects/P`."""
    if not _PROJECT.fullmatch(name):
        raise InvalidArgument(f"Invalid project name: {name!r}. It must read projects/PROJECT.")


def check_name(kind: str, name: str) -> None:
    """Raise InvalidArgument unless `name` reads `projects/P/KIND/ID` with an ID that the service allows."""
    match = _NAME.fullmatch(name)
    if not match or match["kind"] != kind or not _ID.fullmatch(match["id"]):
        raise InvalidArgument(
            f"Invalid resource name: {name!r}. It must read projects/PROJECT/{kind}/ID, where ID has 3 to 255 of the "
            "characters A-Z a-z 0-9 - _ . ~ + %, begins with a letter and not with goog."
        )


def check_topic(topic: Proto) -> None:
    """Raise InvalidArgument for a topic that the service would not create."""
    check_name("topics", topic.name)
    if topic.HasField("message_retention_duration"):
        _check_duration(topic, "message_retention_duration", 10 * MINUTE, 31 * DAY)


def complete_subscription(subscription: Proto) -> None:
    """Fill in the defaults that the service reports back."""
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or 10
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = 7 * DAY
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = 31 * DAY
    if subscription.HasField("retry_policy"):
        policy = subscription.retry_policy
        if not policy.HasField("minimum_backoff"):
            policy.minimum_backoff.seconds = 10
        if not policy.HasField("maximum_backoff"):
            policy.maximum_backoff.seconds = 600
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or 5


def check_subscription(subscription: Proto) -> None:
    """Raise InvalidArgument for a (completed) subscription that the service would not create."""
    check_name("subscriptions", subscription.name)
    check_ack_deadline(subscription.ack_deadline_seconds, least=10)
    _check_duration(subscription, "message_retention_duration", 10 * MINUTE, 31 * DAY)
    if subscription.expiration_policy.HasField("ttl"):
        _check_duration(subscription.expiration_policy, "ttl", DAY, 365 * DAY)
    if subscription.HasField("retry_policy"):
        _check_retry_policy(subscription.retry_policy)
    if subscription.HasField("dead_letter_policy"):
        _check_dead_letter_policy(subscription.dead_letter_policy)
    if subscription.push_config.push_endpoint:
        _check_push(subscription)


def check_ack_deadline(deadline: int, *, least: int) -> None:
    """Raise InvalidArgument unless `deadline` (seconds) lies between `least` and 600."""
    if not least <= deadline <= 600:
        raise InvalidArgument(f"Invalid ack deadline: {deadline} s. It must lie between {least} and 600 s.")


def check_pull(request: Proto) -> None:
    """Raise InvalidArgument for a pull that could return nothing."""
    if request.max_messages < 1:
        raise InvalidArgument(f"Invalid max_messages: {request.max_messages}. It must be at least 1.")


def check_ack_ids(request: Proto) -> None:
    """Raise InvalidArgument for an acknowledgement, or a deadline, of nothing."""
    if not request.ack_ids:
        raise InvalidArgument("No ack ids specified.")


def check_publish(messages: Sequence[Proto]) -> None:
    """Raise InvalidArgument for messages that the service would not take."""
    if not 1 <= len(messages) <= _MAX_MESSAGES:
        raise InvalidArgument(f"A publish request takes 1 to {_MAX_MESSAGES} messages; this one has {len(messages)}.")
    if (size := sum(message.ByteSize() for message in messages)) > _MAX_REQUEST_BYTES:
        raise InvalidArgument(f"A publish request takes {_MAX_REQUEST_BYTES} bytes; this one has {size}.")
    for message in messages:
        _check_message(message)


def merge(target: Proto, source: Proto, mask: Proto) -> None:
    """Copy the fields that an update's mask names into a topic, subscription or snapshot.

    Raises:
        InvalidArgument: the mask is empty, or names a field that does not exist or never changes.
    """
    mutable = {
        "Topic": _MUTABLE_IN_TOPIC,
        "Subscription": _MUTABLE_IN_SUBSCRIPTION,
        "Snapshot": _MUTABLE_IN_SNAPSHOT,
    }[target.DESCRIPTOR.name]
    if not mask.paths:
        raise InvalidArgument("The update_mask must name the fields to update.")
    for path in mask.paths:
        if path.partition(".")[0] not in mutable or not mask.IsValidForDescriptor(target.DESCRIPTOR):
            raise InvalidArgument(f"Invalid update_mask: {path!r} is no field that can be updated.")
    mask.MergeMessage(source, target, replace_message_field=True, replace_repeated_field=True)


def _check_duration(owner: Proto, field: str, least: float, most: float) -> None:
    value = seconds(getattr(owner, field))
    if not least <= value <= most:
        raise InvalidArgument(f"Invalid {field}: {value:g} s. It must lie between {least:g} and {most:g} s.")


def _check_retry_policy(policy: Proto) -> None:
    # The service takes whole seconds; here a fraction is welcome, since a laptop need not wait as long as a fleet.
    _check_duration(policy, "minimum_backoff", 0, 600)
    _check_duration(policy, "maximum_backoff", 0, 600)
    if seconds(policy.minimum_backoff) > seconds(policy.maximum_backoff):
        raise InvalidArgument("Invalid retry_policy: minimum_backoff must not exceed maximum_backoff.")


def _check_dead_letter_policy(policy: Proto) -> None:
    check_name("topics", policy.dead_letter_topic)
    if not 5 <= policy.max_delivery_attempts <= 100:
        raise InvalidArgument(
            f"Invalid max_delivery_attempts: {policy.max_delivery_attempts}. It must lie between 5 and 100."
        )


def _check_push(subscription: Proto) -> None:
    endpoint = subscription.push_config.push_endpoint
    if not _is_http_url(endpoint):
        raise InvalidArgument(f"Invalid push_endpoint: {endpoint!r}. It must be an http or https URL.")
    if subscription.enable_exactly_once_delivery:
        raise InvalidArgument("Exactly-once delivery is not available to push subscriptions.")


def _is_http_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # such as a port that is no number
        return False


def _check_message(message: Proto) -> None:
    if not message.data and not message.attributes:
        raise InvalidArgument("A message needs data or at least one attribute.")
    if len(message.attributes) > _MAX_ATTRIBUTES:
        raise InvalidArgument(f"A message takes {_MAX_ATTRIBUTES} attributes; this one has {len(message.attributes)}.")
    for key, value in message.attributes.items():
        if not key or _RESERVED.match(key) or len(key.encode()) > _MAX_KEY_BYTES:
            raise InvalidArgument(
                f"Invalid attribute key: {key[:80]!r}. It needs 1 to {_MAX_KEY_BYTES} bytes, not beginning with goog."
            )
        if len(value.encode()) > _MAX_VALUE_BYTES:
            raise InvalidArgument(f"The value of attribute {key!r} is over {_MAX_VALUE_BYTES} bytes.")
    if len(message.ordering_key.encode()) > _MAX_VALUE_BYTES:
        raise InvalidArgument(f"The ordering key is over {_MAX_VALUE_BYTES} bytes.")
