"""What faults do to HTTP requests: a middleware around a server's application."""

import asyncio
import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dropforge_local.faults import connection
from dropforge_local.faults.instructions import Form, Instruction, Span
from dropforge_local.faults.refusals import google_error
from dropforge_local.faults.state import Call, Faults, UnknownTest

TEST_HEADER = "x-retry-test-id"
_TEST_HEADER_BYTES = TEST_HEADER.encode()
_INVOCATION = re.compile(r"gccl-invocation-id/(\S+)")
_CHUNK = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\*|\d{1,18})")
_A_FEW_BYTES = 4
_WITHOUT_BODY = {204, 304}


class FaultyHttp:
    """An application that fails as it is told."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        faults: Faults,
        method_of: Callable[[Request], str | None],
        refuse: Callable[[int], Response] = google_error,
        is_conditional: Callable[[Request], bool] = lambda _: False,
        resource_of: Callable[[Request], str] = lambda _: "",
    ) -> None:
        """Wrap an application.

        Args:
            app: What answers where nothing is to go wrong.
            faults: What is to go wrong.
            method_of: The method that a request calls; None for one that takes no part.
            refuse: The answer with a status, as this server writes it.
            is_conditional: Whether a request carries a precondition.
            resource_of: The id of what a request is about.
        """
        self._app = app
        self._faults = faults
        self._method_of = method_of
        self._refuse = refuse
        self._is_conditional = is_conditional
        self._resource_of = resource_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or do with it what was asked for."""
        if scope["type"] != "http" or not (self._faults or _names_a_test(scope)):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        method = self._method_of(request)
        try:
            fault = method and self._faults.take(self._call(method, request))
        except UnknownTest as error:
            await google_error(404, str(error))(scope, receive, send)
            return
        if fault:
            await self._fail(fault, scope, _Incoming(receive), send)
        else:
            await self._app(scope, receive, send)

    def _call(self, method: str, request: Request) -> Call:
        return Call(
            method,
            test=request.headers.get(TEST_HEADER),
            invocation=_invocation(request),
            conditional=self._is_conditional(request),
            span=_span(request),
            resource=self._resource_of(request),
        )

    async def _fail(self, fault: Instruction, scope: Scope, receive: "_Incoming", send: Send) -> None:
        match fault.form:
            case Form.RETURN | Form.RETURN_RETRY_AFTER | Form.RETURN_CODE:
                await self._answer(fault, scope, receive, send)
            case Form.RETURN_AFTER_COMMIT:
                await self._app(scope, receive, _nowhere)
                await self._answer(fault, scope, receive, send)
            case Form.RETURN_AFTER_BYTES:
                span = _span(Request(scope))
                await self._app(scope, _cut(receive, fault.size - int(span.start) if span else 0), _nowhere)
                await self._answer(fault, scope, receive, send)
            case Form.BREAK_FINAL_CHUNK:
                await self._app(scope, _cut(receive, fault.size), _nowhere)
                await connection.close(scope, receive)
            case Form.RESET:
                # Otherwise a client that is still sending might meet a broken pipe, or an orderly end.
                await receive.rest()
                await connection.reset(scope, receive)
            case Form.RESET_AFTER_COMMIT:
                await self._app(scope, receive, _nowhere)
                await connection.reset(scope, receive)
            case Form.BREAK | Form.BREAK_AFTER_BYTES:
                size = fault.size if fault.form is Form.BREAK_AFTER_BYTES else _A_FEW_BYTES
                await self._app(scope, receive, _BrokenOff(send, size))
                await connection.close(scope, receive)
            case Form.STALL:
                await self._app(*_stalling(fault, scope, receive, send))
            case Form.DUPLICATE:
                body = await receive.rest()
                await self._app(dict(scope), _replayed(body, receive), _nowhere)
                await self._app(scope, _replayed(body, receive), send)
            case _:
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)

    async def _answer(self, fault: Instruction, scope: Scope, receive: "_Incoming", send: Send) -> None:
        # A client that is still sending would see a broken connection, not the answer.
        await receive.rest()
        response = (
            google_error(fault.status, fault.message, code=fault.code) if fault.code else self._refuse(fault.status)
        )
        if fault.form is Form.RETURN_RETRY_AFTER:
            response.headers["Retry-After"] = f"{fault.seconds:g}"
        await response(scope, receive, send)


def _names_a_test(scope: Scope) -> bool:
    """Whether a request names a test; if that test is gone, the answer is to say so."""
    return any(name == _TEST_HEADER_BYTES for name, _ in scope["headers"])


def _invocation(request: Request) -> str | None:
    """What this request has in common with its repetitions, and with no other request of its client."""
    headers = request.headers
    named = _INVOCATION.search(headers.get("x-goog-api-client", ""))
    token = headers.get("x-goog-gcs-idempotency-token") or (named and named[1])
    # A resumable upload says the same for all its requests.
    return f"{token} {request.method} {headers.get('content-range', '')}" if token else None


def _span(request: Request) -> Span | None:
    """What a request brings of an object, judged by its headers; one that does not say how much may bring anything."""
    headers = request.headers
    if chunk := _CHUNK.fullmatch(headers.get("content-range", "")):
        first, last, total = chunk.groups()
        return Span(int(first), int(last) + 1, None if total == "*" else int(total))
    if "content-range" in headers:
        return None
    length = headers.get("content-length", "")
    return Span(0, int(length) if length.isdecimal() else float("inf"))


async def _nowhere(_: Message) -> None:
    """Lose an answer."""


class _Incoming:
    """A request's `receive`, which knows whether anything is left of the body: to ask once more would wait for the client."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    async def __call__(self) -> Message:
        message = await self._receive()
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def rest(self) -> bytes:
        """What is left of the body."""
        parts = []
        while self._more:
            parts.append((await self()).get("body", b""))
        return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The request again: its whole body at once, then whatever else comes from the client."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _cut(receive: Receive, size: int) -> Receive:
    """The first `size` bytes of a body, and then a client that is gone."""
    left = size

    async def receive_a_part() -> Message:
        nonlocal left
        if left <= 0:
            return {"type": "http.disconnect"}
        message = await receive()
        if message["type"] == "http.request":
            message["body"] = message.get("body", b"")[:left]
            message["more_body"] = True
            left -= len(message["body"])
        return message

    return receive_a_part


def _stalling(fault: Instruction, scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """A request, or an answer, that pauses once when so many bytes have passed."""
    passed, stalled = 0, False

    async def count(body: bytes) -> None:
        nonlocal passed, stalled
        passed += len(body)
        if passed >= fault.size and not stalled:
            stalled = True
            await asyncio.sleep(fault.seconds)

    async def receive_slowly() -> Message:
        message = await receive()
        await count(message.get("body", b""))
        return message

    async def send_slowly(message: Message) -> None:
        await send(message)
        await count(message.get("body", b""))

    return scope, receive_slowly, send_slowly


class _BrokenOff:
    """Sends an answer up to `size` bytes of its body, and never its end; nothing of an answer that has no body."""

    def __init__(self, send: Send, size: int) -> None:
        self._send = send
        self._left = size

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            length = dict(message["headers"]).get(b"content-length")
            if message["status"] in _WITHOUT_BODY or length == b"0":
                self._left = 0  # the head would be the whole answer
                return
            await self._send(message)
            self._left = min(self._left, int(length) - 1 if length else self._left)
        elif self._left > 0:
            body = message.get("body", b"")[: self._left]
            self._left -= len(body)
            await self._send({**message, "body": body, "more_body": True})
