"""Events to somebody else's program, by the Standard Webhooks specification (version 1.0.0).

The body is the CloudEvent. `webhook-signature` is, for each key, `v1,` and the base64 of the HMAC-SHA256 of
`ID.TIMESTAMP.BODY`; the timestamp is the attempt's, so that a receiver can refuse an old one that is replayed.
"""

import base64
import hmac
from collections.abc import Sequence

import requests

from dropforge import wire
from dropforge.domain.errors import Misconfigured, Refused, Unavailable
from dropforge.domain.event import Event
from dropforge.domain.text import as_name
from dropforge.ports import Clock

_TIMEOUT = (5, 15)  # seconds to connect, and to be answered
_LATER = frozenset({408, 425, 429})
_UNREADABLE = frozenset({400, 413, 415, 422})


class SignedWebhook:
    """Posts to one address, which it never shows; it follows no redirect."""

    def __init__(self, address: str, keys: Sequence[bytes], project: str, clock: Clock) -> None:
        self._address = address
        self._keys = keys
        self._project = project
        self._clock = clock

    def send(self, event: Event, text: str) -> None:
        """See `Webhook.send`."""
        body = wire.structured(event, self._project, text=text)
        signed = headers_of(webhook_id(event.id), int(self._clock.now().timestamp()), body, self._keys)
        headers = {"Content-Type": "application/cloudevents+json; charset=UTF-8", "User-Agent": "dropforge"} | signed
        try:
            with requests.post(
                self._address, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
        except (OSError, ValueError) as error:
            # The address may hold a secret, and errors of this kind name it: none of it is passed on.
            raise Unavailable(f"the webhook did not answer: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise _error(status, event)


def webhook_id(event: str) -> str:
    """An event's id as a webhook's: the same for every attempt, and without the full stop, which the signature needs."""
    return as_name(event).replace(".", "%2E")


def headers_of(name: str, seconds: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers: which webhook it is, when it was sent, in seconds since 1970, and by whom, one signature a key."""
    content = f"{name}.{seconds}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _error(status: int, event: Event) -> Exception:
    """The error for a status that is no success; the answer's body is not read."""
    if status >= 500 or status in _LATER:
        return Unavailable(f"the webhook answered {status}")
    if status in _UNREADABLE:
        return Refused(f"the webhook answered {status} to {event.id}: whoever receives it cannot read it")
    if status < 400:
        return Misconfigured(
            f"the webhook answered {status}, which leads elsewhere, and is not followed: set DROPFORGE_WEBHOOK_URL to where"
        )
    return Misconfigured(
        f"the webhook answered {status}: look at DROPFORGE_WEBHOOK_URL and DROPFORGE_WEBHOOK_SECRET, on both sides"
    )
