"""Notifications and pushes that come twice, late or never: what an event missed, the sweep does."""

import random
from contextlib import ExitStack
from dataclasses import dataclass

from faults.storms.facts import drained
from faults.storms.invariants import check, repeats, untold
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack
from support.faulty import Asked, faults

from dropforge.domain.runs import State

_MORE = 10_000  # deliveries than any storm brings


@dataclass(frozen=True)
class Strays:
    """What came of it.

    Attributes:
        seed: Of what was left to chance.
        folders: How many were dropped.
        fired: How many deliveries were dropped, doubled or delayed, by kind.
        drained_in: Seconds from the last drop until nothing was owed.
        jobs: How many pipeline jobs there are.
        untold: Slack messages that are missing, because their push was dropped.
        repeated: Slack messages that came more often than they should.
    """

    seed: int
    folders: int
    fired: dict[str, int]
    drained_in: float
    jobs: int
    untold: int
    repeated: int


def strays(
    stack: StormyStack, listener: Listener, prefix: str, *, folders: int = 30, dropped: float = 0.3, seed: int = 1
) -> Strays:
    """Drop a share of all deliveries while folders come, and double the others, or hold them up for a moment.

    Args:
        stack: A running stack.
        listener: Who listens from outside.
        prefix: How the names of the datasets begin.
        folders: How many are dropped.
        dropped: The share of deliveries that never come.
        seed: Decides which.
    """
    chance = random.Random(seed)
    names = [f"{prefix}-{number:03}" for number in range(folders)]
    ways = ["drop", "duplicate", "delay-for-0.5s"]
    weights = [dropped, (1 - dropped) / 2, (1 - dropped) / 2]
    planned = {kind: chance.choices(ways, weights, k=_MORE) for kind in ("notification", "push")}
    with ExitStack() as storm:
        asked = {
            kind: storm.enter_context(faults(stack.url(server), {kind: planned[kind]}))
            for kind, server in (("notification", "storage"), ("push", "pubsub"))
        }
        stack.drop_many(names)
        # A push that was dropped has been acknowledged: nobody posts its message any more, and no one waits for it.
        facts = drained(stack, listener, prefix, names, seconds=240 + 20 * folders, telling=10)
        fired = {f"{kind} {way}": _fired(asked[kind], kind, planned[kind]).count(way) for kind in asked for way in ways}
    check(facts, expected=State.DEPLOYED, missing=fired["push drop"])
    assert all(fired.values()), fired
    return Strays(
        seed=seed,
        folders=folders,
        fired=fired,
        drained_in=facts.seconds,
        jobs=facts.jobs.total(),
        untold=untold(facts).total(),
        repeated=repeats(facts).total(),
    )


def _fired(asked: Asked, kind: str, planned: list[str]) -> list[str]:
    """What has been used up of the plan, which is in order."""
    return planned[: asked.fired[kind]]
