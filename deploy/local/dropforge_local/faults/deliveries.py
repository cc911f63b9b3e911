"""What faults do to the deliveries that a server makes by itself."""

import asyncio
from collections.abc import Awaitable, Callable

from dropforge_local.faults.instructions import Form, Instruction

_TAKEN = 204


async def deliver(fault: Instruction | None, send: Callable[[], Awaitable[int]]) -> int:
    """Send something, or do with it what a fault of `instructions.DELIVERY` says.

    Returns:
        The status of the receiver's answer, or the one that counts instead.

    Raises:
        ConnectionResetError: it was sent, and its answer is lost. Whatever else `send` raises.
    """
    match fault:
        case Instruction(form=Form.DROP):
            return _TAKEN
        case Instruction(form=Form.RETURN, status=status):
            return status
        case Instruction(form=Form.RETURN_AFTER_COMMIT, status=status):
            await send()
            return status
        case Instruction(form=Form.RESET):
            await send()
            raise ConnectionResetError("the answer is lost, as was asked for")
        case Instruction(form=Form.DUPLICATE):
            await send()
        case Instruction(form=Form.DELAY, seconds=seconds):
            await asyncio.sleep(seconds)
    return await send()
