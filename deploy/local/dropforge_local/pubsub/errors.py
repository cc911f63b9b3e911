"""What the service refuses, by the names of its status codes.

PubsubError
├── InvalidArgument       the request is malformed or out of range
├── NotFound              no such topic, subscription or snapshot
├── AlreadyExists         the name is taken
└── FailedPrecondition    the resource is in no state for it
    └── InvalidAckIds     exactly-once: some acknowledgements came too late
"""

from collections.abc import Sequence


class PubsubError(Exception):
    """A request that is refused; `status` is the canonical code's name, the same in gRPC and in REST."""

    status: str


class InvalidArgument(PubsubError):
    """The request itself is wrong: repeating it cannot help."""

    status = "INVALID_ARGUMENT"


class NotFound(PubsubError):
    """The resource that the request names does not exist."""

    status = "NOT_FOUND"


class AlreadyExists(PubsubError):
    """The resource that the request would create exists."""

    status = "ALREADY_EXISTS"


class FailedPrecondition(PubsubError):
    """The resource exists, in a state that does not allow the request."""

    status = "FAILED_PRECONDITION"


class InvalidAckIds(FailedPrecondition):
    """Acknowledgements of an exactly-once subscription that have no effect, since their leases had ended."""

    def __init__(self, ack_ids: Sequence[str]) -> None:
        super().__init__("Some acknowledgement ids in the request were invalid or out of date.")
        self.ack_ids = ack_ids
