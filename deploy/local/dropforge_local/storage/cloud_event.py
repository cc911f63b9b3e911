"""A finalize notification as the CloudEvent that Eventarc sends, in HTTP binary mode.

Sources: "Receive a direct event from Cloud Storage", Eventarc documentation; CloudEvents 1.0, HTTP protocol binding.
"""

from urllib.parse import quote

import msgspec

from dropforge_local.storage.outbox import Notification
from dropforge_local.storage.resources import with_links

# All printable ASCII but space, `"` and `%` stands for itself in a header (HTTP binding, 3.1.3.2).
_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def headers(notification: Notification) -> dict[str, str]:
    """The event's attributes as headers; `ce-id` is the same at every attempt."""
    attributes = {
        "ce-id": notification.event_id,
        "ce-specversion": "1.0",
        "ce-time": notification.object["timeCreated"],
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{notification.bucket}",
        "ce-subject": f"objects/{notification.object['name']}",
        "ce-bucket": notification.bucket,
    }
    encoded = {name: quote(value, safe=_HEADER_SAFE) for name, value in attributes.items()}
    return {**encoded, "Content-Type": "application/json"}


def body(notification: Notification, base_url: str) -> bytes:
    """The event's data: the object's resource, with sizes and generations as text."""
    return msgspec.json.encode(with_links(notification.object, base_url))
