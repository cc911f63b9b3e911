"""The protobuf messages of `google.pubsub.v1`, as they travel on the wire.

`google.pubsub_v1.types` wraps each of them for comfort; a server wants what is inside the wrapper.
"""

from typing import Any, TypeAlias

from google.protobuf import duration_pb2
from google.pubsub_v1 import types

Proto: TypeAlias = Any
"""A protobuf message. The classes are made at run time, so that a type checker knows nothing about them."""

PubsubMessage = types.PubsubMessage.pb()
Topic = types.Topic.pb()
Subscription = types.Subscription.pb()
Snapshot = types.Snapshot.pb()

Methods: TypeAlias = dict[str, tuple[Proto, Proto]]
"""The unary methods of a gRPC service: name to the classes of request and response."""


def seconds(duration: duration_pb2.Duration) -> float:
    """The length of a protobuf duration in seconds, fractions included."""
    return float(duration.seconds + duration.nanos / 1e9)
