"""Follow what takes long: pipeline jobs and deployments. Nobody waits for them; every tick takes a look."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dropforge.domain import datasets, probe
from dropforge.domain.errors import Missing, Permanent, Unreadable, Untold
from dropforge.domain.jobs import RUN_STATE, JobState, Look, fault_of, labels_of
from dropforge.domain.runs import Fault, Run, Serving, State, Tuned
from dropforge.domain.spaces import Alias, space_id_of
from dropforge.ledger import Ledger
from dropforge.logs import isolated
from dropforge.ports import ModelHost, ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.wire import Tick
from dropforge.workers.outcome import Outcome, done
from dropforge.workers.turns import in_turn

FUNCTION = "watch_status"


def watch(
    tick: Tick,
    *,
    ledger: Ledger,
    state: ObjectStore,
    tuner: Tuner,
    host: ModelHost,
    progress: Progress,
) -> Outcome:
    """Take one look at every run that is in flight. What goes wrong with one does not touch the next.

    Raises:
        Untold: At the end, when a step was made and could not be told: this tick must come again. Whatever else failed
            is looked at by the next tick.
    """
    watcher = Watcher(ledger, state, tuner, host, progress, tick.id)
    looked = moved = 0
    untold: list[str] = []
    for run_id in in_turn(ledger.active(), tick.id):
        looked += 1
        with isolated(run=run_id) as record:
            moved += watcher.look(run_id)
        if isinstance(record.error, Untold):
            untold.append(run_id)
    if untold:
        raise Untold(f"{len(untold)} of {looked} runs made a step that could not be told, {untold[0]} first")
    return done(f"looked at {looked}, moved {moved}")


class _Hopeless(Permanent):
    """A deployment that will not come to anything, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Watcher:
    """Takes the next step of a run, whichever it is: it asks how things are, so any number of them may look."""

    ledger: Ledger
    state: ObjectStore
    tuner: Tuner
    host: ModelHost
    progress: Progress
    cause: str

    def look(self, run_id: str) -> bool:
        """Take a run's next step, if there is one; says whether there was."""
        run = self.ledger.load(run_id)
        if run is None:
            return False  # being validated; the sweep sees to it when that was lost
        if self.progress.tell_steps(run, made_by=self.cause):
            return False
        if run.state in {State.SUBMITTED, State.RUNNING, State.PAUSED}:
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
        alias = self.ledger.alias(run.dataset)
        # One that was opened before, by a look that was cut off, must not be tried again: readers are there.
        mine = alias if alias and alias.run == run.id else self._tried(run, serving)
        alias = self.ledger.move_alias(mine)
        current = alias.run == run.id
        before = alias.previous if current else alias
        opened = replace(
            serving,
            operation="",
            space=mine.space,
            dimensions=mine.dimensions,
            previous_space=before.space if before else "",
            current=current,
        )
        self._reach(run, State.DEPLOYED, serving=opened)
        return True

    def _tried(self, run: Run, serving: Serving) -> Alias:
        """The alias to the served model, which has answered well."""
        answer = self._try(run, serving)
        if answer.wrong:
            raise _Hopeless(fault_of("SMOKE_TEST", answer.wrong, "smoke prediction"))
        return Alias(
            dataset=run.dataset,
            space=space_id_of(run.id, dimensions=answer.dimensions, task_type=run.tuning.task_type),
            run=run.id,
            endpoint=serving.endpoint,
            dimensions=answer.dimensions,
            dropped_at=run.dropped_at,
        )

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
        self.ledger.change(
            run.id, lambda now: now if now.fault or now.state is not State.DEPLOYING else replace(now, fault=fault)
        )
        return self._clear_away(run, serving, fault)

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
            self.ledger.change(run.id, lambda now: replace(now, serving=noted) if now.serving == serving else now)
        return bool(operation)

    def _reach(self, run: Run, to: State, **facts: object) -> None:
        self.progress.reach(run.id, to, function=FUNCTION, event=self.cause, **facts)
