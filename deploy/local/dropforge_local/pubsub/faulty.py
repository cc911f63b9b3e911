"""What faults do to calls that come over gRPC, and what can be made to go wrong here at all."""

import asyncio
from collections.abc import Awaitable, Callable

from dropforge_local.faults.http import TEST_HEADER
from dropforge_local.faults.instructions import CALL, DELIVERY, STREAM, Form, Instruction
from dropforge_local.faults.refusals import MESSAGE, canonical
from dropforge_local.faults.state import Call, Faults, UnknownTest
from dropforge_local.pubsub.errors import NotFound, PubsubError
from dropforge_local.pubsub.protos import Proto
from dropforge_local.pubsub.push import PUSH
from dropforge_local.pubsub.service import PUBLISHER, SUBSCRIBER

STREAMING_PULL = "StreamingPull"
FAULTS = {**dict.fromkeys(PUBLISHER | SUBSCRIBER, CALL), STREAMING_PULL: STREAM, PUSH: DELIVERY}
"""What can be made to go wrong, and how."""


class AskedFor(PubsubError):
    """An error that was asked for; a connection that is lost is what gRPC calls UNAVAILABLE."""

    def __init__(self, status: int = 503) -> None:
        super().__init__(MESSAGE)
        self.status = canonical(status)


def taken(faults: Faults, method: str, context: Proto) -> Instruction | None:
    """What is to go wrong with a call.

    Raises:
        NotFound: it names a test that does not exist.
    """
    test = next((value for key, value in context.invocation_metadata() or () if key == TEST_HEADER), None)
    try:
        return faults.take(Call(method, test=test))
    except UnknownTest as error:
        raise NotFound(str(error)) from error


async def carry_out(fault: Instruction, call: Callable[[], Awaitable[Proto]]) -> Proto:
    """Make a call, or do with it what a fault of `instructions.CALL` says.

    Raises:
        AskedFor: as the fault says. Whatever else `call` raises.
    """
    match fault.form:
        case Form.RETURN:
            raise AskedFor(fault.status)
        case Form.RESET:
            raise AskedFor
        case Form.RETURN_AFTER_COMMIT:
            await call()
            raise AskedFor(fault.status)
        case Form.RESET_AFTER_COMMIT:
            await call()
            raise AskedFor
        case Form.DUPLICATE:
            await call()
        case _:
            await asyncio.sleep(fault.seconds)
    return await call()


async def open_stream(fault: Instruction | None) -> bool:
    """Do what a fault of `instructions.STREAM` says before a stream opens.

    Returns:
        Whether it is to break after the first answer that brings something.

    Raises:
        AskedFor: the stream does not open.
    """
    match fault:
        case Instruction(form=Form.RETURN, status=status):
            raise AskedFor(status)
        case Instruction(form=Form.RESET):
            raise AskedFor
        case Instruction(form=Form.DELAY, seconds=seconds):
            await asyncio.sleep(seconds)
    return fault is not None and fault.form is Form.BREAK
