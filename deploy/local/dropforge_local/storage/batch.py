"""Several requests in one: `POST /batch/storage/v1`, a `multipart/mixed` of HTTP requests answered by one of responses.

Source: "Batch requests", Cloud Storage documentation.
"""

import re
from collections.abc import Awaitable, Callable
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from dropforge_local.storage.errors import Invalid
from dropforge_local.storage.multipart import MultipartReader

_MOST_CALLS = 1000  # what Google's Python client sends at most; the documentation recommends 100
_LARGEST_CALL = 1024 * 1024
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


async def respond_to_batch(request: Request, respond: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answer every request of a batch, in order; one that fails doesn't stop the others.

    Raises:
        Invalid: the batch is malformed or too large; nothing was done.
    """
    calls = await _calls(request)
    boundary = f"batch_{uuid4().hex}"
    parts = [_part(boundary, content_id, await respond(call)) for content_id, call in calls]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return Response(body, media_type=f"multipart/mixed; boundary={boundary}")


async def _calls(request: Request) -> list[tuple[str, Request]]:
    """The content id and the request of each call."""
    calls: list[tuple[str, Request]] = []
    reader = MultipartReader(request.headers.get("content-type", ""), request.stream())
    while (headers := await reader.next_part()) is not None:
        if len(calls) == _MOST_CALLS:
            raise Invalid(f"Too many calls in one batch: {_MOST_CALLS} are allowed.")
        calls.append((headers.get("content-id", ""), _inner_request(await reader.text(_LARGEST_CALL), request)))
    return calls


def _inner_request(content: bytes, outer: Request) -> Request:
    head, *bodies = _BLANK_LINE.split(content.lstrip(), maxsplit=1)
    start, _, header_lines = head.partition(b"\n")
    try:
        verb, target, _ = start.decode("ascii").split()
        url = urlsplit(target)
    except ValueError:
        raise Invalid(f"Invalid batch request: {start[:100]!r} is no request line.") from None
    if not url.path.startswith("/storage/v1/") or "alt=media" in url.query:
        raise Invalid(f"Invalid batch request: uploads and downloads can't be part of a batch: {target}")
    headers = BytesHeaderParser().parsebytes(header_lines)
    scope: dict[str, Any] = {
        **outer.scope,
        "method": verb,
        "path": url.path,
        "raw_path": url.path.encode("ascii"),
        "query_string": url.query.encode("ascii"),
        "headers": [
            (b"host", outer.url.netloc.encode()),
            *((name.lower().encode(), value.encode()) for name, value in headers.items() if name.lower() != "host"),
        ],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"".join(bodies), "more_body": False}

    return Request(scope, receive)


def _part(boundary: str, content_id: str, response: Response) -> bytes:
    head = [
        f"--{boundary}",
        "Content-Type: application/http",
        f"Content-ID: <response-{content_id.strip('<>')}>",
        "",
        f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}",
        *(f"{name.decode()}: {value.decode()}" for name, value in response.raw_headers),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + bytes(response.body) + b"\r\n"
