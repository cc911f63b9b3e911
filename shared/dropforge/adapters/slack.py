"""Slack as a notifier: one incoming webhook, messages in Block Kit.

Limits are Slack's (Block Kit reference): header 150 characters, section 3,000, 50 blocks; a message of more than
about 13,200 characters in all fails, so it stays under 10,000. `&`, `<` and `>` are escaped in whatever is not ours, and
`verbatim` keeps Slack from making links of what looks like one: no text of a dataset pings a channel or forges a link.
"""

import re
from http.client import HTTPException
from typing import Any

from slack_sdk.webhook import WebhookClient

from dropforge.domain.errors import Misconfigured, Refused, Unavailable
from dropforge.domain.messages import Message, Tone

_HEADER, _SECTION, _ALL = 150, 2_900, 9_000
_MARKS = {Tone.GOOD: ":white_check_mark:", Tone.NEUTRAL: ":small_blue_diamond:", Tone.BAD: ":x:"}
_TIMEOUT = 10  # seconds
_HALF_ESCAPE = re.compile("&[a-z]*$")


class SlackNotifier:
    """Posts to one incoming webhook; without an address it says nothing."""

    def __init__(self, webhook: str) -> None:
        self._client = WebhookClient(webhook, timeout=_TIMEOUT) if webhook else None

    def tell(self, message: Message) -> None:
        """See `Notifier.tell`."""
        if self._client is None:
            return
        try:
            answer = self._client.send(text=_escaped(message.headline), blocks=blocks_of(message))
        except (OSError, ValueError, HTTPException) as error:
            # The address is a secret, and errors of this kind name it: none of it goes on.
            raise Unavailable(f"Slack did not answer: {type(error).__name__}") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"Slack answered {answer.status_code}")
        if answer.status_code in {403, 404, 410}:
            raise Misconfigured(
                f"Slack answered {answer.status_code} {answer.body[:50]}: the webhook is gone; make a new one"
            )
        if answer.status_code != 200:
            raise Refused(f"Slack answered {answer.status_code} {answer.body[:50]} to the message of {message.id}")


def blocks_of(message: Message) -> list[dict[str, Any]]:
    """The message in Block Kit, within Slack's limits whatever its texts are."""
    left = _ALL
    blocks: list[dict[str, Any]] = []

    def section(text: str) -> None:
        nonlocal left
        room = min(_SECTION, left)
        cut = text if len(text) <= room else _HALF_ESCAPE.sub("", text[: max(room - 1, 0)]) + "…"
        if len(cut) > 1:
            left -= len(cut)
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": cut, "verbatim": True}})

    section(f"{_MARKS[message.tone]} *{_escaped(message.headline[:_HEADER])}*")
    if message.facts:
        section("\n".join(f"*{_escaped(label)}:* {_escaped(value)}" for label, value in message.facts))
    if message.details:
        section("\n".join(f"• {_escaped(detail)}" for detail in message.details))
    if message.next_step:
        section(f"_Next:_ {_escaped(message.next_step)}")
    if message.links:
        section("  ".join(f"<{address}|{label}>" for label, address in message.links))
    return blocks


def _escaped(text: str) -> str:
    """What Slack's documentation asks for: exactly these three; no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
