"""How a message looks when it is pushed: the service's own forms, and the form in which Eventarc calls a function."""

import json
from typing import NamedTuple

from google.protobuf import json_format

from dropforge_local.pubsub.protos import Proto
from dropforge_local.pubsub.queues import Entry

DELIVERY = "dropforge-delivery"
"""The attribute of a push configuration that chooses the form; "eventarc" is the one that is known."""


class Envelope(NamedTuple):
    """The headers and the body of a push request."""

    headers: dict[str, str]
    body: bytes


def seal(subscription: Proto, entry: Entry) -> Envelope:
    """Put a leased entry into the form that the subscription's push configuration asks for."""
    push = subscription.push_config
    if push.attributes.get(DELIVERY) == "eventarc":
        return _cloud_event(subscription, entry)
    if push.HasField("no_wrapper"):
        return _unwrapped(subscription, entry)
    return _wrapped(subscription, entry)


def _cloud_event(subscription: Proto, entry: Entry) -> Envelope:
    """A CloudEvent in binary mode: google.cloud.pubsub.topic.v1.messagePublished, data as MessagePublishedData.

    Source: https://github.com/googleapis/google-cloudevents, proto/google/events/cloud/pubsub/v1
    """
    headers = {
        "ce-id": entry.message.message_id,
        "ce-specversion": "1.0",
        "ce-time": entry.message.publish_time.ToJsonString(),
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": f"//pubsub.googleapis.com/{subscription.topic}",
        "content-type": "application/json",
    }
    return Envelope(headers, _data(subscription, entry, _fields(entry.message)))


def _wrapped(subscription: Proto, entry: Entry) -> Envelope:
    """The service's JSON. Its id and time are there twice, in both spellings, as the service writes them.

    Source: https://cloud.google.com/pubsub/docs/push#receive_push
    """
    fields = _fields(entry.message)
    fields |= {"message_id": fields["messageId"], "publish_time": fields["publishTime"]}
    return Envelope({"content-type": "application/json"}, _data(subscription, entry, fields))


def _unwrapped(subscription: Proto, entry: Entry) -> Envelope:
    """The message's data as the body, and, where asked for, its metadata as headers.

    Source: https://cloud.google.com/pubsub/docs/payload-unwrapping
    """
    message = entry.message
    if not subscription.push_config.no_wrapper.write_metadata:
        return Envelope({}, message.data)
    headers = dict(message.attributes) | {
        "x-goog-pubsub-subscription-name": subscription.name,
        "x-goog-pubsub-message-id": message.message_id,
        "x-goog-pubsub-publish-time": message.publish_time.ToJsonString(),
    }
    if message.ordering_key:
        headers["x-goog-pubsub-ordering-key"] = message.ordering_key
    return Envelope(headers, message.data)


def _fields(message: Proto) -> dict[str, object]:
    return {"data": "", **json_format.MessageToDict(message)}


def _data(subscription: Proto, entry: Entry, fields: dict[str, object]) -> bytes:
    data = {"message": fields, "subscription": subscription.name}
    if subscription.HasField("dead_letter_policy"):
        data["deliveryAttempt"] = entry.attempts + 1
    return json.dumps(data).encode()
