"""A flood: far more folders within a minute than the quotas let through, which wait in the ledger until there is room."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from faults.storms.facts import drained
from faults.storms.invariants import check, repeats
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack

from dropforge.domain.jobs import RUN_LABEL
from dropforge.domain.runs import State

_NORMAL = {"concurrent_jobs": 300, "submissions_per_minute": 60, "seconds_of_a_minute": 60}


@dataclass(frozen=True)
class Flood:
    """What came of it.

    Attributes:
        folders: How many were dropped.
        dropped_in: Seconds that this took.
        drained_in: Seconds from the last drop until nothing was owed.
        most_submitted: Most jobs created within what counted as a minute.
        most_at_once: Most jobs unfinished at a time.
        refused: How many submissions were beyond each quota, as the server counted.
        repeated: Slack messages that came more often than they should.
        states: How the runs ended.
    """

    folders: int
    dropped_in: float
    drained_in: float
    most_submitted: int
    most_at_once: int
    refused: dict[str, int]
    repeated: int
    states: dict[str, int]


def flood(
    stack: StormyStack,
    listener: Listener,
    prefix: str,
    *,
    folders: int = 1000,
    within: float = 60,
    submissions: int = 60,
    minute: int = 60,
    concurrent: int = 100,
) -> Flood:
    """Drop more folders than may be submitted.

    The models stay off endpoints: there would be a thousand of them.

    Args:
        stack: A running stack.
        listener: Who listens from outside.
        prefix: How the names of the datasets begin.
        folders: How many are dropped.
        within: Seconds in which they are.
        submissions: How many jobs may be submitted a minute.
        minute: Seconds that this minute lasts.
        concurrent: How many jobs may be unfinished at a time.
    """
    names = [f"{prefix}-{number:04}" for number in range(folders)]
    before = _refused(stack)
    _quotas(stack, concurrent_jobs=concurrent, submissions_per_minute=submissions, seconds_of_a_minute=minute)
    try:
        dropped_in = stack.drop_many(names, deploy="never", within=within)
        facts = drained(stack, listener, prefix, names, seconds=600 + 3 * folders * minute / submissions)
    finally:
        _quotas(stack, **_NORMAL)
    check(facts, expected=State.WITHHELD)
    jobs = [job for job in stack.resources("pipelineJobs") if job["labels"][RUN_LABEL].startswith(prefix)]
    refused = {quota: times - before.get(quota, 0) for quota, times in _refused(stack).items()}
    found = Flood(
        folders=folders,
        dropped_in=round(dropped_in, 1),
        drained_in=facts.seconds,
        most_submitted=_most_submitted(jobs, minute),
        most_at_once=_most_at_once(jobs),
        refused=refused,
        repeated=repeats(facts).total(),
        states=facts.states,
    )
    assert found.most_submitted <= submissions, found
    assert found.most_at_once <= concurrent, found
    assert sum(refused.values()) > 0, f"no quota was ever used up: {found}"
    return found


def _most_submitted(jobs: list[dict[str, Any]], minute: int) -> int:
    """Most creations that lie less than a minute apart."""
    times = sorted(_seconds(job["createTime"]) for job in jobs)
    return max(sum(time - minute < other <= time for other in times) for time in times)


def _most_at_once(jobs: list[dict[str, Any]]) -> int:
    """Most jobs that had been created and had not ended, at the moment of a creation."""
    spans = [(_seconds(job["createTime"]), _seconds(job["endTime"])) for job in jobs]
    return max(sum(created <= time < ended for created, ended in spans) for time, _ in spans)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _quotas(stack: StormyStack, **limits: int) -> None:
    stack.ask("vertex", "POST", "/_local/quotas", json=limits).raise_for_status()


def _refused(stack: StormyStack) -> Mapping[str, int]:
    refused: Mapping[str, int] = stack.ask("vertex", "GET", "/_local/status").json()["refused"]
    return refused
