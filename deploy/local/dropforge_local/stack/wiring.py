"""Create the topics and subscriptions of the topology, through Pub/Sub's public REST interface.

REST and not the client library: it spares the supervisor 40 MiB for a dozen requests at start.
"""

import http
import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from dropforge.domain.topology import dead_letters
from dropforge_local.serving import HOST
from dropforge_local.stack.environment import PROJECT
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.topology import Function, Topology

# The server delivers to subscriptions marked so in the form in which Eventarc calls functions.
EVENTARC = {"dropforge-delivery": "eventarc"}

# The labels of a subscription that somebody who listens in has made for the time being.
_LISTENING = {"app": "dropforge", "purpose": "tail"}

# Of the service's own range for unacknowledged messages (10 minutes to 31 days), the least and its default.
_SHORTEST_RETENTION, _DEFAULT_RETENTION, _LONGEST_RETENTION = "600s", f"{7 * 24 * 3600}s", f"{31 * 24 * 3600}s"

# The service's own range for an acknowledgement deadline, which for push is the request's timeout.
_SHORTEST_DEADLINE, _LONGEST_DEADLINE = 10, 600


def wire(topology: Topology, *, rest_port: int, urls: Mapping[str, str]) -> None:
    """Make Pub/Sub match the topology; `urls` says where each function takes events.

    What exists already is updated, because its function may have moved to another port. A push subscription that the
    topology no longer knows is deleted, because its old port may be another function's now; and so is that of
    somebody who listened in: whoever was cut off has left it behind, and here nothing expires.

    Raises:
        StackError: Pub/Sub refused a request.
    """
    pubsub = _PubSub(rest_port)
    subscriptions = _push_subscriptions(topology, urls)
    fed_by_topics = [name for name, function in topology.functions.items() if function.trigger.topics]
    for topic in [*topology.topics, *map(dead_letters, fed_by_topics)]:
        pubsub.ensure(f"topics/{topic}", {})
    for function in fed_by_topics:
        # A dead-letter topic without a subscription would lose what it is there to keep.
        dead = dead_letters(function)
        kept = {"expirationPolicy": {}, "messageRetentionDuration": _LONGEST_RETENTION}
        pubsub.ensure(f"subscriptions/{dead}", {"topic": _name(f"topics/{dead}"), **kept})
    for name, subscription in subscriptions.items():
        pubsub.ensure(f"subscriptions/{name}", subscription, update=True)
    for existing in list(pubsub.subscriptions()):
        name = existing["name"].rpartition("/")[2]
        is_pushed = existing.get("pushConfig", {}).get("attributes") == EVENTARC
        if (is_pushed and name not in subscriptions) or existing.get("labels") == _LISTENING:
            pubsub.delete(f"subscriptions/{name}")


def _push_subscriptions(topology: Topology, urls: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """One push subscription for each function and topic, by name."""
    return {
        f"{name}.{topic}": _push_subscription(topology, function, topic, url=urls[name], dead=dead_letters(name))
        for name, function in topology.functions.items()
        for topic in function.trigger.topics
    }


def _push_subscription(topology: Topology, function: Function, topic: str, *, url: str, dead: str) -> dict[str, Any]:
    delivery = topology.delivery.local
    # A tick is worth nothing once the next one has come, so ticks are kept as briefly as the service allows.
    is_tick = any(schedule.topic == topic for schedule in topology.schedules.values())
    return {
        "topic": _name(f"topics/{topic}"),
        "pushConfig": {"pushEndpoint": url, "attributes": EVENTARC},
        "ackDeadlineSeconds": min(max(function.timeout_seconds, _SHORTEST_DEADLINE), _LONGEST_DEADLINE),
        "retryPolicy": {
            "minimumBackoff": f"{delivery.minimum_backoff_seconds:g}s",
            "maximumBackoff": f"{delivery.maximum_backoff_seconds:g}s",
        },
        "deadLetterPolicy": {
            "deadLetterTopic": _name(f"topics/{dead}"),
            "maxDeliveryAttempts": delivery.attempts,
        },
        "messageRetentionDuration": _SHORTEST_RETENTION if is_tick else _DEFAULT_RETENTION,
        "expirationPolicy": {},  # empty means never
    }


def _name(relative: str) -> str:
    return f"projects/{PROJECT}/{relative}"


class _PubSub:
    """The few requests of https://cloud.google.com/pubsub/docs/reference/rest that wiring needs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ensure(self, resource: str, body: dict[str, Any], *, update: bool = False) -> None:
        """Create the resource; where it exists, leave it alone or bring it up to date."""
        try:
            self._ask("PUT", f"/v1/{_name(resource)}", body)
        except _ExistsError:
            if update:
                self._update(resource, body)

    def _update(self, resource: str, body: dict[str, Any]) -> None:
        mutable = {field: value for field, value in body.items() if field != "topic"}
        request = {"subscription": {"name": _name(resource), **body}, "updateMask": ",".join(mutable)}
        found = self._ask("PATCH", f"/v1/{_name(resource)}", request)
        if found["topic"] != body["topic"]:  # its topic was deleted, and a new one of that name does not reach it
            self.delete(resource)
            self._ask("PUT", f"/v1/{_name(resource)}", body)

    def delete(self, resource: str) -> None:
        self._ask("DELETE", f"/v1/{_name(resource)}")

    def subscriptions(self) -> Iterable[dict[str, Any]]:
        """All subscriptions, page by page."""
        page = ""
        while True:
            answer = self._ask("GET", f"/v1/{_name('subscriptions')}?{urlencode({'pageToken': page})}")
            yield from answer.get("subscriptions", [])
            if not (page := answer.get("nextPageToken", "")):
                return

    def _ask(self, method: str, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=10)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, quote(target, safe="/?=&:%"), content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise StackError(f"Pub/Sub did not answer {method} {target} ({error}): see logs/pubsub.log.") from error
        finally:
            connection.close()
        if response.status == http.HTTPStatus.CONFLICT:
            raise _ExistsError
        if response.status != http.HTTPStatus.OK:
            raise StackError(f"Pub/Sub refused {method} {target}: {response.status} {text.decode(errors='replace')}")
        return cast("dict[str, Any]", json.loads(text))


class _ExistsError(Exception):
    """The resource exists already."""
