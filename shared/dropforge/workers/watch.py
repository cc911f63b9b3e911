"""Follow what takes long: pipeline jobs and deployments. Nobody waits for them; every tick takes a look."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dropforge.domain import datasets, probe
from dropforge.domain.errors import Missing, Refused, Unreadable
from dropforge.domain.jobs import RUN_STATE, JobState, Look, fault_of, labels_of
from dropforge.domain.runs import Fault, Run, Serving, State
from dropforge.domain.spaces import Alias, space_id_of
from dropforge.ledger import Ledger
from dropforge.logs import isolated
from dropforge.ports import ModelHost, ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.wire import Tick
from dropforge.workers.outcome import Outcome, done

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
    """Take one look at every run that is in flight. What goes wrong with one does not touch the next."""
    watcher = Watcher(ledger, state, tuner, host, progress, tick.id)
    looked = moved = failed = 0
    for run_id in ledger.active():
        looked += 1
        with isolated(run=run_id) as record:
            moved += watcher.look(run_id)
        failed += record.failed
    return done(f"looked at {looked}, moved {moved}, failed at {failed}")


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
        if run.history[-1].event == self.cause:
            self.progress.tell(run)  # this very tick came before, and may have been cut off before it told
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
        if serving.operation and not self._is_over(run, serving):
            return False
        try:
            if self.host.serves(serving.endpoint, serving.deployed_model):
                return self._open(run, serving)
            operation = self.host.deploy(serving.endpoint, tuned.model, serving.deployed_model, run.id)
        except Missing:
            return self._make_again(run, serving)
        except Refused as error:
            return self._give_up(run, serving, fault_of("INVALID_ARGUMENT", str(error), "deployment"))
        if operation:
            self._note(run, replace(serving, operation=operation, loading=True))
        return bool(operation)

    def _is_over(self, run: Run, serving: Serving) -> bool:
        try:
            operation = self.host.operation(serving.operation)
        except Missing:
            return True  # forgotten by the service: how things are tells the rest
        if operation.done and operation.fault:
            self._give_up(run, serving, operation.fault)
            return False
        return operation.done

    def _make_again(self, run: Run, serving: Serving) -> bool:
        """The endpoint is not there: its making failed unseen, or somebody removed it."""
        operation = self.host.create_endpoint(run.id, labels_of(run))
        self._note(run, replace(serving, operation=operation, loading=False))
        return True

    def _open(self, run: Run, serving: Serving) -> bool:
        """The model is loaded: try it, then point readers to it."""
        answer = self._try(run, serving)
        if answer.wrong:
            return self._give_up(run, serving, fault_of("SMOKE_TEST", answer.wrong, "smoke prediction"))
        space = space_id_of(run.id, dimensions=answer.dimensions, task_type=run.tuning.task_type)
        wanted = Alias(
            dataset=run.dataset, space=space, run=run.id, endpoint=serving.endpoint, dropped_at=run.dropped_at
        )
        alias = self.ledger.move_alias(wanted)
        current = alias.run == run.id
        before = alias.previous if current else alias
        opened = replace(
            serving,
            operation="",
            space=space,
            dimensions=answer.dimensions,
            previous_space=before.space if before else "",
            current=current,
        )
        self._reach(run, State.DEPLOYED, serving=opened)
        return True

    def _try(self, run: Run, serving: Serving) -> probe.Answer:
        """Ask the served model about pairs that it was trained on."""
        pairs = probe.pairs_of(self._lines(run, datasets.TRAINING_LABELS))
        queries = probe.texts_of(self._lines(run, datasets.QUERIES), pairs.keys())
        documents = probe.texts_of(self._lines(run, datasets.CORPUS), pairs.values())
        asked = [queries[query] for query in pairs]
        answers = [documents[document] for document in pairs.values()]
        try:
            return probe.assess(
                self.host.predict(serving.endpoint, asked, run.tuning.task_type),
                self.host.predict(serving.endpoint, answers, run.tuning.task_type),
            )
        except Refused as error:
            return probe.Answer(0, str(error))

    def _give_up(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Leave nothing behind that bills, then say so. Not done in one call: the next tick goes on."""
        self.host.discard(serving.endpoint, serving.deployed_model)
        self._reach(run, State.DEPLOY_FAILED, fault=fault)
        return True

    def _lines(self, run: Run, name: str) -> Iterator[bytes]:
        found = next(iter(self.state.list(f"runs/{run.id}/input/{name}")), None)
        if found is None:
            raise Unreadable(f"run {run.id} has no {name} among its input")
        with self.state.open(found) as stream:
            yield from stream

    def _note(self, run: Run, serving: Serving) -> None:
        """Write down which operation is under way, unless the run went on meanwhile."""
        self.ledger.change(run.id, lambda now: replace(now, serving=serving) if now.serving == run.serving else now)

    def _reach(self, run: Run, to: State, **facts: object) -> None:
        self.progress.reach(run.id, to, function=FUNCTION, event=self.cause, **facts)
