"""What holds after every storm, whatever happened in it."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from faults.storms.facts import Facts, headlines, ids

from dropforge.domain.jobs import RUN_LABEL
from dropforge.domain.runs import NEXT, SETTLED, Run, State


def check(facts: Facts, *, expected: State, repeated: int = 0, missing: int = 0) -> None:
    """Fail with everything that does not hold.

    Args:
        facts: What is so.
        expected: The state in which every run ends.
        repeated: How many messages Slack may have taken once more than it should.
        missing: How many messages may be missing: those whose delivery was dropped by the storm itself.
    """
    found = list(_breaches(facts, expected, repeated, missing))
    assert not found, f"{len(found)} breaches:\n" + "\n".join(found[:40])


def repeats(facts: Facts) -> Counter[str]:
    """The messages that Slack took more often than it should, and how much more often."""
    return facts.told - _expected(facts)


def untold(facts: Facts) -> Counter[str]:
    """The messages that Slack should have taken and has not, and how often."""
    return _expected(facts) - facts.told


def _expected(facts: Facts) -> Counter[str]:
    return Counter(headline for run in facts.runs for headline in headlines(run))


def _breaches(facts: Facts, expected: State, may_repeat: int, may_miss: int) -> Iterator[str]:
    runs = Counter(run.dataset for run in facts.runs)
    for name in sorted(facts.dropped | runs.keys()):
        if runs[name] != 1 or name not in facts.dropped:
            yield f"{name} was dropped {name in facts.dropped:d} times and has {runs[name]} runs"
    for run in facts.runs:
        yield from (f"{run.id}: {what}" for what in _breaches_of(run, facts, expected))
    known = {run.id for run in facts.runs}
    yield from (f"a job of {run}, which the ledger does not know" for run in facts.jobs.keys() - known)
    yield from (f"an endpoint of {run}, which the ledger does not know" for run in facts.models.keys() - known)
    yield from (f"{marker} is left" for marker in facts.active)
    yield from (f"dead letter {letter}" for letter in facts.dead)
    missing, more = untold(facts), repeats(facts)
    if missing.total() > may_miss:
        yield f"people were not told {missing.total()} things ({may_miss} may be missing): {dict(missing)}"
    if more.total() > may_repeat:
        yield f"people were told {more.total()} things too often ({may_repeat} may be): {dict(more)}"


def _breaches_of(run: Run, facts: Facts, expected: State) -> Iterator[str]:
    if run.state not in SETTLED or run.state is not expected:
        fault = f" ({run.fault.code}: {run.fault.message})" if run.fault else ""
        yield f"it is {run.state}{fault}, not {expected}"
    states = [step.state for step in run.history]
    for before, after in pairwise(states):
        if after not in NEXT[before]:
            yield f"its history goes from {before} to {after}"
    if states[0] is not State.VALIDATING:
        yield f"its history begins with {states[0]}"
    if facts.jobs[run.id] != 1:
        yield f"{facts.jobs[run.id]} jobs carry its label {RUN_LABEL}"
    models = facts.models.get(run.id, [])
    wanted = [run.serving.deployed_model] if run.state is State.DEPLOYED and run.serving else []
    if models != wanted or (run.id in facts.models) != bool(wanted):
        yield f"{models} are deployed, not {wanted}"
    for identity in ids(run):
        if not facts.heard[identity]:
            yield f"no subscriber heard of {identity}"
