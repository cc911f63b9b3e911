"""A push endpoint that does as little as there is to do, and tells when each message came; `pushing.py` starts it.

It says its port, then, for each line that it reads with a number, waits for that many further messages and says how many
milliseconds each was under way, by the moment that its attribute `sent` tells.
"""

import asyncio
import json
import sys
import time


class Receiver:
    """Takes requests of any number of connections, each of which is kept open."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}  # by message id: what is pushed twice came when it came first
        self._bodies = asyncio.Queue[tuple[float, bytes]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length))
                self._bodies.put_nowait((time.time(), body))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()  # the server is gone, or the bench is over

    async def take(self, count: int) -> list[float]:
        """Milliseconds of the next so many messages, read when all have come: reading them delays none."""
        bodies = [await self._bodies.get() for _ in range(count)]
        took: dict[str, float] = {}
        while bodies:
            for at, body in bodies:
                message = json.loads(body)["message"]
                if message["messageId"] not in self._came:
                    self._came[message["messageId"]] = at
                    took[message["messageId"]] = (at - float(message["attributes"]["sent"])) * 1_000
            bodies = [await self._bodies.get() for _ in range(count - len(took))]
        return list(took.values())


async def main() -> None:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        took = await receiver.take(int(line))
        print(json.dumps({"ended": time.time(), "milliseconds": took}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
