"""How people are told: whether there is a way, and whether it works. Addresses and tokens are secrets, never shown."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dropforge.doctor.diagnosis import Diagnosis, looked, ok, shows, skipped, wrong
from dropforge.domain.message import Message, Tone
from dropforge.domain.text import printable
from dropforge.ports import Notifier
from dropforge.settings import Settings

if TYPE_CHECKING:
    from dropforge.adapters.slack.bot import SlackBot

_PATIENCE = 3.0  # seconds
_WHAT = "webhook"
_SET = "export DROPFORGE_SLACK_TOKEN=xoxb-..."
_SET_URL = "export DROPFORGE_SLACK_URL=https://hooks.slack.com/services/..."
_SET_WEBHOOK = "export DROPFORGE_WEBHOOK_URL=https://..."
_POSTS, _SEES = "chat:write", "channels:read"


def slack(*, settings: Settings) -> Iterator[Diagnosis]:
    """Connect to where an incoming webhook leads, and send nothing."""
    if settings.slack_token:
        if settings.slack_url:
            yield skipped(_WHAT, "not used: the bot tells people")
    elif not settings.slack_url:
        yield ok(_WHAT, "none is set, and no bot: nobody is told in Slack", _SET)
    else:
        yield _reached(_WHAT, settings.slack_url, "; `--say-hello` sends a message", _mend(settings))


def bot(*, settings: Settings, bot: "SlackBot | None") -> Iterator[Diagnosis]:
    """Ask Slack whose token it is, what it may do, and whether the bot is where it is to post."""
    if bot is None:
        return
    yield from looked("bot", lambda: _introduced(bot), role="a token that Slack accepts", do=_mend(settings))
    for channel in settings.operator.notifications.every_channel:
        look = partial(_channel, bot, channel)
        yield from looked(f"channel {channel}", look, role="a token that Slack accepts", do=_mend(settings))


def webhook(*, settings: Settings) -> Iterator[Diagnosis]:
    """Connect to where events are also sent, and send nothing."""
    if settings.webhook_url:
        yield _reached("receiver", settings.webhook_url, "", "" if settings.has_stand_ins else _SET_WEBHOOK)
    else:
        yield skipped("receiver", "none is set: events are sent nowhere else")


def hello(*, settings: Settings, notifier: Notifier, bot: "SlackBot | None") -> Iterator[Diagnosis]:
    """Send a message; by the bot, one into every channel."""
    if bot is not None:
        for channel in settings.operator.notifications.every_channel:
            say = partial(bot.post, _hello(settings), channel)
            yield from _said(f"channel {channel}", say, settings)
    elif settings.slack_url:
        yield from _said(_WHAT, partial(notifier.tell, _hello(settings)), settings)
    else:
        yield ok(_WHAT, "none is set, and no bot: nobody is told in Slack", _SET)


def _introduced(bot: "SlackBot") -> Iterator[Diagnosis]:
    found = bot.introduce()
    if found.scopes and _POSTS not in found.scopes:
        yield wrong("bot", f"its token lacks the scope {_POSTS}: add it to the app, and install it again", _SET)
    else:
        yield ok("bot", printable(f"is {found.name} in {found.workspace}"))


def _channel(bot: "SlackBot", channel: str) -> Iterator[Diagnosis]:
    """Only ids can be looked up, and only with a scope that posting does not need."""
    what, ask = f"channel {channel}", "dropforge doctor --say-hello"
    is_in = None if channel.startswith("#") else bot.is_in(channel)
    if is_in is None:
        yield ok(what, f"not looked up (that takes its id, and the scope {_SEES}): `--say-hello` tries it")
    elif is_in:
        yield ok(what, "the bot is a member")
    else:
        yield wrong(what, "the bot is not a member, or the channel is archived: /invite it there", ask)


def _reached(what: str, address: str, more: str, do: str) -> Diagnosis:
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        # The error may name the address, which is a secret.
        return wrong(what, f"its server cannot be reached from here: {type(error).__name__}", do)
    return ok(what, f"its server can be reached{more}")


def _said(what: str, say: Callable[[], object], settings: Settings) -> Iterator[Diagnosis]:
    def look() -> Iterator[Diagnosis]:
        say()
        yield ok(what, "said hello")

    yield from looked(what, look, role="a webhook or a token that is in use", do=_mend(settings))


def _hello(settings: Settings) -> Message:
    return Message(
        id=f"hello/{datetime.now(UTC).isoformat()}",
        headline="Hello from Dropforge: this is where you will hear from it",
        tone=Tone.NEUTRAL,
        facts=(("Project", settings.project),),
    )


def _mend(settings: Settings) -> str:
    return shows(settings, _SET if settings.slack_token else _SET_URL)
