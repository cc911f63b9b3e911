"""Reading `multipart/...` bodies as they arrive.

Clients differ: Google's Python client quotes the boundary with `"` and ends lines with CRLF, gcloud quotes it with `'`
and ends lines with LF.
"""

import re
from collections.abc import AsyncIterator, Mapping
from email.parser import BytesHeaderParser

from dropforge_local.storage.errors import Invalid

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^\s;]+))""", re.IGNORECASE)
_LONGEST_HEAD = 64 * 1024


class MultipartReader:
    """The parts of one body, one after the other: `while (headers := await next_part()) is not None`, then `content()`."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        found = _BOUNDARY.search(content_type)
        if not found:
            raise Invalid("Invalid multipart request: the Content-Type names no boundary.")
        self._dashes = b"--" + next(group for group in found.groups() if group).encode()
        self._stream = stream
        self._buffer = b""
        self._line_end = b""

    async def next_part(self) -> Mapping[str, str] | None:
        """The headers of the next part, with names in lower case; None after the last one.

        Raises:
            Invalid: the body is malformed.
        """
        if not self._line_end:
            await self._begin()
        if await self._starts_with(b"--"):
            return None
        await self._until(self._line_end)
        if await self._starts_with(self._line_end):
            self._buffer = self._buffer[len(self._line_end) :]
            return {}
        head = await self._until(self._line_end * 2)
        return {name.lower(): value for name, value in BytesHeaderParser().parsebytes(head).items()}

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the current part, in pieces.

        Raises:
            Invalid: the body ends before the part does.
        """
        end = self._line_end + self._dashes
        while (found := self._buffer.find(end)) < 0:
            # What could be the beginning of a boundary is held back.
            sure = len(self._buffer) - len(end) + 1
            if sure > 0:
                yield self._buffer[:sure]
                self._buffer = self._buffer[sure:]
            await self._more()
        if found:
            yield self._buffer[:found]
        self._buffer = self._buffer[found + len(end) :]

    async def text(self, longest: int) -> bytes:
        """The content of the current part in one piece.

        Raises:
            Invalid: it has more than `longest` bytes, or the body ends before the part does.
        """
        text = b""
        async for piece in self.content():
            text += piece
            if len(text) > longest:
                raise Invalid(f"Invalid multipart request: a part has more than {longest} bytes.")
        return text

    async def _begin(self) -> None:
        """Read past the first boundary, and learn how this client ends its lines."""
        await self._until(self._dashes)
        while b"\n" not in self._buffer:
            await self._more()
        self._line_end = b"\r\n" if self._buffer.partition(b"\n")[0].endswith(b"\r") else b"\n"

    async def _starts_with(self, expected: bytes) -> bool:
        while len(self._buffer) < len(expected):
            await self._more()
        return self._buffer.startswith(expected)

    async def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            if len(self._buffer) > _LONGEST_HEAD:
                raise Invalid("Invalid multipart request: the head of a part is too long.")
            await self._more()
        before, _, self._buffer = self._buffer.partition(end)
        return before

    async def _more(self) -> None:
        async for chunk in self._stream:
            if chunk:
                self._buffer += chunk
                return
        raise Invalid("Invalid multipart request: it ends in the middle of a part.")
