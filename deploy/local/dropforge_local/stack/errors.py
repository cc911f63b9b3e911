"""What the stack says when it cannot go on.

StackError
+-- AlreadyRunning    another supervisor holds the folder
+-- NotRunning        nothing to read or to stop
"""

from dropforge.domain.errors import DropforgeError


class StackError(DropforgeError):
    """The stack cannot start or go on; the message tells the person at the keyboard what happened and what to do."""


class AlreadyRunning(StackError):
    """A stack is already running in this folder."""


class NotRunning(StackError):
    """No stack is running in this folder."""
