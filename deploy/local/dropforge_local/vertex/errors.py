"""Errors as Google's APIs answer them: a canonical status, its HTTP code, and a message for people."""

from enum import Enum
from typing import Any


class Status(Enum):
    """Canonical statuses by their gRPC and HTTP codes (https://cloud.google.com/apis/design/errors)."""

    CANCELLED = (1, 499)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    ABORTED = (10, 409)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    @property
    def grpc(self) -> int:
        """The number in an `error.code` of a resource or an operation."""
        return self.value[0]

    @property
    def http(self) -> int:
        """The HTTP status of an answer."""
        return self.value[1]


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self) -> dict[str, Any]:
        """The body of the HTTP answer."""
        return {"error": {"code": self.status.http, "message": self.message, "status": self.status.name}}

    def rpc_status(self) -> dict[str, Any]:
        """The error as part of a resource or an operation (`google.rpc.Status`)."""
        return {"code": self.status.grpc, "message": self.message}


def invalid(message: str) -> ApiError:
    """A request that is wrong whatever the state of the service."""
    return ApiError(Status.INVALID_ARGUMENT, message)


def not_found(name: str) -> ApiError:
    """A resource that does not exist."""
    return ApiError(Status.NOT_FOUND, f"{name} is not found.")


def not_now(message: str) -> ApiError:
    """A request that the state of the service forbids."""
    return ApiError(Status.FAILED_PRECONDITION, message)
