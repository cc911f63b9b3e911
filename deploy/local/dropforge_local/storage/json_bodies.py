"""JSON in and out, and where the client thinks that we are."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dropforge_local.storage.errors import Invalid


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object.

    Raises:
        Invalid: it is something else.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(f"Parse error: the body must be a JSON object: {error}.") from None


def answer(resource: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(resource), status, media_type="application/json; charset=UTF-8")


def base_url(request: Request) -> str:
    """Scheme, host and port by which the client has reached us: links must lead back the same way."""
    return f"{request.url.scheme}://{request.url.netloc}"
