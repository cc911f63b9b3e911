"""Slack as a notifier by one incoming webhook: single messages, in the channel that the webhook belongs to."""

from http.client import HTTPException

from slack_sdk.webhook import WebhookClient, WebhookResponse

from dropforge.adapters.slack.blocks import blocks_of, escaped
from dropforge.adapters.slack.pauses import short_pause
from dropforge.domain.errors import Misconfigured, Refused, Unavailable
from dropforge.domain.message import Message
from dropforge.ports import Clock

_TIMEOUT = 10  # seconds


class SlackNotifier:
    """Posts to one incoming webhook; without an address it says nothing."""

    def __init__(self, webhook: str, clock: Clock) -> None:
        self._client = WebhookClient(webhook, timeout=_TIMEOUT) if webhook else None
        self._clock = clock

    def tell(self, message: Message) -> None:
        """See `Notifier.tell`. A short pause that Slack asks for is waited for, once."""
        if self._client is None:
            return
        answer = self._sent(self._client, message)
        if answer.status_code == 429 and (pause := short_pause(answer.headers)) is not None:
            self._clock.sleep(pause)
            answer = self._sent(self._client, message)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unavailable(f"Slack answered {answer.status_code}")
        if answer.status_code in {403, 404, 410}:
            raise Misconfigured(
                f"Slack answered {answer.status_code} {answer.body[:50]}: the webhook is gone; make a new one"
            )
        if answer.status_code != 200:
            raise Refused(f"Slack answered {answer.status_code} {answer.body[:50]} to the message of {message.id}")

    @staticmethod
    def _sent(client: WebhookClient, message: Message) -> WebhookResponse:
        try:
            return client.send(text=escaped(message.headline), blocks=blocks_of(message))
        except (OSError, ValueError, HTTPException) as error:
            # The address is a secret, and errors of this kind name it: none of it is passed on.
            raise Unavailable(f"Slack did not answer: {type(error).__name__}") from None
