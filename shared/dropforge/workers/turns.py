"""Whose turn it is, and for how long: a worker that looks at many records shares out the time that it has."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zlib import crc32

from dropforge.ledger import Ledger
from dropforge.ports import Clock

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes records in turn until the time is up; the next tick goes on where this one stopped.

    Attributes:
        worker: Whose records they are.
        tick: The tick's id: without a bookmark it decides which record is first, so that one which uses up the time,
            or crashes the function, does not starve the rest.
        until: When to stop. One record may take longer, so it lies well before the function's end.
        ledger: Keeps the bookmark.
        clock: Tells the time.
    """

    worker: str
    tick: str
    until: datetime
    ledger: Ledger
    clock: Clock

    def of(self, records: Iterable[Record], name: Callable[[Record], str]) -> Iterator[Record]:
        """The records, each once, as long as there is time.

        Args:
            records: In any order.
            name: A record's name; unique.
        """
        waiting = sorted(records, key=name)
        if not waiting:
            return
        bookmark = self.ledger.bookmark(self.worker)
        start = crc32(self.tick.encode()) % len(waiting)
        if bookmark:
            start = next((place for place, record in enumerate(waiting) if name(record) >= bookmark), 0)
            # It is used once: a record that crashes the function must not be the first at the next tick, too.
            self.ledger.set_bookmark(self.worker, "")
        for record in waiting[start:] + waiting[:start]:
            if self.clock.now() >= self.until:
                self.ledger.set_bookmark(self.worker, name(record))
                return
            yield record
