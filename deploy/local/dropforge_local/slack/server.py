"""The wire of the local Slack: `python -m dropforge_local.slack.server --port N --dir DIR`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dropforge_local.faults.http import FaultyHttp
from dropforge_local.faults.instructions import REQUEST
from dropforge_local.faults.routes import routes as fault_routes
from dropforge_local.faults.state import Faults
from dropforge_local.serving import arguments, serve
from dropforge_local.slack.api import Api
from dropforge_local.slack.page import CONTENT_SECURITY_POLICY, workspace
from dropforge_local.slack.payload import Refused, read
from dropforge_local.slack.state import Messages

log = logging.getLogger(__name__)

_SHOWN = 200
_PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_POST = "slack.post"
_FAULT_BODIES = {429: "rate_limited", 500: "rollup_error", 503: "service_unavailable"}
_FAULT_WORDS = {429: "ratelimited", 500: "internal_error", 503: "service_unavailable"}


class SlackServer:
    """A workspace, its bot, and one webhook."""

    def __init__(self, folder: Path) -> None:
        self._messages = Messages(folder)
        self._faults = Faults({_POST: REQUEST})

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/services/{team}/{service}/{token}", self.receive, methods=["POST"]),
                Route("/", self.show),
                Route("/_local/messages", self.list_messages),
                *Api(self._messages).routes(),
                *fault_routes(self._faults),
            ],
            middleware=[
                Middleware(FaultyHttp, faults=self._faults, method_of=_webhook, refuse=_refuse_webhook),
                Middleware(FaultyHttp, faults=self._faults, method_of=_bot, refuse=_refuse_bot),
            ],
            lifespan=self._lifespan,
        )

    async def receive(self, request: Request) -> Response:
        """Take a message: `ok`, or Slack's word for what is wrong with it."""
        try:
            _check_address(**request.path_params)
            payload = read(await _body(request))
        except Refused as refused:
            log.warning("refused a message: %s", refused)
            return PlainTextResponse(refused.reason, refused.status)
        self._messages.add(payload, time=datetime.now(UTC))
        return PlainTextResponse("ok")

    async def show(self, request: Request) -> Response:
        """A channel as a page: the one that `?channel=` names, or else the one with the newest message."""
        page = workspace(self._messages.newest(_SHOWN), request.query_params.get("channel", ""))
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    async def list_messages(self, _request: Request) -> Response:
        """Every message, the newest last."""
        return _json(self._messages.all())

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        self._messages.close()


def create_app(folder: Path) -> Starlette:
    """The server as an ASGI application, with its messages in `folder`."""
    return SlackServer(folder).app()


def _check_address(team: str, service: str, token: str) -> None:
    """A webhook's address is `/services/T.../B.../TOKEN`; every token is good here."""
    if not team.startswith("T"):
        raise Refused("no_team", f"{team!r} is no team", status=404)
    if not service.startswith("B") or not token:
        raise Refused("no_service", f"{service!r} is no webhook", status=404)


async def _body(request: Request) -> bytes:
    """The JSON: the request's body, or the `payload` field of a form, which Slack takes as well."""
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode(errors="replace")).get("payload", [""])[0].encode()
    return body


def _webhook(request: Request) -> str | None:
    return _POST if request.method == "POST" and request.url.path.startswith("/services/") else None


def _bot(request: Request) -> str | None:
    return _POST if request.method == "POST" and request.url.path == "/api/chat.postMessage" else None


def _refuse_webhook(status: int) -> Response:
    return PlainTextResponse(_FAULT_BODIES.get(status, "fault"), status)


def _refuse_bot(status: int) -> Response:
    return JSONResponse({"ok": False, "error": _FAULT_WORDS.get(status, "fault")}, status)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def main() -> None:
    """Serve until asked to stop."""
    options = arguments("A local Slack for webhooks and a bot.").parse_args()
    serve(create_app(options.dir), port=options.port)


if __name__ == "__main__":
    main()
