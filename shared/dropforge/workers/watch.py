"""Follow what takes long: pipeline jobs and deployments. Nobody waits for them; every tick takes a look.

Its work follows what is in flight, and of that what has changed: the runs' markers and the states of their jobs are one
listing each, and only a run whose job is in another state than was told of it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dropforge.aliases import Aliases
from dropforge.domain import datasets, probe
from dropforge.domain.errors import Missing, Permanent, Unreadable
from dropforge.domain.jobs import RUN_STATE, JobState, Look, fault_of, labels_of
from dropforge.domain.runs import SERVED, Fault, Run, Serving, State, Tuned
from dropforge.domain.spaces import Alias, space_id_of
from dropforge.ledger import Ledger, Owed
from dropforge.logs import isolated
from dropforge.ports import ModelHost, ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import Tick
from dropforge.workers.outcome import Outcome, What, done
from dropforge.workers.submit import order_tuning
from dropforge.workers.turns import Turns

FUNCTION = "watch_status"
_WITH_JOB = frozenset({State.SUBMITTED, State.RUNNING, State.PAUSED})
_LONGEST_JOB = timedelta(days=8)  # the service ends a task after seven; an older one is looked at by itself
_SKEW = timedelta(minutes=10)  # by which our clock may be ahead of the service's


def watch(
    tick: Tick,
    *,
    ledger: Ledger,
    aliases: Aliases,
    state: ObjectStore,
    tuner: Tuner,
    host: ModelHost,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """Take one look at every run that is in flight. What goes wrong with one does not touch the next."""
    until = progress.clock.now() + settings.working_time
    watcher = Watcher(ledger, aliases, state, tuner, host, progress, settings, tick.id)
    active = list(ledger.active())
    changed = watcher.changed(active)
    looked = moved = 0
    for owed in Turns(FUNCTION, tick.id, until, ledger, progress.clock).of(changed, lambda owed: owed.run):
        looked += 1
        with isolated(run=owed.run):
            moved += watcher.look(owed)
    waiting = [owed for owed in active if owed.waits]
    submitted = watcher.submit(waiting, until)
    return done(
        f"{len(active)} in flight, looked at {looked}, moved {moved}; {len(waiting)} waiting, submitted {submitted}"
    )


class _Hopeless(Permanent):
    """A deployment that will not come to anything, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Watcher:
    """Takes the next step of a run, whichever it is: it asks how things are, so any number of them may look."""

    ledger: Ledger
    aliases: Aliases
    state: ObjectStore
    tuner: Tuner
    host: ModelHost
    progress: Progress
    settings: Settings
    cause: str

    def submit(self, waiting: list[Owed], until: datetime) -> int:
        """Submit the runs that wait for a quota, the oldest first, until it is used up again; says how many."""
        submitted = 0
        for owed in sorted(waiting, key=lambda owed: owed.begun):
            if self.progress.clock.now() >= until:
                break
            with isolated(run=owed.run):
                run = self.ledger.load(owed.run)
                if run is None or run.state is not State.VALIDATED:
                    continue
                outcome = order_tuning(
                    run,
                    state=self.state,
                    tuner=self.tuner,
                    progress=self.progress,
                    settings=self.settings,
                    cause=self.cause,
                )
                if outcome.what is What.DEFERRED:
                    break
                submitted += 1
        return submitted

    def changed(self, active: list[Owed]) -> list[Owed]:
        """The runs that may have a next step: a deployment, or a job in another state than was told."""
        deploying = [owed for owed in active if owed.state is State.DEPLOYING]
        others = [owed for owed in active if owed.state is not State.DEPLOYING and not owed.waits]
        if others:
            oldest = max(min(owed.begun for owed in others), self.progress.clock.now() - _LONGEST_JOB)
            with isolated(listing="jobs"):  # deployments bill by the hour: they are followed all the same
                jobs = self.tuner.states(oldest - _SKEW)
                return deploying + [owed for owed in others if _is_news(owed, jobs.get(owed.run))]
        return deploying

    def look(self, owed: Owed) -> bool:
        """Take a run's next step, if there is one; says whether there was."""
        run = self.ledger.load(owed.run)
        if run is None:
            raise Unreadable(f"run {owed.run} has a marker that tells of its job, but no record")
        self.progress.tell(run, told=owed.told)  # a step that was made, and cut off before it was told
        if run.state in _WITH_JOB:
            return self._job(run)
        if run.state is State.DEPLOYING:
            return self._deployment(run)
        return False

    # The job

    def _job(self, run: Run) -> bool:
        try:
            look = self.tuner.look(run.job)
        except Missing as error:
            look = Look(state=JobState.FAILED, fault=fault_of("NOT_FOUND", f"the job is gone: {error}"))
        reached = RUN_STATE.get(look.state)
        if reached is None or reached is run.state:
            return False
        facts: dict[str, object] = {}
        if look.tuned:
            facts["tuned"] = look.tuned
        if look.fault:
            facts["fault"] = look.fault
        self._reach(run, reached, **facts)
        return True

    # The deployment: make the endpoint, load the model, try it, point readers to it

    def _deployment(self, run: Run) -> bool:
        serving, tuned = run.serving, run.tuned
        if serving is None or tuned is None:
            raise Unreadable(f"run {run.id} is deploying, but its record names no endpoint or no model")
        if run.fault:
            return self._clear_away(run, serving, run.fault)
        try:
            return self._next_step(run, serving, tuned)
        except _Hopeless as hopeless:
            return self._give_up(run, serving, hopeless.fault)
        except Permanent as error:  # asking again changes nothing, and an endpoint bills by the hour
            return self._give_up(run, serving, fault_of("REFUSED", str(error), "deployment"))

    def _next_step(self, run: Run, serving: Serving, tuned: Tuned) -> bool:
        if serving.operation and not self._is_over(serving.operation):
            return False
        try:
            serves = self.host.serves(serving.endpoint, serving.deployed_model)
        except Missing:  # its making was lost, or somebody removed it
            return self._note(run, serving, self.host.create_endpoint(run.id, labels_of(run)))
        if serves:
            return self._open(run, serving)
        try:
            started = self.host.deploy(serving.endpoint, tuned.model, serving.deployed_model, run.id)
        except Missing as error:
            raise _Hopeless(fault_of("NOT_FOUND", str(error), "deployment")) from error
        return self._note(run, serving, started)

    def _is_over(self, name: str) -> bool:
        try:
            operation = self.host.operation(name)
        except Missing:
            return True  # forgotten by the service: how things are tells the rest
        if operation.fault:
            raise _Hopeless(operation.fault)
        return operation.done

    def _open(self, run: Run, serving: Serving) -> bool:
        """The model is loaded: try it, point readers to it, and say so."""
        if not serving.space:
            tried = self._tried(run, serving)
            # Readers go there only once it is written that it answered well: from then on nobody gives it up, and if
            # another look has given it up already, they never go there.
            stood = self.ledger.change(run.id, lambda now: replace(now, serving=tried) if _is_open(now) else now)
            if stood.serving is None or not stood.serving.space:
                return False
            serving = stood.serving
        alias = self.aliases.move(
            Alias(
                dataset=run.dataset,
                space=serving.space,
                run=run.id,
                endpoint=serving.endpoint,
                dimensions=serving.dimensions,
                dropped_at=run.dropped_at,
                base_model=run.tuning.base_model,
            )
        )
        current = alias.run == run.id
        before = alias.previous if current else alias
        opened = replace(serving, previous_space=before.space if before else "", current=current)
        self._reach(run, State.DEPLOYED, serving=opened)
        return True

    def _tried(self, run: Run, serving: Serving) -> Serving:
        """The served model, which has answered well."""
        answer = self._try(run, serving)
        if answer.wrong:
            raise _Hopeless(fault_of("SMOKE_TEST", answer.wrong, "smoke prediction"))
        space = space_id_of(run.id, dimensions=answer.dimensions, task_type=run.tuning.task_type)
        return replace(serving, operation="", space=space, dimensions=answer.dimensions)

    def _try(self, run: Run, serving: Serving) -> probe.Answer:
        """Ask the served model about pairs that it was trained on."""
        try:
            pairs = probe.pairs_of(self._lines(run, datasets.TRAINING_LABELS))
            queries = probe.texts_of(self._lines(run, datasets.QUERIES), list(pairs))
            wanted = list(pairs.values())
            documents = probe.texts_of(self._lines(run, datasets.CORPUS), wanted, at_least=probe.PAIRS)
            return probe.assess(
                self.host.predict(serving.endpoint, list(queries.values()), run.tuning.task_type),
                self.host.predict(serving.endpoint, list(documents.values()), run.tuning.task_type),
            )
        except (Permanent, Missing) as error:
            return probe.Answer(0, str(error))

    def _give_up(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Write down that the deployment is given up, so that no later look begins it again, and clear it away."""
        stood = self.ledger.change(run.id, lambda now: replace(now, fault=fault) if _is_open(now) else now)
        if stood.state is not State.DEPLOYING or stood.fault is None:
            return False  # another look got on with it meanwhile: readers may be there
        return self._clear_away(run, serving, stood.fault)

    def _clear_away(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Leave nothing behind that bills, then say so. It takes several looks."""
        self.host.discard(serving.endpoint, serving.deployed_model)
        self._reach(run, State.DEPLOY_FAILED, fault=fault)
        return True

    def _lines(self, run: Run, name: str) -> Iterator[bytes]:
        found = next(iter(self.state.list(f"runs/{run.id}/input/{name}")), None)
        if found is None:
            raise Unreadable(f"run {run.id} has no {name} among its input")
        with self.state.open(found) as stream:
            yield from stream

    def _note(self, run: Run, serving: Serving, operation: str) -> bool:
        """Write down which operation is under way, unless the run went on meanwhile; an empty name says nothing new."""
        if operation:
            noted = replace(serving, operation=operation)
            stood = self.ledger.change(
                run.id, lambda now: replace(now, serving=noted) if now.serving == serving and _is_open(now) else now
            )
            if stood.state not in SERVED:  # the run ended while this look was held up: nobody wants what it started
                self.host.discard(serving.endpoint, serving.deployed_model)
        return bool(operation)

    def _reach(self, run: Run, to: State, **facts: object) -> None:
        self.progress.reach(run, to, function=FUNCTION, event=self.cause, **facts)


def _is_open(run: Run) -> bool:
    """Whether it is still open what becomes of a deployment: it was neither given up, nor has the model answered well."""
    return run.state is State.DEPLOYING and run.fault is None and run.serving is not None and not run.serving.space


def _is_news(owed: Owed, job: JobState | None) -> bool:
    """Whether a run should be looked at.

    Args:
        owed: What its marker says, which may lag behind: a job of a run that is not said to have one is news, too.
        job: The state of its job in the listing; None where that has none.
    """
    if owed.state in _WITH_JOB:
        return job is not JobState.WAITING and (job is None or RUN_STATE[job] is not owed.state)
    return job is not None
