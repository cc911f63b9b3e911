"""Long-running operations: begun at once, finished when their time has come by whoever looks next."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from dropforge_local.vertex.errors import ApiError, Status, not_found
from dropforge_local.vertex.state import PendingOperation, Resource, State, timestamp

TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."
EMPTY: Resource = {"@type": "type.googleapis.com/google.protobuf.Empty"}

# Does the work and returns the operation's response with its "@type"; raises ApiError when it cannot.
Effect = Callable[[Resource], Resource]


class Operations:
    """Operations take `seconds` each. They are remembered on disk, so those begun before a restart finish after it.

    Nothing runs in the background: `settle` finishes what is due, and is called before anything is read or changed.
    """

    def __init__(self, state: State, *, seconds: float) -> None:
        self._state = state
        self._seconds = seconds
        self._effects: dict[str, Effect] = {}

    def register(self, effect: str, work: Effect) -> None:
        """Say what an effect does. It runs inside a transaction, once, also after a restart."""
        self._effects[effect] = work

    def begin(self, parent: str, effect: str, arguments: Resource, *, metadata: str) -> Resource:
        """Begin an operation below `parent` and return it; `metadata` is the type name of its metadata."""
        now = time.time()
        name = f"{parent}/operations/{new_id()}"
        body: Resource = {
            "name": name,
            "metadata": {
                "@type": TYPES + metadata,
                "genericMetadata": {"createTime": timestamp(now), "updateTime": timestamp(now)},
            },
        }
        self._state.add_operation(PendingOperation(name, effect, arguments, now + self._seconds, body))
        return body

    def settle(self) -> None:
        """Finish every operation that is due."""
        for operation in self._state.pending_operations(due_by=time.time()):
            try:
                with self._state.transaction():
                    response = self._effects[operation.effect](operation.arguments)
                    self._finish(operation, {"response": response})
            except ApiError as error:
                self._finish(operation, {"error": error.rpc_status()})

    def pending(self, effect: str) -> list[Resource]:
        """Arguments of the operations of an effect that are under way."""
        return [operation.arguments for operation in self._state.pending_operations() if operation.effect == effect]

    def get(self, name: str) -> Resource:
        """The operation.

        Raises:
            ApiError: NOT_FOUND.
        """
        operation = self._state.operation(name)
        if operation is None:
            raise not_found(f"Operation {name}")
        return operation

    def below(self, parent: str) -> list[Resource]:
        """Operations of a location, an endpoint or a model, newest first."""
        return self._state.operations(f"{parent}/operations")

    def cancel(self, name: str) -> None:
        """End an operation that is under way without its effect; one that is done stays as it is."""
        self.get(name)
        error = ApiError(Status.CANCELLED, "The operation was cancelled.")
        for operation in self._state.pending_operations():
            if operation.name == name:
                self._finish(operation, {"error": error.rpc_status()})

    def _finish(self, operation: PendingOperation, outcome: dict[str, Any]) -> None:
        body = operation.body | {"done": True} | outcome
        body["metadata"]["genericMetadata"]["updateTime"] = timestamp(time.time())
        self._state.finish_operation(operation.name, body)


def new_id() -> str:
    """A number for a resource that the caller did not name, as long as the service's."""
    return str(10**18 + secrets.randbelow(9 * 10**18))
