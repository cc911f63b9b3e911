"""Live through the rate of 100,000 datasets a day within the limits of the services, and tell which of them bind.

.venv/bin/python tests/faults/scale.py                              both worlds: some minutes
.venv/bin/python tests/faults/scale.py --hours 0.2                  shorter
.venv/bin/python tests/faults/scale.py --write docs/operations.md   and put the table between that page's marks
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean, median

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.simulate import say
from faults.simulator import kept
from faults.simulator.bus import PERIODS
from faults.simulator.hub import EPOCH
from faults.simulator.invariants import nothing_unexpected
from faults.simulator.limits import Guards, Limits
from faults.simulator.nature import Asked, Ending, Kind, Nature
from faults.simulator.world import World
from support.written import write

from dropforge.domain.messages import message_of
from dropforge.domain.runs import State

SEED = 1
DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0  # seconds
JOB = 57 * MINUTE
DRAINED = 60 * HOUR  # by which a world that is drained is over
PROJECTS = 14  # whose quotas are needed together
APPROVED = 200  # one in so many runs is served, because somebody approves it

# Figures of which something can be said beforehand.
AT_ONCE = "jobs at once, most"
SUBMITTED = "submissions in a minute, most"
SLOTS = "slots in use while all are wanted"
A_DAY = "jobs a day meanwhile"
REQUESTS = "requests of Vertex AI in a minute, most"
MESSAGES = "messages a run"
TICKS = {"watch_status": "watch", "sweep": "sweep"}  # functions, and their schedules
TICK = "seconds of a tick of `{}`: median, most"

# No model passes the gate: what `deploy: never` comes to. Each job waits for half a minute, and runs for the rest, about.
CALM = Nature(
    duplicates=0,
    drops=0,
    ends=Ending.WORSE,
    pending=(0, MINUTE),
    running=(JOB - 1.5 * MINUTE, JOB + 0.5 * MINUTE),
    asks=((),) * (APPROVED - 1) + ((Asked(Kind.APPROVE, State.WITHHELD, (5, 30)),),),
)


@dataclass(frozen=True, slots=True)
class Life:
    """A world, and what of it is told.

    Attributes:
        title: For people.
        limits: What the services take.
        hours: For how long folders are dropped.
        is_drained: Whether it goes on until every run has come home.
    """

    title: str
    limits: Limits
    hours: float
    is_drained: bool

    def world(self, a_day: int) -> World:
        """Live through it, at so many folders a day."""
        nature = Nature(**{**vars(CALM), "limits": self.limits, "starts": (1, self.hours * HOUR)})
        horizon = DRAINED if self.is_drained else self.hours * HOUR
        return World(SEED, round(a_day * self.hours / 24), nature=nature, horizon=horizon).run()


def lives(hours: float) -> tuple[Life, Life]:
    """Default quotas, and those of Vertex AI raised as far as the arithmetic says; twice as long, to come to a steady state."""
    raised = Limits(jobs=PROJECTS * Limits.jobs, submissions=PROJECTS * Limits.submissions)
    return (
        Life("default quotas, drained", Limits(), hours, is_drained=True),
        Life(f"{PROJECTS} times the jobs and submissions", raised, 2 * hours, is_drained=False),
    )


def arithmetic(a_day: int) -> Mapping[str, str]:
    """What the page says beforehand, of the one world and of the other."""
    default, a_minute = Limits(), a_day / (DAY / MINUTE)
    at_once = a_minute * JOB / MINUTE
    requests = (3 * default.submissions + default.jobs / 100, 3 * a_minute + at_once / 100)
    return {
        AT_ONCE: f"{default.jobs}; {at_once:,.0f}",
        SUBMITTED: f"{default.submissions}; {a_minute:.0f}",
        A_DAY: f"{default.jobs * DAY / JOB:,.0f}",
        REQUESTS: "; ".join(f"{each:.0f}" for each in requests),
        MESSAGES: "5",
        **{TICK.format(name): f"below {PERIODS[schedule]:.0f}" for name, schedule in TICKS.items()},
    }


def violated(life: Life, world: World) -> list[str]:
    """What does not hold; of a world that is not over, what can be said already."""
    if life.is_drained:
        return [str(violation) for violation in world.violations()]
    checks = (kept.limits_hold, kept.the_oldest_goes_first, nothing_unexpected)
    return [f"{check.__name__}: {about}: {what}" for check in checks for about, what in check(world)]


def figures(life: Life, world: World) -> Mapping[str, str]:
    """What came of a life, a line each."""
    assert world.guards
    found = [*_jobs(world), *_waits(world), *_requests(world.guards, life.limits)]
    found += [*_slack(world, world.guards), *_objects(world.guards), *_ticks(world), *_instances(world)]
    wrong = {
        "dead letters, events set aside": len(world.bus.dead) + len(list(world.state.list("aside/"))),
        "functions that ran out of time": len(world.bus.timeouts),
        "violations": len(violated(life, world)),
    }
    return dict([("folders, in hours", f"{len(world.plans):,} in {life.hours:g}"), *found]) | {
        what: f"{number:,}" for what, number in wrong.items()
    }


def _jobs(world: World) -> Iterator[tuple[str, str]]:
    jobs = list(world.vertex.jobs.values())
    at_once = kept.most_at_once((job.begun, job.end) for job in jobs)
    a_minute = kept.most_at_once((job.begun, job.begun + MINUTE) for job in jobs)
    yield AT_ONCE, f"{at_once:,}"
    yield SUBMITTED, f"{a_minute:,}"
    submitted = sorted(job.begun for job in jobs)
    assert world.nature.limits
    if at_once == world.nature.limits.jobs and len(submitted) > 2 * at_once:
        first, last = submitted[at_once - 1], submitted[-1]
        taken = sum(min(job.end, last) - max(job.begun, first) for job in jobs if job.end > first and job.begun < last)
        in_use = taken / (last - first)
        yield SLOTS, f"{in_use / at_once:.1%}"
        yield A_DAY, f"{in_use * DAY / mean(job.end - job.begun for job in jobs):,.0f}"


def _waits(world: World) -> Iterator[tuple[str, str]]:
    waits = [job.begun - world.state.recorded[job.run] for job in world.vertex.jobs.values()]
    yield "hours from validated to submitted: median, most", f"{median(waits) / HOUR:.2f}, {max(waits) / HOUR:.2f}"
    newer = sum(turn.waited is None for turn, _ in kept.passed_over(world))
    yield "runs that found a slot at once while older ones waited", f"{newer:,}"


def _requests(guards: Guards, limits: Limits) -> Iterator[tuple[str, str]]:
    yield REQUESTS, f"{guards.requests.most:,} of {limits.requests:,}"
    yield "requests refused", f"{guards.refused['requests a minute']:,}"


def _slack(world: World, guards: Guards) -> Iterator[tuple[str, str]]:
    due = {event.id: event.time for event in world.bus.outside.events.values() if message_of(event)}
    runs = len(world.records)
    end = world.hub.time
    late = [guards.posted.get(about, end) - (at - EPOCH) / timedelta(seconds=1) for about, at in due.items()]
    yield MESSAGES, f"{len(due) / runs:.1f}"
    yield "messages not told yet at the end", f"{len(due) - len(guards.posted):,}"
    yield "hours until a message was told: median, most", f"{median(late) / HOUR:.2f}, {max(late) / HOUR:.2f}"
    yield "tries for a message", f"{world.calls.names.count('notifier.tell') / len(guards.posted):.1f}"


def _objects(guards: Guards) -> Iterator[tuple[str, str]]:
    busiest = [f"`{kind}/` {tries}" for kind, tries in guards.busiest.most_common(4)]
    yield "tries to write one object in a second, most", ", ".join(busiest)
    refused = sum(times for what, times in guards.refused.items() if what.startswith("writes of"))
    yield "writes that had to be repeated", f"{refused / (refused + guards.writes.total()):.0%}"


def _ticks(world: World) -> Iterator[tuple[str, str]]:
    for function in TICKS:
        lasted = world.fleet.ticks[function]
        yield TICK.format(function), f"{median(lasted):.1f}, {max(lasted):.1f}"


def _instances(world: World) -> Iterator[tuple[str, str]]:
    waiting = [f"`{name}` {most:,}" for name, most in world.fleet.most_waiting.most_common(2)]
    yield "events that waited for an instance at once, most", ", ".join(waiting)


def table(asked: Sequence[Life], a_day: int) -> Iterator[tuple[str, int]]:
    """The table, line by line, each with the number of violations that it tells."""
    columns, violations = [], 0
    for life in asked:
        began = time.perf_counter()
        world = life.world(a_day)
        for each in (found := violated(life, world))[:10]:
            say(each)
        violations += len(found)
        lived = {"virtual hours, calls": f"{world.hub.time / HOUR:.1f}, {len(world.calls.names):,}"}
        columns.append({**figures(life, world), **lived, "took, s": f"{time.perf_counter() - began:.0f}"})
    said = arithmetic(a_day)
    yield f"| what | by arithmetic | {' | '.join(life.title for life in asked)} |", 0
    yield f"|---|---:|{'---:|' * len(asked)}", 0
    for name in dict.fromkeys(name for column in columns for name in column):
        yield f"| {name} | {' | '.join(column.get(name, '-') for column in (said, *columns))} |", 0
    yield "", violations
    yield (
        f"{a_day:,} folders a day, seed {SEED}: `.venv/bin/python tests/faults/scale.py --hours {asked[0].hours:g}`.",
        0,
    )


def main() -> int:
    """Live, and tell; 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1, help="for how long folders are dropped on default quotas")
    parser.add_argument("--a-day", type=int, default=100_000, help="how many are dropped in 24 hours")
    parser.add_argument("--write", type=Path, help="the page whose table is written anew")
    asked = parser.parse_args()
    lines, violations = [], 0
    for line, wrong in table(lives(asked.hours), asked.a_day):
        say(line)
        lines.append(line)
        violations += wrong
    if asked.write:
        write(asked.write, "scale", lines)
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main())
