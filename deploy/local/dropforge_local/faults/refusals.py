"""Answers that were asked for, in the words of Google's APIs."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

MESSAGE = "This answer was asked for: see /retry_tests."

# Source: https://cloud.google.com/apis/design/errors
_CANONICAL = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTTP_OF: Mapping[str, int] = {code: status for status, code in _CANONICAL.items()} | {
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 400,  # 412 is what Cloud Storage's JSON API says
}
"""The HTTP status by which Google's REST APIs answer a code."""


def canonical(status: int) -> str:
    """The name of the code that an HTTP status stands for, the same in gRPC and in REST."""
    return _CANONICAL.get(status, "UNKNOWN")


def google_error(status: int, message: str = MESSAGE, *, code: str = "") -> Response:
    """An error as the REST APIs answer it; with the code that goes with the status, unless it is named."""
    detail = {"message": message, "domain": "global", "reason": "asked for"}
    error = {"code": status, "message": message, "status": code or canonical(status), "errors": [detail]}
    return JSONResponse({"error": error}, status_code=status)
