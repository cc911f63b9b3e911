"""Killed at any call, a run still ends as it should: nothing lost, nothing submitted or deployed twice.

The instance goes away right before or right after one call to the world outside (storage, Pub/Sub, Vertex, Slack), for
every call that a run makes. Whatever it was working on is delivered again.
"""

from collections import Counter, deque
from itertools import pairwise

import pytest
from support.data import dataset
from support.world import GOOD, World

from dropforge.domain.errors import Transient
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import NEXT, State
from dropforge.workers.deploy import deploy
from dropforge.workers.notify import notify
from dropforge.workers.submit import submit
from dropforge.workers.sweep import sweep
from dropforge.workers.validate import validate
from dropforge.workers.watch import watch

ROUNDS = 60
CALLS = 160  # more than a run makes, as a test below holds
NEVER = 10**9


class Killed(BaseException):
    """The instance went away: nothing that catches errors sees it."""


class Fuse:
    """Blows once, right before or right after the n-th call to the world outside."""

    def __init__(self, at: int = NEVER, when: str = "before") -> None:
        self.at, self.when, self.calls = at, when, 0

    def guard(self, call):
        def guarded(*arguments, **named):
            self.calls += 1
            blows = self.calls == self.at
            if blows and self.when == "before":
                raise Killed
            answer = call(*arguments, **named)
            if blows:
                raise Killed
            return answer

        return guarded


class Fused:
    """A port whose every call passes the fuse."""

    def __init__(self, port, fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name):
        found = getattr(self._port, name)
        return self._fuse.guard(found) if callable(found) else found


class Doomed(World):
    """A world in which the instance goes away once, and whatever is not acknowledged is delivered again."""

    def __init__(self, fuse) -> None:
        super().__init__()
        self.outside = {name: getattr(self, name) for name in ("drop", "state", "bus", "tuner", "host", "notifier")}
        for name, port in self.outside.items():
            setattr(self, name, Fused(port, fuse))

    def deliver(self, queue) -> None:
        """Deliver what is in the queue now, each once; what fails stays in it."""
        for _ in range(len(queue)):
            work, event = queue.popleft()
            try:
                self.perform(work, event)
            except Killed:
                for memory in ("ledger", "aliases", "claims", "progress"):  # a new instance has none of the old one's
                    self.__dict__.pop(memory, None)
                queue.append((work, event))
            except Transient:
                queue.append((work, event))

    def live(self, *, lossy: bool = False, swept: bool = True) -> None:
        """Drop a folder and let time pass.

        Args:
            lossy: Every storage event is lost, and the first publication of every event of ours.
            swept: Whether the sweep runs.
        """
        drop, self.drop = self.drop, self.outside["drop"]
        landed = self.put("topics", dataset())
        self.drop = drop
        queue = deque() if lossy else deque((validate, event) for event in landed)
        published, heard, lost = self.outside["bus"].published, 0, set()
        for _ in range(ROUNDS):
            queue.append((watch, self.tick("watch")))
            if swept:
                queue.append((sweep, self.tick("sweep")))
            self.deliver(queue)
            for event in published[heard:]:
                heard += 1
                if lossy and event.id not in lost:
                    lost.add(event.id)
                    continue
                queue += [(work, event) for work in (submit, deploy, notify)]
            for job, look in self.outside["tuner"].looks.items():
                if look.state is JobState.WAITING:
                    self.outside["tuner"].end(job, JobState.SUCCEEDED, metrics=GOOD)
            self.clock.advance(130)

    def is_home(self) -> bool:
        """Hold what must hold of every run that ended well."""
        [summary] = self.ledger.summaries()
        run = self.ledger.load(summary.id)
        assert run.state is State.DEPLOYED
        assert all(after.state in NEXT[before.state] for before, after in pairwise(run.history))
        assert len(self.outside["tuner"].jobs) == 1
        assert self.outside["host"].deployments == 1
        assert list(self.ledger.active()) == []
        assert self.aliases.of("topics").run == run.id
        published = {event.id for event in self.outside["bus"].published}
        assert published >= {f"{run.id}/{state}" for state in ("validated", "submitted", "succeeded", "deployed")}
        return True


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_killed_at_any_call_the_run_ends_as_it_should(at, when):
    fuse = Fuse(at, when)
    world = Doomed(fuse)
    world.live()

    assert fuse.calls >= at, "the fuse must have blown"
    assert world.is_home()
    told = Counter(message.id for message in world.outside["notifier"].told)
    assert len(told) == 4
    assert sum(told.values()) <= 5, "at most one message more for one crash"


def test_events_alone_bring_a_run_home():
    world = Doomed(Fuse())
    world.live(swept=False)
    assert world.is_home()


def test_the_sweep_brings_home_a_run_whose_events_were_lost():
    world = Doomed(Fuse())
    world.live(lossy=True)
    assert world.is_home()


def test_a_run_makes_fewer_calls_than_are_tried():
    fuse = Fuse()
    world = Doomed(fuse)
    calls_when_told = []
    tell = world.outside["notifier"].tell

    def noted(message):
        calls_when_told.append(fuse.calls)
        tell(message)

    world.outside["notifier"].tell = noted
    world.live()
    assert 50 < calls_when_told[-1] < CALLS
