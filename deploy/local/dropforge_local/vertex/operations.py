"""Long-running operations: begun at once, finished when their time has come by whoever looks next."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from dropforge_local.faults.instructions import Form, Instruction
from dropforge_local.faults.state import Faults
from dropforge_local.vertex.errors import ApiError, Status, not_found
from dropforge_local.vertex.happenings import OPERATION
from dropforge_local.vertex.state import PendingOperation, Resource, State, timestamp

TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."
EMPTY: Resource = {"@type": "type.googleapis.com/google.protobuf.Empty"}

# Does the work and returns the operation's response with its "@type"; raises ApiError when it cannot.
Effect = Callable[[Resource], Resource]


class Operations:
    """Operations take `seconds` each, unless a fault says otherwise. Those begun before a restart finish after it.

    Nothing runs in the background: `settle` finishes what is due, and is called before anything is read or changed.
    """

    def __init__(self, state: State, faults: Faults, *, seconds: float) -> None:
        self._state = state
        self._faults = faults
        self._seconds = seconds
        self._errors = state.notes("operation error")
        self._effects: dict[str, Effect] = {}

    def register(self, effect: str, work: Effect) -> None:
        """Say what one of `happenings.EFFECTS` does. It runs inside a transaction, once, also after a restart."""
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
        seconds = self._seconds
        with self._state.transaction():
            resource = arguments.get("endpoint") or arguments["name"]
            match self._faults.take_delivery(OPERATION + effect, resource.rpartition("/")[2]):
                case Instruction(form=Form.DELAY, seconds=asked):
                    seconds = asked
                case Instruction(form=Form.FAIL, code=code, message=message):
                    self._errors[name] = msgspec.json.encode(ApiError(Status[code], message).rpc_status())
            self._state.add_operation(PendingOperation(name, effect, arguments, now + seconds, body))
        return body

    def settle(self) -> None:
        """Finish every operation that is due."""
        for operation in self._state.pending_operations(due_by=time.time()):
            if asked_for := self._errors.get(operation.name):
                self._finish(operation, {"error": msgspec.json.decode(asked_for)})
                continue
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
        self._errors.pop(operation.name, None)


def new_id() -> str:
    """A number for a resource that the caller did not name, as long as the service's."""
    return str(10**18 + secrets.randbelow(9 * 10**18))
