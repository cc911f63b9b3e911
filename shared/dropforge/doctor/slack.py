"""Slack: whether there is a webhook, and whether it can be reached. Its address is a secret, and never shown."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from dropforge.doctor.diagnosis import Diagnosis, looked, ok, wrong
from dropforge.domain.messages import Message, Tone
from dropforge.ports import Notifier
from dropforge.settings import Settings

_PATIENCE = 3.0  # seconds
_WHAT = "webhook"
_SET = "export DROPFORGE_SLACK_URL=https://hooks.slack.com/services/..."


def slack(*, settings: Settings) -> Iterator[Diagnosis]:
    """Connect to where messages go, and send none."""
    if not settings.slack_url:
        yield ok(_WHAT, "none is set: nobody is told", _SET)
        return
    address = urlsplit(settings.slack_url)
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        # The error may name the address, which is a secret.
        yield wrong(_WHAT, f"its server cannot be reached from here: {type(error).__name__}", _mend(settings))
    else:
        yield ok(_WHAT, "its server can be reached; `--say-hello` sends a message")


def hello(*, settings: Settings, notifier: Notifier) -> Iterator[Diagnosis]:
    """Send a message."""
    if not settings.slack_url:
        yield ok(_WHAT, "none is set: nobody is told", _SET)
        return
    yield from looked(_WHAT, lambda: _said(settings, notifier), role="a webhook that is in use", do=_mend(settings))


def _said(settings: Settings, notifier: Notifier) -> Iterator[Diagnosis]:
    notifier.tell(
        Message(
            id=f"hello/{datetime.now(UTC).isoformat()}",
            headline="Hello from Dropforge: this is where you will hear from it",
            tone=Tone.NEUTRAL,
            facts=(("Project", settings.project),),
        )
    )
    yield ok(_WHAT, "said hello")


def _mend(settings: Settings) -> str:
    return "dropforge local status" if settings.has_stand_ins else _SET
