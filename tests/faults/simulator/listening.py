"""What the functions write into their logs, as far as it says that something is wrong."""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dropforge.logs import log


class Listener:
    """Hears every log.

    Attributes:
        bugs: What was logged with a stack: an error in the work on one record, that nobody expects.
        repairs: How often the sweep had something to repair.
    """

    def __init__(self) -> None:
        self.bugs: list[str] = []
        self.repairs = 0
        self.names = Counter[str]()

    def note(self, event: str, **facts: object) -> None:
        """Hear of what happens all the time."""
        self.names[event] += 1

    def fail(self, event: str, **facts: object) -> None:
        """Hear of an error that was caught, while it is handled."""
        self.names[event] += 1
        self.bugs.append(f"{event} of {facts}\n{traceback.format_exc()}")

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Hear what is logged meanwhile; nothing of it is written anywhere."""
        names = {"info": self.note, "warning": self.note, "error": self.note, "exception": self.fail}
        vars(log).update(names)
        try:
            yield
        finally:
            for name in names:
                del vars(log)[name]
            self.repairs = self.names["record.repaired"]
