"""Hanging up on a client, which ASGI has no word for."""

import asyncio
import socket
import struct

from starlette.types import ASGIApp, Receive, Scope, Send

_EXTENSION = "dropforge.transport"
_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 s


class WithTransport:
    """Tells an application the transport of each request; to be put around it by whoever serves it with uvicorn."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] == "http":
            # `send` is a method of uvicorn's request, which has the transport beside it.
            scope.setdefault("extensions", {})[_EXTENSION] = send
        await self._app(scope, receive, send)


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection off: the client meets "connection reset by peer" (ECONNRESET)."""
    transport = _transport(scope)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    transport.abort()
    await _gone(receive)


async def close(scope: Scope, receive: Receive) -> None:
    """Close the connection after what was sent: the client meets the end of the stream."""
    _transport(scope).close()
    await _gone(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][_EXTENSION].__self__.transport
    return transport


async def _gone(receive: Receive) -> None:
    """Wait until uvicorn has noticed: it would answer 500 to a request whose application returns before."""
    while (await receive())["type"] != "http.disconnect":
        pass
