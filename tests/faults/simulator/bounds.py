"""By when something must have happened, at the latest."""

from math import ceil
from typing import TYPE_CHECKING

from faults.simulator.bus import PERIODS
from faults.simulator.fates import FIRST_PAUSE
from faults.simulator.limits import MINUTE

from dropforge.domain.runs import Run, State

if TYPE_CHECKING:
    from faults.simulator.world import World

PROMPT = 3 * PERIODS["sweep"]
_LOOKS = 5  # of the watcher: job, endpoint, deployment, opening, one to spare
_LOOKS_A_STUMBLE = 2  # that it failed, and that the pause is over
_LOOKS_AN_ATTEMPT = 3  # that it failed, that the pause is over, one to spare
AWAKE = 5  # seconds in which an instance that has woken up notices that things have changed
_ROUNDED = 1e-6  # seconds: what the store writes down has microseconds
_LOOKS_TO_CLEAR = 2  # a model is taken off its endpoint, and the endpoint is removed


def latest(world: "World", run: Run) -> float:
    """By which second a run must be settled.

    That is three sweeps, what the services take, the settling and the looks of the watcher after the last file of its
    folder was uploaded, the last wish about it was granted, or the last fault was over, whichever came later; what froze
    is delivered anew at once. The first message of a run that is lost costs what the three sweeps are for; each further
    one costs the patience and another sweep, each tick that is lost another tick. Where the operator caps what runs may
    spend, everybody may have to wait for everybody; where services have limits, for every job, from the last drop on.
    """
    plan, dropped = world.plan_of(run.dataset), world.bus.dropped
    wishes = [wish.ended for wish in world.wishes if wish.dataset == run.dataset]
    last = plan.last + world.longest_queue if world.nature.limits else plan.last
    began = max([last, calm_since(world), *wishes])
    further = max(dropped[run.dataset] - 1, 0) * (world.settings.patience_seconds + PERIODS["sweep"])
    ticks = sum(period * dropped[schedule] for schedule, period in PERIODS.items())
    waited_for = world.records.values() if world.nature.caps.shared else (run,)
    seconds = sum(_seconds(world, each) for each in waited_for)
    return began + PROMPT + seconds + world.settings.settle_seconds + further + ticks


def queue(world: "World") -> float:
    """How long, in seconds, the last of all runs waits for services that have limits, at the most.

    All folders have been dropped; then one after the other is checked, and jobs run in rows of as many as may run at once,
    each row as long as its longest job and the looks until that is noticed, and no faster than they may be submitted.
    """
    limits, settings = world.nature.limits, world.settings
    if limits is None:
        return 0
    fates = [world.plan_of(job.order.labels["dropforge-dataset"]).fate for job in world.vertex.jobs.values()]
    row = max((fate.job_seconds for fate in fates), default=0) + _LOOKS_A_STUMBLE * PERIODS["watch"]
    dropping = max(plan.last for plan in world.plans) - min(plan.last for plan in world.plans)
    checking = len(world.plans) * 2 * settings.settle_seconds / limits.handlers["validate_dataset"]
    return dropping + checking + row * ceil(len(fates) / limits.jobs) + len(fates) / limits.submissions * MINUTE


def calm_since(world: "World") -> float:
    """When the last fault was over, in seconds."""
    faults = [fired.time if fired.kind == "zombie" else fired.over for fired in world.fate.fired]
    return max([0, *faults, *(time for time, _ in world.bus.timeouts)])


def has_woken(world: "World", time: float) -> bool:
    """Whether an instance woke up right before: it may do what it was about to do when it froze, and nothing can stop it."""
    return any(fired.kind == "zombie" and -_ROUNDED <= time - fired.over < AWAKE for fired in world.fate.fired)


def _seconds(world: "World", run: Run) -> float:
    """What the services take for a run, and the watcher until it notices."""
    fate = world.plan_of(run.dataset).fate
    looks = _LOOKS + _LOOKS_A_STUMBLE * fate.stumbles + _LOOKS_AN_ATTEMPT * fate.shortages
    looks += _LOOKS_TO_CLEAR * (run.state in {State.WITHHELD, State.DEPLOY_FAILED})
    seconds = fate.seconds_of(run.attempt, is_approved=run.approval is not None) + looks * PERIODS["watch"]
    crowded = sum(each.run == run.id and each.found_no_room for each in world.vertex.deployments)
    pauses = sum(FIRST_PAUSE * 2**number for number in range(crowded))
    return seconds + pauses + crowded * (fate.loading + _LOOKS_A_STUMBLE * PERIODS["watch"])
