"""Processes killed at random moments while folders come and are tuned: nothing is lost, and nothing done twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

import psutil
from faults.storms.facts import drained
from faults.storms.invariants import check, repeats
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack

from dropforge.domain.runs import State
from dropforge.workers.notify import LEASE


@dataclass(frozen=True)
class Kills:
    """What came of it.

    Attributes:
        seed: Of what was left to chance.
        folders: How many were dropped.
        killed: How often which process was killed; `everything` is the stack with its supervisor.
        stormed_for: Seconds from the first to the last kill.
        drained_in: Seconds from the last kill until nothing was owed.
        jobs: How many pipeline jobs there are.
        repeated: Slack messages that came more often than they should: a crash between a post and its note.
        states: How the runs ended.
    """

    seed: int
    folders: int
    killed: dict[str, int]
    stormed_for: float
    drained_in: float
    jobs: int
    repeated: int
    states: dict[str, int]


def kills(
    stack: StormyStack,
    listener: Listener,
    prefix: str,
    *,
    kills: int = 100,
    folders: int = 40,
    every: float = 2.0,
    whole: int = 5,
    spared: Collection[str] = (),
    seed: int = 1,
) -> Kills:
    """Kill one process after another, and drop folders all the while.

    Args:
        stack: A running stack.
        listener: Who listens from outside.
        prefix: How the names of the datasets begin.
        kills: How many.
        folders: How many are dropped.
        every: Seconds between two kills, more or less.
        whole: How many of the kills end everything at once; the stack is then brought up again.
        spared: Names of what is not killed by itself.
        seed: Decides who is killed when.
    """
    chance = random.Random(seed)
    names = [f"{prefix}-{number:03}" for number in range(folders)]
    dropping = threading.Thread(target=stack.drop_many, args=[names], kwargs={"within": 0.8 * kills * every})
    everything = set(chance.sample(range(kills), whole))
    killed = Counter[str]()
    dropping.start()
    began = time.monotonic()
    for number in range(kills):
        time.sleep(chance.uniform(0, 2 * every))
        if number in everything:
            stack.kill()
            stack.up()
            killed["everything"] += 1
        else:
            killed[_kill_one(stack, chance, spared)] += 1
    stormed_for = time.monotonic() - began
    dropping.join()
    # A post that was cut off is made again once its lease has run out.
    telling = LEASE.total_seconds() + 60
    facts = drained(stack, listener, prefix, names, seconds=180 + 15 * folders, telling=telling)
    # Whoever dies between a post and its note has it posted again; so does storage, which keeps the note.
    check(facts, expected=State.DEPLOYED, repeated=kills)
    return Kills(
        seed=seed,
        folders=folders,
        killed=dict(killed),
        stormed_for=round(stormed_for, 1),
        drained_in=facts.seconds,
        jobs=facts.jobs.total(),
        repeated=repeats(facts).total(),
        states=facts.states,
    )


def _kill_one(stack: StormyStack, chance: random.Random, spared: Collection[str]) -> str:
    """Kill a part, or a function's worker under it. Says of which part.

    A tuner is left alone: a job whose tuner dies has failed, and is not paid for twice.
    """
    while True:
        part = chance.choice([one for one in stack.parts() if one.name not in {"supervisor", *spared}])
        with suppress(psutil.NoSuchProcess):
            if part.process:
                workers = [] if part.name == "vertex" else part.process.children(recursive=True)
                chance.choice([part.process, *workers]).kill()
                return part.name
        time.sleep(0.1)  # it is just being started again
