"""Slack's Web API, as far as a bot that only posts needs it: `chat.postMessage`, `auth.test`, `conversations.info`.

Every token that begins like a bot's is good here, and every channel exists whose name Slack would allow. A channel's id
is its name with `C_` for the `#`. Source: docs.slack.dev, the methods' reference (arguments, answers, errors).
"""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dropforge_local.slack.payload import Refused, read
from dropforge_local.slack.state import Messages

log = logging.getLogger(__name__)

_NAME = re.compile(r"#?([\w-]{1,80})")
_ID = "C_"
_SCOPES = {"x-oauth-scopes": "chat:write,channels:read"}


class Api:
    """The methods; `chat.postMessage` adds to the same messages as the webhook."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def routes(self) -> list[Route]:
        """Where they are called; Slack takes any of them by POST."""
        return [
            Route("/api/chat.postMessage", self.post, methods=["POST"]),
            Route("/api/auth.test", self.test, methods=["POST"]),
            Route("/api/conversations.info", self.info, methods=["POST"]),
        ]

    async def post(self, request: Request) -> JSONResponse:
        """Take a message."""
        return await _answered(request, self._post)

    async def test(self, request: Request) -> JSONResponse:
        """Whose token it is."""
        about = {"team": "this machine", "user": "dropforge", "bot_id": "B00000000"}
        return await _answered(request, lambda _: about)

    async def info(self, request: Request) -> JSONResponse:
        """What a channel is; the bot is a member of each."""
        return await _answered(request, _about)

    def _post(self, body: bytes) -> dict[str, Any]:
        payload = read(body)
        channel = channel_of(payload.get("channel"))
        thread = str(payload.get("thread_ts") or "")
        if thread and self._messages.find(channel, thread) is None:
            raise Refused("thread_not_found", f"{thread!r} is no message of {channel}")
        message = self._messages.add(payload | {"channel": channel}, time=datetime.now(UTC))
        return {"channel": id_of(channel), "ts": message.ts, "message": {"text": message.text}}


def _about(form: bytes) -> dict[str, Any]:
    channel = channel_of(parse_qs(form.decode(errors="replace")).get("channel", [""])[0])
    return {"channel": {"id": id_of(channel), "name": channel[1:], "is_member": True, "is_archived": False}}


def channel_of(named: object) -> str:
    """A channel's name, with its `#`, by name or id.

    Raises:
        Refused: Slack has no such channel.
    """
    said = str(named or "")
    found = _NAME.fullmatch(said.removeprefix(_ID))
    if not found or found[1] != found[1].lower():
        raise Refused("channel_not_found", f"{said!r} is no channel")
    return f"#{found[1]}"


def id_of(channel: str) -> str:
    """A channel's id."""
    return _ID + channel.removeprefix("#")


def _check_token(request: Request) -> None:
    given = request.headers.get("authorization", "")
    if not given:
        raise Refused("not_authed", "no token was given")
    if not given.startswith("Bearer xoxb-"):
        raise Refused("invalid_auth", "it is no token of a bot")


async def _answered(request: Request, work: Callable[[bytes], dict[str, Any]]) -> JSONResponse:
    """Slack answers 200 to whatever it refuses, too, and says why in one word."""
    try:
        _check_token(request)
        content = {"ok": True} | work(await request.body())
    except Refused as refused:
        log.warning("refused a call: %s", refused)
        content = {"ok": False, "error": refused.reason}
    return JSONResponse(content, headers=_SCOPES)
