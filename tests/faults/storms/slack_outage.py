"""Slack is away for a while, in all the ways in which it can be: every message comes in the end, and none twice."""

import time
from dataclasses import dataclass

from faults.storms.facts import drained
from faults.storms.invariants import check, repeats
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack
from support.faulty import faults
from support.servers import eventually

from dropforge.domain.runs import State

_WAYS = ("return-reset-connection", "return-503", "return-429-retry-after-2s")
_LOST = "return-reset-connection-after-commit"
_POST = "slack.post"
_POSTING = 60  # seconds for the first message of a folder to be posted


@dataclass(frozen=True)
class SlackOutage:
    """What came of it.

    Attributes:
        folders: How many were dropped.
        fired: How many posts were turned away, by the way in which they were, or had their answer lost.
        drained_in: Seconds from Slack's return until everything was told.
        messages: How many messages there are.
        repeated: How many of them came more often than they should.
    """

    folders: int
    fired: dict[str, int]
    drained_in: float
    messages: int
    repeated: int


def slack_outage(
    stack: StormyStack, listener: Listener, prefix: str, *, folders: int = 20, seconds: float = 30, lost: int = 5
) -> SlackOutage:
    """Turn posts away while folders come, for some seconds in each way; then lose some answers; then work again."""
    names = [f"{prefix}-{number:03}" for number in range(folders)]
    url, fired = stack.url("slack"), {}
    for way, some in zip(_WAYS, _shares(names, len(_WAYS)), strict=True):
        with faults(url, {_POST: [f"{way} x*"]}, everyone=True) as asked:
            stack.drop_many(some)
            time.sleep(seconds)
            fired[way] = eventually(lambda asked=asked: asked.fired[_POST], seconds=_POSTING)
    with faults(url, {_POST: [f"{_LOST} x{lost}"]}, everyone=True) as asked:
        began = time.monotonic()
        facts = drained(stack, listener, prefix, names, seconds=120 + 15 * folders, telling=60 + seconds)
        fired[_LOST] = asked.fired[_POST]
    check(facts, expected=State.DEPLOYED, repeated=fired[_LOST])
    assert fired[_LOST], "no answer of Slack was lost"
    return SlackOutage(
        folders=folders,
        fired=fired,
        drained_in=round(time.monotonic() - began, 1),
        messages=facts.told.total(),
        repeated=repeats(facts).total(),
    )


def _shares(names: list[str], count: int) -> list[list[str]]:
    return [names[start::count] for start in range(count)]
