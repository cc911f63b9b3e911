"""What must hold where services have limits: told by what came of it, not by who refuses."""

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from faults.simulator.bus import PERIODS
from faults.simulator.limits import MINUTE

if TYPE_CHECKING:
    from faults.simulator.world import World

Found = Iterator[tuple[str, str]]
_SEEN = 2 * PERIODS["watch"]  # seconds after which every tick that goes on knows of a run that waits


class Taken(NamedTuple):
    """A run's turn.

    Attributes:
        run: Whose.
        begun: When the run was begun, in seconds.
        waited: Since when it waited for room; None where it never did.
        submitted: When it was submitted.
    """

    run: str
    begun: float
    waited: float | None
    submitted: float


def limits_hold(world: "World") -> Found:
    """No more jobs are in flight at once, or submitted in a minute, and no more models are served, than is allowed."""
    limits, vertex = world.nature.limits, world.vertex
    if limits is None:
        return
    removed = {removal.run: removal.time for removal in vertex.removals}
    begun = [job.begun for job in vertex.jobs.values()]
    spans = {
        "jobs were in flight at once": ((job.begun, job.end) for job in vertex.jobs.values()),
        "jobs were submitted in a minute": ((time, time + MINUTE) for time in begun),
        "models were served at once": (
            (each.time, removed.get(each.run, world.horizon)) for each in vertex.deployments if not each.code
        ),
    }
    allowed = (limits.jobs, limits.submissions, limits.accelerators)
    for (what, each), most in zip(spans.items(), allowed, strict=True):
        if (at_once := most_at_once(each)) > most:
            yield "", f"{at_once} {what}, and {most} are allowed"


def the_oldest_goes_first(world: "World") -> Found:
    """Of the runs that wait for room, none is submitted while an older one waits, as long as a tick of the watcher knows it.

    A run that finds room at once has not waited, whoever else does. What goes wrong with a run may cost it its turn.
    """
    is_calm = not (world.fate.fired or world.bus.dropped)
    if world.nature.limits and is_calm and not world.nature.caps.shared:
        for taken, other in passed_over(world):
            if taken.waited is not None and taken.waited < taken.submitted - _SEEN:
                yield other, f"it waited for room, and {taken.run}, which was begun later, had it first"


def passed_over(world: "World") -> Iterator[tuple[Taken, str]]:
    """Every turn that was taken while an older run had waited for long enough to be known of, and that run."""
    turns = {job.run: job.begun for job in world.vertex.jobs.values() if job.run in world.records}
    waited = world.state.waited
    taken = [
        Taken(run, world.records[run].started.timestamp(), waited.get(run), submitted)
        for run, submitted in turns.items()
        if world.records[run].not_before is None
    ]
    known = sorted((each.waited, each) for each in taken if each.waited is not None)
    waiting: list[tuple[float, Taken]] = []
    place = 0
    for each in sorted(taken, key=lambda turn: turn.submitted):
        while place < len(known) and known[place][0] < each.submitted - _SEEN:
            heapq.heappush(waiting, (known[place][1].begun, known[place][1]))
            place += 1
        while waiting and waiting[0][1].submitted <= each.submitted:
            heapq.heappop(waiting)
        if waiting and waiting[0][0] < each.begun:
            yield each, waiting[0][1].run


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans of time overlap, at the most; one that ends as another begins does not overlap it."""
    steps = sorted(step for begin, end in spans for step in ((begin, 1), (end, -1)))
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
