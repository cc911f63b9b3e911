"""What a worker did with an event."""

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What happened, in one word."""

    DONE = "done"
    REPEATED = "repeated"  # done before; told again
    IGNORED = "ignored"  # nothing to do, now or ever
    DEFERRED = "deferred"  # another event, to come or under way, will do it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker did, why, and for which run."""

    what: What
    why: str
    run: str = ""


def done(why: str, run: str = "") -> Outcome:
    """It was done."""
    return Outcome(What.DONE, why, run)


def repeated(why: str, run: str = "") -> Outcome:
    """It had been done."""
    return Outcome(What.REPEATED, why, run)


def ignored(why: str, run: str = "") -> Outcome:
    """There was nothing to do."""
    return Outcome(What.IGNORED, why, run)


def deferred(why: str, run: str = "") -> Outcome:
    """Another event will do it."""
    return Outcome(What.DEFERRED, why, run)
