"""One HTTP POST, which ends at once when its task is cancelled."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import h11

_READ = 64 * 1024


async def post(url: str, headers: Mapping[str, str], body: bytes, *, seconds: float) -> int:
    """Send a body over a connection of its own.

    Returns:
        The status of the answer.

    Raises:
        OSError: the server can't be reached, or hangs up; TimeoutError, a kind of it, when it takes too long.
        h11.RemoteProtocolError: what it answers is not HTTP.
    """
    target = urlsplit(url)
    request = h11.Request(
        method="POST",
        target=(target.path or "/") + (f"?{target.query}" if target.query else ""),
        headers=[
            ("Host", target.netloc),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *headers.items(),
        ],
    )
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(target.hostname, target.port or 80)
        try:
            wire = h11.Connection(h11.CLIENT)
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(wire.send(event) or b"")
            return await _status(wire, reader)
        finally:
            writer.close()


async def _status(wire: h11.Connection, reader: asyncio.StreamReader) -> int:
    status = 0
    while True:
        match wire.next_event():
            case h11.NEED_DATA:
                wire.receive_data(await reader.read(_READ))
            case h11.Response(status_code=status):
                pass
            case h11.EndOfMessage() | h11.ConnectionClosed():
                return status
