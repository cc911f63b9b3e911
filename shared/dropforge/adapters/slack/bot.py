"""Slack as a notifier by a bot: a thread for each run, in the channel that the operator chose for its dataset.

Slack knows no idempotency key for `chat.postMessage`, and no way to answer in a thread that is not there yet. So
whoever opens a run's thread holds a claim on it, and notes the thread's place there once the first message is posted.
Sources: docs.slack.dev, "chat.postMessage" (errors, `thread_ts`, `reply_broadcast`), "Rate limits" (a message a second
in each channel, `Retry-After`).
"""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse, WebClient

from dropforge.adapters.slack.blocks import blocks_of, escaped
from dropforge.adapters.slack.pauses import asked_pause, short_pause
from dropforge.claims import Claimed, Claims
from dropforge.domain.errors import DropforgeError, Misconfigured, Permanent, Refused, Transient, Unavailable
from dropforge.domain.message import Message
from dropforge.domain.notifications import Notifications
from dropforge.domain.text import printable, shortened
from dropforge.ports import Clock

_TIMEOUT = 10  # seconds
_LEASE = timedelta(minutes=2)  # longer than a post can take, pauses included
_WAITS = (0.5, 1, 2)  # seconds for somebody else's first message to be posted
_SILENT = logging.getLogger("dropforge.slack")
_SILENT.setLevel(logging.CRITICAL)  # what the client would say is said by our errors

_WORD = re.compile("[a-z0-9_]+")  # anything else is not Slack's word, but some proxy's in between
_LATER = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
_NOT_THERE = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
_NO_THREAD = _NOT_THERE | {
    "cannot_reply_to_message",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "thread_not_found",
}
_NOT_ALLOWED = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who a bot is: its name, its workspace, and what it may do, as Slack's scopes (`chat:write`)."""

    name: str
    workspace: str
    scopes: frozenset[str]


class _NoThread(DropforgeError):
    """A message cannot be answered there any more."""


class _NoScope(Misconfigured):
    """The token lets the bot do less than it was asked to."""


class SlackBot:
    """Posts as a bot. A run's thread goes on where it was opened, whatever the operator's file says later."""

    def __init__(self, token: str, address: str, wanted: Notifications, claims: Claims, clock: Clock) -> None:
        self._client = WebClient(token, base_url=address, timeout=_TIMEOUT, logger=_SILENT)
        self._wanted = wanted
        self._claims = claims
        self._clock = clock

    def tell(self, message: Message) -> None:
        """See `Notifier.tell`. A short pause that Slack asks for is waited for, once."""
        channel = self._wanted.channel_of(message.dataset)
        name = f"thread/{message.run}"
        if not message.run:
            self.post(message, channel)
        elif self._taken(name, message.run) is Claimed.MINE:
            self._open(message, channel, name)
        else:
            self._answer(message, channel, self._claims.note(name))

    def post(self, message: Message, channel: str, **thread: Any) -> str:  # noqa: ANN401 - arguments of Slack's
        """Post, and return the message's place: the channel's id, a slash, and the message's own `ts`.

        Raises:
            Refused, Misconfigured, Unavailable: As for `tell`.
        """
        answer = self._asked(
            self._client.chat_postMessage,
            channel=channel,
            text=escaped(message.headline),
            blocks=blocks_of(message),
            unfurl_links=False,
            unfurl_media=False,
            **thread,
        )
        return f"{answer['channel']}/{answer['ts']}"

    def introduce(self) -> Introduction:
        """Ask Slack whose token it is.

        Raises:
            Misconfigured: Slack does not take it.
            Unavailable: Slack did not answer.
        """
        answer = self._asked(self._client.auth_test)
        said = next((value for key, value in answer.headers.items() if key.lower() == "x-oauth-scopes"), "")
        scopes = frozenset(scope.strip() for scope in str(said).split(",") if scope.strip())
        return Introduction(str(answer.get("user", "")), str(answer.get("team", "")), scopes)

    def is_in(self, channel: str) -> bool | None:
        """Whether the bot is a member of a channel, named by its id; None where its scopes do not let it see that.

        Raises:
            Misconfigured: There is no such channel, as far as the bot can see.
            Unavailable: Slack did not answer.
        """
        try:
            found = self._asked(self._client.conversations_info, channel=channel).get("channel") or {}
        except _NoScope:
            return None
        return bool(found.get("is_member")) and not found.get("is_archived")

    def _taken(self, name: str, run: str) -> Claimed:
        for pause in (0, *_WAITS):
            self._clock.sleep(pause)
            claimed = self._claims.take(name, lasting=_LEASE)
            if claimed is not Claimed.BUSY:
                return claimed
        raise Unavailable(f"the thread of {run} is being opened just now")

    def _open(self, message: Message, channel: str, name: str) -> None:
        try:
            place = self.post(message, channel)
        except (Transient, Permanent):
            self._claims.release(name)
            raise
        # The message is posted, whatever becomes of this: if its place is lost, a later message opens the thread anew.
        with suppress(Transient):
            self._claims.finish(name, note=place)

    def _answer(self, message: Message, channel: str, place: str) -> None:
        opened_in, _, thread = place.partition("/")
        try:
            self.post(message, opened_in, thread_ts=thread, reply_broadcast=self._wanted.broadcasts(message.kind))
        except _NoThread:
            self.post(message, channel)

    def _asked(
        self,
        method: Callable[..., SlackResponse],
        *,
        patient: bool = True,
        **arguments: Any,  # noqa: ANN401 - as above
    ) -> SlackResponse:
        """Call a method of Slack's, and once more after a short pause that it asks for."""
        try:
            return method(**arguments)
        except SlackApiError as error:
            pause = short_pause(error.response.headers) if error.response.status_code == 429 else None
            if not patient or pause is None:
                raise _translated(error, arguments) from None
        except (OSError, ValueError, HTTPException, SlackClientError) as error:
            raise Unavailable(f"Slack did not answer: {type(error).__name__}") from None
        self._clock.sleep(pause)
        return self._asked(method, patient=False, **arguments)


def _translated(error: SlackApiError, arguments: dict[str, Any]) -> DropforgeError:
    """Slack's word for what is wrong, as an error of ours. Slack's answers hold no secret."""
    status, word = error.response.status_code, printable(shortened(str(error.response.get("error", "")), 60))
    channel = arguments.get("channel", "")
    if status == 429 or status >= 500 or word in _LATER or not _WORD.fullmatch(word):
        pause = asked_pause(error.response.headers)
        return Unavailable(f"Slack answered {status} {word}" + (f", asking to wait {pause:g} s" if pause else ""))
    if "thread_ts" in arguments and word in _NO_THREAD:
        return _NoThread(word)
    if word in _NOT_THERE:
        return Misconfigured(
            f"Slack answered {word} for {channel}: invite the bot there (/invite), or name another channel in "
            "`notifications` of the operator's file"
        )
    if word in _NOT_ALLOWED or status in {401, 403}:
        kind = _NoScope if word == "missing_scope" else Misconfigured
        return kind(
            f"Slack answered {word}: the bot's token is not, or not any more, one that may do this; "
            "install the app again with the scope chat:write, and set DROPFORGE_SLACK_TOKEN"
        )
    if word.startswith("restricted_action"):
        return Misconfigured(f"Slack answered {word} for {channel}: its settings keep the bot from posting there")
    return Refused(f"Slack answered {status} {word}")
