"""A small HTTP/1.1 client for delivering events: many requests at once over connections that stay open."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

_CHUNK = 65536
_IDLE_A_SERVER = 64


class Unreachable(OSError):
    """No connection could be made: the request has reached nobody."""


class _Server(NamedTuple):
    scheme: str
    host: str
    port: int


class _Connection:
    """One connection; between requests it waits in the client's pool."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, server: _Server) -> "_Connection":
        context = ssl.create_default_context() if server.scheme == "https" else None
        try:
            return cls(*await asyncio.open_connection(server.host, server.port, ssl=context))
        except OSError as error:
            raise Unreachable(error) from error

    def is_open(self) -> bool:
        """False once the server has closed an idle connection."""
        return not self._reader.at_eof()

    def is_reusable(self) -> bool:
        return self._protocol.our_state is self._protocol.their_state is h11.DONE

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> int:
        if self.is_reusable():
            self._protocol.start_next_cycle()
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = h11.Request(method="POST", target=target, headers=fields)
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        self._writer.write(b"".join(self._protocol.send(event) or b"" for event in events))
        return await self._status()

    async def _status(self) -> int:
        """The status of the response, whose body is read and forgotten."""
        status = 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_CHUNK)
                if not data and not status:
                    raise ConnectionResetError("the server closed the connection before it answered")
                self._protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.InformationalResponse) and event.status_code == 102:
                return event.status_code
            elif isinstance(event, h11.EndOfMessage):
                return status

    def close(self) -> None:
        self._writer.close()


class HttpClient:
    """Posts to any server and keeps the connections.

    Args:
        headers: What every request carries, besides its own.
    """

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._headers = headers or {}
        self._idle: defaultdict[_Server, list[_Connection]] = defaultdict(list)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request and return the response's status, 102 included.

        Raises:
            Unreachable: nobody listens there.
            OSError: the connection failed before there was an answer, which leaves open what has happened.
            h11.ProtocolError: the answer is no HTTP, or the request cannot be written as HTTP.
        """
        parts = urlsplit(url)
        server = _Server(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"host": parts.netloc, **self._headers, **headers, "content-length": str(len(body))}
        while connection := self._take_idle(server):
            # The server may have closed an idle connection just now: that is no answer.
            with suppress(ConnectionError):
                return await self._post(server, connection, target, headers, body)
        return await self._post(server, await _Connection.open(server), target, headers, body)

    def close(self) -> None:
        """Close the connections that are not in use."""
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    async def _post(
        self, server: _Server, connection: _Connection, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        reusable = False
        try:
            status = await connection.post(target, headers, body)
            reusable = connection.is_reusable()
        finally:
            if reusable and len(self._idle[server]) < _IDLE_A_SERVER:
                self._idle[server].append(connection)
            else:
                connection.close()
        return status

    def _take_idle(self, server: _Server) -> _Connection | None:
        while self._idle[server]:
            connection = self._idle[server].pop()
            if connection.is_open():
                return connection
            connection.close()
        return None
