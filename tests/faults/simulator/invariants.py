"""What must hold of every world that has come to its end, whatever befell it. Each violation is a sentence."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from faults.simulator import kept, wished
from faults.simulator.bounds import has_woken, latest
from faults.simulator.nature import Ending, Kind
from faults.simulator.people import Plan
from faults.simulator.vertex import Deployment
from faults.simulator.wished import Found, asked_of, possible

from dropforge import wire
from dropforge.domain.announcements import announced
from dropforge.domain.datasets import ROOT, Folder
from dropforge.domain.jobs import RUN_STATE
from dropforge.domain.messages import message_of
from dropforge.domain.runs import Run, State
from dropforge.domain.tuning import Tuning
from dropforge.domain.versions import run_id_of, version_of
from dropforge.history import Summary

if TYPE_CHECKING:
    from faults.simulator.world import World

_SERVED = {State.DEPLOYED}


@dataclass(frozen=True, slots=True)
class Violation:
    """What does not hold.

    Attributes:
        invariant: Which, in a word.
        about: The run, the folder or the event concerned; what lines of the trace are searched for.
        what: In a sentence.
    """

    invariant: str
    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.about}: {self.what}"


def last_drop(world: "World", plan: Plan) -> Folder:
    """What a folder holds now."""
    return Folder.of(plan.folder, world.drop.list(f"{ROOT}{plan.folder}/"))


def last_run(world: "World", plan: Plan) -> str:
    """The id of the run that belongs to what a folder holds now; nobody here configures anything."""
    return run_id_of(plan.folder, version_of(last_drop(world, plan).pins, Tuning().as_mapping()))


def one_job_a_version(world: "World") -> Found:
    """An attempt at a version is trained once, told by the run that its job is labelled with, and by what the job reads.

    There is another attempt only where the one before met a quota, or where somebody asked for it.
    """
    jobs = world.vertex.jobs.values()
    started = Counter(job.run for job in jobs)
    contents = Counter((job.order.labels["dropforge-dataset"], job.attempt, job.content) for job in jobs)
    yield from ((run, f"{times} jobs were started") for run, times in started.items() if times != 1)
    for (folder, _, content), times in contents.items():
        if times != 1:
            yield folder, f"{times} jobs read the same bytes: {', '.join(content)}"
    for job in jobs:
        run = world.records.get(job.run)
        if run is None:
            yield job.run, "a job was started for it, and the ledger does not know it"
        elif job.content != tuple(sorted(f"{pin.name} {pin.crc32c}" for pin in run.pins)):
            yield job.run, f"its job read other bytes than were validated: {', '.join(job.content)}"
        elif job.strays:
            yield job.run, f"its job read another run's paths, which the service answers from its cache: {job.strays}"
        elif run.state is State.REJECTED:
            yield run.id, "it was rejected, and trained all the same"
    yield from _attempts(world)
    for plan in world.plans:
        last = last_run(world, plan)
        if plan.is_good and not started[last] and Kind.CANCEL not in asked_of(world, last):
            yield last, f"the last version of {plan.folder} was never trained"


def _attempts(world: "World") -> Found:
    short = {job.run for job in world.vertex.jobs.values() if job.ending is Ending.SHORT}
    reruns = Counter(wish.dataset for wish in world.wishes if wish.kind is Kind.RERUN for _ in wish.tried)
    for run in world.records.values():
        if run.attempt == 1:
            continue
        before = world.records.get(run_id_of(run.dataset, run.version, run.attempt - 1))
        if before is None:
            yield run.id, "there was no attempt before it"
            continue
        met_a_quota = before.id in short
        reruns[run.dataset] -= not met_a_quota
        if not met_a_quota and reruns[run.dataset] < 0:
            yield run.id, "nobody asked for another attempt, and the one before met no quota"
    for run in world.records.values():
        is_short = (
            run.state is State.FAILED and run.fault is not None and run.fault.kind == "quota" and run.stop is None
        )
        if is_short and run_id_of(run.dataset, run.version, run.attempt + 1) not in world.records:
            yield run.id, "it met a quota, and there was no other attempt"


def one_deployment_a_run(world: "World") -> Found:
    """A model is loaded once each time that it is to be served or measured, and nothing is left of what is not served.

    Loading is begun again as often as it failed in passing, and no oftener.
    """
    begun = defaultdict[str, list[Deployment]](list)
    for deployment in world.vertex.deployments:
        begun[deployment.run].append(deployment)
    for run in world.records.values():
        yield from _loads(world, run, begun.pop(run.id, []))
    for run_id, deployments in begun.items():
        yield run_id, f"the ledger does not know it, and it was deployed {len(deployments)} times"
    served = {endpoint.run: endpoint.name for endpoint in world.vertex.endpoints()}
    for run_id, name in served.items():
        state = world.records[run_id].state if run_id in world.records else "not in the ledger"
        if state not in _SERVED:
            yield run_id, f"it is {state}, and {name} is left"
    for run in world.records.values():
        is_there = run.id in served and world.vertex.has_loaded(run.id)
        if run.state in _SERVED and not is_there:
            yield run.id, f"it is {run.state}, and is not served"


def _loads(world: "World", run: Run, begun: list[Deployment]) -> Found:
    ends = Counter(later.state for earlier, later in pairwise(run.history) if earlier.state is State.DEPLOYING)
    loads = sum(not deployment.code for deployment in begun)
    failures = sum(bool(deployment.code) and not deployment.found_no_room for deployment in begun)
    most = ends[State.DEPLOYED] + ends[State.WITHHELD]
    most_failures = world.plan_of(run.dataset).fate.stumbles * bool(ends) + ends[State.DEPLOY_FAILED]
    least, least_failures = most, most_failures
    if Kind.CANCEL in asked_of(world, run.id):  # before its model was loaded or refused, or after
        least, least_failures = ends[State.DEPLOYED], 0
        most_failures += ends[State.WITHHELD] * bool(world.plan_of(run.dataset).fate.refusals)
    if any(deployment.found_no_room for deployment in begun):
        least_failures = 0
    # What was about to be begun when its instance froze is begun although the run has ended: the sweep removes it.
    late = sum(not deployment.code and has_woken(world, deployment.time) for deployment in begun)
    if not least <= loads <= most + late:
        yield run.id, f"it is {run.state}, and its model was loaded {loads} times"
    if not least_failures <= failures <= most_failures:
        yield run.id, f"it is {run.state}, and loading its model failed {failures} times, not {most_failures}"


def everything_ends(world: "World") -> Found:
    """Nothing is under way any more; every run has come where it should, and every folder's last drop was answered."""
    for file in world.state.list("active/"):
        run_id = file.name.removeprefix("active/")
        if world.is_swept or run_id in world.records:  # what was begun and cut off is the sweep's to clear away
            yield run_id, "it is still marked active"
    for run in world.records.values():
        if not run.is_settled:
            yield run.id, f"it stays {run.state} for ever"
    if world.is_swept:
        yield from _what_is_left_is_retired(world)
    for run in world.records.values():
        wanted = possible(world, run)
        if run.is_settled and run.state not in wanted:
            yield run.id, f"it is {run.state}, and should be {' or '.join(sorted(wanted))}"
    for plan in world.plans:
        yield from _last_drop_answered(world, plan)


def _what_is_left_is_retired(world: "World") -> Found:
    for file in world.state.list("retiring/"):
        yield file.name.removeprefix("retiring/"), "its space still waits for its end"
    for run in world.records.values():
        alias = world.alias(run.dataset)
        if run.state is State.DEPLOYED and not (alias and alias.run == run.id):
            yield run.id, "it has no readers, and is served for ever"


def _last_drop_answered(world: "World", plan: Plan) -> Found:
    folder, run_id = last_drop(world, plan), last_run(world, plan)
    run = world.records.get(run_id)
    if run is None:
        yield run_id, f"the last version of {plan.folder} has no record"
        return
    came_later = run.pins != folder.pins and plan.last > world.state.recorded[run_id]
    if came_later and f"{run_id}/skipped/{folder.drop}" not in world.bus.outside.events:
        yield run_id, f"{plan.folder} was dropped again, with the same bytes, and nobody was told"


def nothing_is_lost(world: "World") -> Found:
    """Every step that is news has reached the subscriber outside, and it was told nothing else."""
    outside = world.bus.outside
    for run in world.records.values():
        for event in announced(run, world.settings.links):
            if event.id not in outside.events:
                yield run.id, f"nobody was told of {event.id}"
    for wrong in outside.wrong:
        yield wrong.partition("/")[0], wrong


def history_only_grows(world: "World") -> Found:
    """Every write of a record continues the one before, by a step that is allowed, and that the job has made, too."""
    for wrong in world.state.wrong:
        yield next((run for run in world.records if run in wrong), ""), wrong
    for job in world.vertex.jobs.values():
        run = world.records.get(job.run)
        if run is None or not run.job:  # its end was asked for in the moment of its submission
            continue
        told = [step.state for step in run.history if step.state in RUN_STATE.values()]
        was = iter([RUN_STATE[state] for state in job.course])
        if any(state not in was for state in told):  # each is looked for after the one before
            yield job.run, f"the ledger says {' -> '.join(told)}, and its job was {' -> '.join(job.course)}"


def the_history_says_what_became_of_it(world: "World") -> Found:
    """Every run that is settled has one line in the history, which says what its record says."""
    lines = [wire.from_metadata(file.metadata, Summary, file.name) for file in world.state.list("past/")]
    said = {line.id: line for line in lines}
    for run in world.records.values():
        if run.is_settled and said.get(run.id) != Summary.of(run):
            yield (
                run.id,
                f"it is {run.state}, and the history says {said[run.id].state if run.id in said else 'nothing'}",
            )
    for line in (line for line, times in Counter(lines).items() if times > 1):
        yield line.id, "the history has two lines of it"


def nobody_waits_long(world: "World") -> Found:
    """A run is settled in time, where functions get messages at all."""
    if world.nature.drop_all:
        return
    for run in world.records.values():
        closed = world.state.closed.get(run.id)
        if closed is not None and closed > (bound := latest(world, run)):
            yield run.id, f"it was settled in the second {closed:.0f}, and should have been by {bound:.0f}"


def people_are_told_once(world: "World") -> Found:
    """Every event that has a message is posted, and again only where a fault came between the post and its note."""
    posts, fired = world.slack.posts, world.fate.fired
    if not world.nature.drops and not world.nature.drop_all:
        for event in world.bus.outside.events.values():
            if message_of(event) and not posts[event.id]:
                yield event.id, "it was never posted"
    excused = sum(
        fault.kind in {"before", "after", "zombie"} or (fault.kind == "lost" and fault.call == "notifier.tell")
        for fault in fired
    )
    extra = posts.total() - len(posts)
    if extra > excused + len(world.bus.timeouts):
        [(most, _)] = posts.most_common(1)
        yield most, f"{extra} posts were repeated, this one most often, and {excused} faults can have caused that"
    befell = Counter(fault.cause for fault in fired if fault.function == "notify_slack")
    befell.update(about for _, about in world.bus.timeouts)
    for message, times in posts.items():
        if times - 1 > befell[message]:
            yield message, f"it was posted {times} times, and {befell[message]} faults befell its posting"


def nothing_unexpected(world: "World") -> Found:
    """No function fails with what is no error of ours, and nothing is given up."""
    for bug in (*world.fleet.bugs, *world.listener.bugs):
        yield next((run for run in world.records if run in bug), ""), bug
    for file in world.state.list("aside/"):
        yield file.name, f"it was set aside: {world.state.read(file.name)[0].decode()[:600]}"
    if not world.fate.fired:
        for letter in world.bus.dead:
            yield letter, "it was put aside as a dead letter"


_CHECKS = (
    one_job_a_version,
    one_deployment_a_run,
    everything_ends,
    nothing_is_lost,
    history_only_grows,
    the_history_says_what_became_of_it,
    nobody_waits_long,
    people_are_told_once,
    wished.readers_find_what_they_should,
    wished.wishes_come_true,
    wished.caps_hold,
    kept.limits_hold,
    kept.the_oldest_goes_first,
    nothing_unexpected,
)
NAMES = tuple(check.__name__.replace("_", " ") for check in _CHECKS)


def violations(world: "World") -> Iterator[Violation]:
    """Everything that does not hold."""
    for name, check in zip(NAMES, _CHECKS, strict=True):
        for about, what in check(world):
            yield Violation(name, about, what)
