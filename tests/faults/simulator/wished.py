"""What must hold of what people ask for by hand, of what their readers find, and of what the operator lets runs spend."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from faults.simulator.bounds import AWAKE, PROMPT, calm_since, has_woken
from faults.simulator.bus import PERIODS
from faults.simulator.nature import Kind
from faults.simulator.storage import Pointed
from faults.simulator.wishes import Wish

from dropforge.domain.announcements import alias_moved
from dropforge.domain.events import AliasMoved
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias

if TYPE_CHECKING:
    from faults.simulator.world import World

Found = Iterator[tuple[str, str]]
_POINTS_BACK = frozenset({Kind.ROLLBACK, Kind.APPROVE})


def asked_of(world: "World", run_id: str) -> set[Kind]:
    """What people asked for of a run, whatever came of it."""
    return {wish.kind for wish in world.wishes if wish.run == run_id and wish.tried}


def possible(world: "World", run: Run) -> set[State]:
    """Where a run may have come to its end."""
    plan, asked = world.plan_of(run.dataset), asked_of(world, run.id)
    if not plan.is_good:
        return {State.REJECTED}
    possible = {plan.fate.state_of(run.attempt)}
    if Kind.CANCEL in asked:
        possible |= {State.CANCELLED, State.WITHHELD}
    if Kind.APPROVE in asked:
        possible |= {State.DEPLOYED, *([State.DEPLOY_FAILED] if plan.fate.refusals else [])}
    if any(deployment.run == run.id and deployment.found_no_room for deployment in world.vertex.deployments):
        possible.add(State.DEPLOY_FAILED)
    others = any(pointed.alias and pointed.alias.run != run.id for pointed in _pointed(world, run.dataset))
    if State.DEPLOYED in possible and (others or Kind.RETIRE in asked):
        possible.add(State.RETIRED)
    return possible


# Readers


def readers_find_what_they_should(world: "World") -> Found:
    """Readers are pointed to what is served, and to what was asked for last; to nowhere only where somebody wanted that.

    What they use is not taken away, and a move by hand is told of.
    """
    for removal in world.vertex.removals:
        run = world.records.get(removal.run)
        alias = world.state.alias(run.dataset, removal.time) if run else None
        if alias and alias.run == removal.run:
            yield removal.run, f"in the second {removal.time:.0f} its model was taken away from its readers"
    for plan in world.plans:
        pointed = _pointed(world, plan.folder)
        for place, each in enumerate(pointed):
            until = pointed[place + 1].time if place + 1 < len(pointed) else inf
            if not (has_woken(world, each.time) and until - each.time < AWAKE):  # noticed, and taken back
                yield from _pointed_well(world, each)
        for earlier, later in pairwise(each.alias for each in pointed):
            if earlier and later and later.wanted_at < earlier.wanted_at:
                yield later.run, f"readers were pointed to it, although {earlier.run} was asked for later"
        yield from _last_wish(world, plan.folder)
        yield from _moves_told(world, plan.folder)


def _pointed(world: "World", dataset: str) -> list[Pointed]:
    return [pointed for pointed in world.state.pointed if pointed.dataset == dataset]


def _pointed_well(world: "World", pointed: Pointed) -> Found:
    if pointed.alias is None:
        if not any(wish.kind is Kind.RETIRE and wish.even_current for wish in _about(world, pointed.dataset)):
            yield (
                pointed.dataset,
                f"in the second {pointed.time:.0f} readers were pointed nowhere, and nobody asked for it",
            )
        return
    run, where = pointed.run, f"in the second {pointed.time:.0f} readers were pointed to it"
    is_open = run and run.serving and run.serving.decision == "open"
    if run is None or not (run.state is State.DEPLOYED or (run.state is State.DEPLOYING and is_open)):
        yield pointed.alias.run, f"{where}, and it was {run.state if run else 'not in the ledger'}"
    elif world.state.alias(pointed.dataset) == pointed.alias and world.records[run.id].state is not State.DEPLOYED:
        yield run.id, f"{where}, and it is {world.records[run.id].state}"


def _about(world: "World", dataset: str) -> list[Wish]:
    return [wish for wish in world.wishes if wish.dataset == dataset and wish.tried]


def _last_wish(world: "World", dataset: str) -> Found:
    """Whether readers are where people wanted them last: by a drop, an approval or a rollback."""
    wanted = [
        (run.wanted_at, run.id)
        for run in world.records.values()
        if run.dataset == dataset and any(step.state is State.DEPLOYED for step in run.history)
    ]
    moves = [granted.came for wish in _about(world, dataset) for granted in wish.granted]
    moves += [pointed.alias for pointed in _pointed(world, dataset) if pointed.alias and pointed.alias.request]
    wanted += [(alias.wanted_at, alias.run) for alias in moves if isinstance(alias, Alias)]
    if not wanted:
        return
    last = max(at for at, _ in wanted)
    best = {run for at, run in wanted if at == last}
    if any(wish.kind is Kind.RETIRE and wish.run in best for wish in _about(world, dataset)):
        return
    alias = world.alias(dataset)
    if alias is None or alias.run not in best:
        yield min(best), f"it was asked for last, and readers are pointed to {alias.run if alias else 'nothing'}"


def _moves_told(world: "World", dataset: str) -> Found:
    """Whether the subscriber outside was told of every move by hand that was granted, and of the one that stands."""
    moves = [
        granted.came
        for wish in _about(world, dataset)
        for granted in wish.granted
        if isinstance(granted.came, Alias) and granted.came.request == granted.request
    ]
    standing = world.alias(dataset)
    if world.is_swept and standing and standing.request:
        moves.append(standing)
    for alias in moves:
        wanted = alias_moved(alias, world.records[alias.run], world.settings.links)
        assert wanted is not None
        told = world.bus.outside.events.get(wanted.id)
        if not isinstance(told, AliasMoved):
            yield alias.run, f"readers were pointed to it by hand, and nobody was told of {wanted.id}"
        elif alias is not standing and (told.space_id, told.previous_space_id) != (
            wanted.space_id,
            wanted.previous_space_id,
        ):
            yield alias.run, f"{wanted.id} told of a move from {told.previous_space_id} to {told.space_id}"


# Wishes


def wishes_come_true(world: "World") -> Found:
    """What was granted has happened, once; what was cancelled costs nothing any more."""
    for run_id in world.state.overruled:
        yield run_id, "it was opened to readers, although somebody had asked for its end before"
    for wish in world.wishes:
        if not (wish.granted or wish.refused or world.nature.gives_up):
            yield wish.run, f"{wish}: nobody got an answer"
        elif wish.granted:
            yield from _come_true(world, wish)
        stays_for_readers = wish.even_current and "readers use it again" in " ".join(wish.refused)
        if stays_for_readers and not any(other.kind in _POINTS_BACK for other in _about(world, wish.dataset)):
            yield wish.run, f"{wish}: it stays for its readers, and nobody had wanted them there since"
    for job in world.vertex.jobs.values():
        run = world.records.get(job.run)
        stops = [granted.time for wish in world.wishes for granted in wish.granted if _is_end_of(wish, job.run)]
        if run and stops and job.end > max(*stops, job.begun, calm_since(world)) + PROMPT:
            yield run.id, f"its end was asked for, and its job billed until the second {job.end:.0f}"


def _is_end_of(wish: Wish, run_id: str) -> bool:
    return wish.kind is Kind.CANCEL and wish.run == run_id


def _come_true(world: "World", wish: Wish) -> Found:
    asked = asked_of(world, wish.run)
    run = world.records.get(wish.run)
    if wish.kind is Kind.RERUN:
        for granted in wish.granted:
            if not (isinstance(granted.came, Run) and granted.came.id in world.records):
                yield wish.run, f"{wish}: there is no such attempt"
    elif wish.kind is Kind.ROLLBACK:
        yield from _led_back(world, wish)
    elif wish.kind is Kind.APPROVE and run:
        times = sum(step.function == "approve" for step in run.history)
        if not 1 <= times <= sum(map(len, _tries(world, wish.run, Kind.APPROVE))):
            yield run.id, f"{wish}: it was taken up again {times} times"
        if run.state is State.WITHHELD and Kind.CANCEL not in asked:
            yield run.id, f"{wish}: it is {run.state}"
    elif wish.kind is Kind.RETIRE and run and run.state is not State.RETIRED and Kind.APPROVE not in asked:
        yield run.id, f"{wish}: it is {run.state}"


def _led_back(world: "World", wish: Wish) -> Found:
    """Whether a rollback led where it should, unless readers were pointed elsewhere by others while it was tried.

    One to the space before that is repeated after everybody was told of it asks for something else.
    """
    is_done = any(
        fired.cause == str(wish)
        and (fired.kind == "zombie" or (fired.kind in {"after", "lost"} and fired.call == "state.annotate"))
        for fired in world.fate.fired
    )
    for granted in wish.granted:
        others = any(
            wish.asked <= pointed.time <= granted.time and not (pointed.alias and pointed.alias.request in wish.tried)
            for pointed in _pointed(world, wish.dataset)
        )
        is_swept = wish.asked // PERIODS["sweep"] != granted.time // PERIODS["sweep"]
        at_once = any(
            other is not wish
            and other.kind is Kind.ROLLBACK
            and wish.asked <= other.ended
            and other.asked <= granted.time
            for other in _about(world, wish.dataset)
        )
        wanted = wish.run or wish.former
        excused = others or at_once or is_done or is_swept
        if isinstance(granted.came, Alias) and granted.came.run != wanted and not excused:
            yield granted.came.run, f"{wish}: led there, and should have led to {wanted}"


def _tries(world: "World", run_id: str, kind: Kind) -> Iterator[list[object]]:
    return ([*wish.tried] for wish in world.wishes if wish.run == run_id and wish.kind is kind)


# Budget


def caps_hold(world: "World") -> Found:
    """No more jobs are in flight at once than the operator allows."""
    cap, most = world.nature.caps.jobs_in_flight, world.vertex.most_jobs
    if cap is not None and most > cap:
        yield "", f"{most} jobs were in flight at once, and the cap is {cap}"
