"""Claims: who is doing something that no service makes idempotent, such as posting to Slack.

A claim is a lease. It is taken before the work and marked done after it; otherwise it expires. A crash in between
delays the work until the lease has run out; what had been done but not marked is then repeated.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from dropforge import wire
from dropforge.domain.errors import Conflict, Missing, Transient
from dropforge.domain.text import as_name
from dropforge.ports import NEW, Clock, ObjectStore

_TRIES = 4


class Claimed(Enum):
    """What came of asking for a claim."""

    MINE = auto()
    DONE = auto()
    BUSY = auto()


@dataclass(frozen=True, slots=True)
class _Lease:
    holder: str
    until: datetime
    done: bool = False
    note: str = ""


class Claims:
    """Leases, as objects `claims/NAME` in the state bucket."""

    def __init__(self, state: ObjectStore, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._held: dict[str, int] = {}  # name to the generation of our lease

    def take(self, name: str, *, lasting: timedelta) -> Claimed:
        """Ask for a claim: MINE until it runs out, DONE when the work was finished, BUSY while another holds it."""
        lease = _Lease(secrets.token_hex(8), self._clock.now() + lasting)
        replacing = NEW  # most often, nobody has asked before
        for _ in range(2):
            try:
                self._held[name] = self._state.write(_path(name), wire.encode(lease), replacing=replacing)
            except Conflict:
                try:
                    stored, replacing = self._read(name)
                except Missing:  # taken and given back in between
                    return Claimed.BUSY
            else:
                return Claimed.MINE
            if stored.holder == lease.holder:  # it was our own first try, whose answer was lost
                self._held[name] = replacing
                return Claimed.MINE
            if stored.done:
                return Claimed.DONE
            if stored.until > self._clock.now():
                return Claimed.BUSY
        return Claimed.BUSY  # it had run out, and somebody else took it first

    def finish(self, name: str, *, note: str = "") -> None:
        """Mark the work as done, whoever holds the claim by now: it is done. A note says what came of it.

        It is tried several times: if the mark is missing, the work is done again.
        """
        self._held.pop(name, None)
        done = wire.encode(_Lease("", self._clock.now(), done=True, note=note))
        for left in reversed(range(_TRIES)):
            try:
                self._state.write(_path(name), done, replacing=None)
            except Transient:
                if not left:
                    raise
            else:
                return

    def note(self, name: str) -> str:
        """What came of work that is done, as noted by whoever finished it.

        Raises:
            Missing: Nobody has asked for such a claim.
        """
        return self._read(name)[0].note

    def release(self, name: str) -> None:
        """Give our own claim back, the work not done, so that the next try need not wait until it expires."""
        self._state.delete(_path(name), generation=self._held.pop(name))

    def _read(self, name: str) -> tuple[_Lease, int]:
        data, generation = self._state.read(_path(name))
        return wire.decode(data, _Lease, _path(name)), generation


def _path(name: str) -> str:
    return "claims/" + as_name(name)
