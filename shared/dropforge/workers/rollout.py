"""Bring a tuned model to its readers: an endpoint of its own, the model on it, a try, the gate, and then the alias.

Every look takes the next step that is possible; any number of looks may meet. What becomes of a model is decided once,
in the ledger, by whoever comes first: until then no reader is pointed to it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dropforge.aliases import Aliases
from dropforge.domain import content, datasets, gate, probe
from dropforge.domain.errors import Missing, Permanent, Unavailable, Unreadable
from dropforge.domain.facts import Fault, Serving, Tuned
from dropforge.domain.jobs import ended_by, fault_of, resource_labels_of
from dropforge.domain.runs import SERVED, Run, State
from dropforge.domain.spaces import alias_of, endpoint_since, space_id_of
from dropforge.domain.text import printable, shortened
from dropforge.embeddings import Embeddings
from dropforge.ports import ModelHost, ObjectStore
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.workers.input import Input
from dropforge.workers.measure import Measurement

FUNCTION = "watch_status"
_PASSING = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "INTERNAL"})
_TRIES = 6  # to load a model, where what went wrong may pass: half an hour of pauses in all
_FIRST_PAUSE = timedelta(minutes=1)  # before the second of them; each further pause is twice as long
_SHARE = timedelta(minutes=1)  # of a look's time, for the vectors of a corpus: other runs wait for theirs
_PART = 500  # documents
_PATIENCE = timedelta(hours=1)  # with a model that is to be compared, and does not answer
_OF_RUN = frozenset({"judgement", "fault"})

Changes = dict[str, object]


class _Hopeless(Permanent):
    """A deployment that will not come to anything, and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Rollout:
    """Takes the next step of a run that is deploying.

    Attributes:
        aliases: Where readers are pointed to.
        state: Where the runs' data lie.
        host: Who serves models.
        progress: Moves runs on, and publishes each step.
        settings: The operator's wishes.
        cause: Id of the tick, for the runs' histories.
        until: When this look's time is up.
    """

    aliases: Aliases
    state: ObjectStore
    host: ModelHost
    progress: Progress
    settings: Settings
    cause: str
    until: datetime

    def step(self, run: Run) -> bool:
        """Take the next step; says whether there was one."""
        serving, tuned = run.serving, run.tuned
        if serving is None or tuned is None:
            raise Unreadable(f"run {run.id} is deploying, but its record names no endpoint or no model")
        if serving.decision == "open":
            return self._point(run)
        if serving.decision or run.fault:
            return self._clear_away(run, serving, State.WITHHELD if serving.decision else State.DEPLOY_FAILED)
        if run.stop:
            return self._withhold(run, ended_by(run.stop))
        try:
            return self._next_step(run, serving, tuned)
        except _Hopeless as hopeless:
            return self._give_up(run, serving, hopeless.fault)
        except Permanent as error:  # asking again changes nothing, and an endpoint bills by the hour
            return self._give_up(run, serving, fault_of("REFUSED", str(error), "deployment"))

    # Load the model

    def _next_step(self, run: Run, serving: Serving, tuned: Tuned) -> bool:
        if serving.again_at and self.progress.clock.now() < serving.again_at:
            return False
        if serving.operation:
            over, failed = self._ended(serving.operation)
            if failed:
                return self._again(run, serving, failed)
            if not over:
                return False
        try:
            serves = self.host.serves(serving.endpoint, serving.deployed_model)
        except Missing:  # its creation was lost, or somebody removed it
            serves = None
        if not serves:
            return self._load(run, serving, tuned, is_there=serves is not None)
        try:
            return self._open(run)
        except Missing as error:  # another look has cleared it away meanwhile, or somebody removed it
            raise Unavailable(f"it is there no more: {error}") from error

    def _load(self, run: Run, serving: Serving, tuned: Tuned, *, is_there: bool) -> bool:
        """Begin what is missing: the endpoint, or the model on it."""
        now = self.progress.ledger.load(run.id)
        if now is None or now.history != run.history or not _is_undecided(now):
            return False  # another look has decided, and perhaps taken away what is missing here
        if not is_there:
            labels = resource_labels_of(run, self.settings.operator.labels)
            return self._note(run, serving, self.host.create_endpoint(run.id, labels))
        try:
            started = self.host.deploy(serving.endpoint, tuned.model, serving.deployed_model, run.id)
        except Missing as error:
            raise _Hopeless(fault_of("NOT_FOUND", str(error), "deployment")) from error
        return self._note(run, serving, started)

    def _ended(self, name: str) -> tuple[bool, Fault | None]:
        try:
            operation = self.host.operation(name)
        except Missing:
            return True, None  # forgotten by the service: what is there now tells the rest
        return operation.done, operation.fault

    def _again(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Begin again in a while, if what went wrong may pass: an accelerator may come free."""
        tries = serving.tries + 1
        if fault.code not in _PASSING or tries >= _TRIES:
            raise _Hopeless(fault)
        again_at = self.progress.clock.now() + _FIRST_PAUSE * 2**serving.tries
        self._write(run, serving, replace(serving, operation="", tries=tries, again_at=again_at))
        return True

    def _note(self, run: Run, serving: Serving, operation: str) -> bool:
        """Write down which operation is under way, unless the run went on meanwhile; an empty name says nothing new."""
        if operation:
            stood = self._write(run, serving, replace(serving, operation=operation))
            if stood.state not in SERVED:  # the run ended while this look was held up: nobody wants what it started
                self.host.discard(serving.endpoint, serving.deployed_model)
        return bool(operation)

    # Try it, measure it, open it

    def _open(self, run: Run) -> bool:
        """The model is loaded: try it, measure it, embed the corpus, each once, and then open it."""
        read = Input(self.state, run.id)
        for step in (self._trying, self._measuring, self._embedding):
            serving = run.serving
            assert serving is not None  # noqa: S101 - it is deploying
            changes = step(run, serving, read)
            if changes is None:
                return False  # the time is up
            run = self._while_undecided(run, changes) if changes else run
            if not _is_undecided(run) or run.stop:
                break  # the next look sees to it
        else:
            run = self._while_undecided(run, {"decision": "open"})
        return self._point(run) if run.serving and run.serving.decision == "open" else True

    def _point(self, run: Run) -> bool:
        """Point readers to the model, and record that. Nothing stops it any more."""
        alias = self.aliases.move(alias_of(run))
        current = alias.run == run.id
        previous_space = alias.previous_space if current else alias.space
        assert run.serving is not None  # noqa: S101 - it is deploying
        opened = replace(run.serving, previous_space=previous_space, current=current)
        stood = self.progress.reach(run, State.DEPLOYED, function=FUNCTION, event=self.cause, serving=opened)
        if stood.state is not State.DEPLOYED:  # it was opened, and has gone again, while this look was held up
            self.aliases.remove(run.dataset, run.id)
        return True

    def _trying(self, run: Run, serving: Serving, read: Input) -> Changes:
        if serving.space:
            return {}
        answer = self._try(run, serving, read)
        if answer.wrong:
            raise _Hopeless(fault_of("SMOKE_TEST", answer.wrong, "smoke prediction"))
        space = space_id_of(run.id, dimensions=answer.dimensions, task_type=run.tuning.task_type)
        return {"operation": "", "again_at": None, "space": space, "dimensions": answer.dimensions}

    def _try(self, run: Run, serving: Serving, read: Input) -> probe.Answer:
        """Ask the served model about pairs that it was trained on."""
        task_type = run.tuning.task_type
        try:
            pairs = probe.pairs_of(read.lines(datasets.TRAINING_LABELS))
            queries = content.texts_of(read.lines(datasets.QUERIES), list(pairs))
            wanted = list(pairs.values())
            documents = content.texts_of(read.lines(datasets.CORPUS), wanted, at_least=probe.PAIRS)
            return probe.assess(
                self.host.embed(serving.endpoint, list(queries.values()), task_type),
                self.host.embed(serving.endpoint, list(documents.values()), task_type),
            )
        except (Permanent, Missing) as error:
            return probe.Answer(0, str(error))

    def _measuring(self, run: Run, serving: Serving, read: Input) -> Changes:
        """Ask the gate what becomes of the model. The judgement is stored together with the decision."""
        if serving.passed:
            return {}
        if run.approval:
            return {"passed": True}
        patient = self.progress.clock.now() - run.updated < _PATIENCE
        measurement = Measurement(self.aliases, self.progress.ledger, self.state, self.host, self.settings, patient)
        judgement = measurement.judgement(run, serving, read)
        if gate.passes(judgement, run.tuning.deploy):
            is_ready = not run.tuning.embed_corpus  # nothing is left to do: one write of the record for both
            return {"judgement": judgement, "passed": True} | ({"decision": "open"} if is_ready else {})
        return {"judgement": judgement, "decision": "withhold"}

    def _embedding(self, run: Run, serving: Serving, read: Input) -> Changes | None:
        """The corpus' vectors, where they are wanted, so that readers can switch at once; None when the time is up."""
        if not run.tuning.embed_corpus or serving.embeddings or serving.unembedded:
            return {}
        prefix = f"runs/{run.id}/embeddings/"
        try:
            is_complete = Embeddings(self.state, self.progress.clock).fill(
                prefix,
                map(content.text_of, read.lines(datasets.CORPUS)),
                lambda texts: self.host.embed(serving.endpoint, texts, run.tuning.task_type),
                part=_PART,
                until=min(self.until, self.progress.clock.now() + _SHARE),
            )
        except Permanent as error:  # the model is good, and its readers can embed the documents themselves
            return {"unembedded": printable(shortened(str(error), 300))}
        return {"embeddings": f"gs://{self.state.bucket}/{prefix}"} if is_complete else None

    # Leave nothing behind

    def _withhold(self, run: Run, fault: Fault) -> bool:
        self._while_undecided(run, {"fault": fault, "decision": "withhold"}, heeding_stop=False)
        return True

    def _give_up(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Write down that the deployment is given up, so that no later look begins it again, and clear it away."""
        stood = self._while_undecided(run, {"fault": fault}, heeding_stop=False)
        if stood.state is not State.DEPLOYING or stood.fault is None:
            return False  # another look got on with it meanwhile: readers may be there
        return self._clear_away(stood, serving, State.DEPLOY_FAILED)

    def _clear_away(self, run: Run, serving: Serving, to: State) -> bool:
        """Leave nothing behind that bills, then say so. It takes several looks.

        An endpoint that has readers, or may have some from before the run, stays: the sweep tells of it.
        """
        if not self.aliases.lead_to(run):
            self.host.discard(serving.endpoint, serving.deployed_model, made_since=endpoint_since(run))
        self.progress.reach(run, to, function=FUNCTION, event=self.cause)
        return True

    # The record

    def _while_undecided(self, run: Run, changes: Changes, *, heeding_stop: bool = True) -> Run:
        """Change a run, unless it was decided or taken up again since it was read: what was seen is then out of date.

        Args:
            run: As it was read.
            changes: What becomes known: its judgement, its fault, and fields of what is served.
            heeding_stop: Whether a request for its end that came meanwhile goes first.
        """
        of_run = {key: changes[key] for key in changes.keys() & _OF_RUN}
        of_serving = {key: changes[key] for key in changes.keys() - _OF_RUN}

        def still(now: Run) -> Run:
            is_old = now.history != run.history or not _is_undecided(now) or (heeding_stop and now.stop is not None)
            if is_old or now.serving is None:
                return now
            return replace(now, serving=replace(now.serving, **of_serving), **of_run)  # type: ignore[arg-type]

        return self.progress.ledger.change(run.id, still, seen=run)

    def _write(self, run: Run, seen: Serving, wanted: Serving) -> Run:
        def still(now: Run) -> Run:
            is_same = now.history == run.history and now.serving == seen and _is_undecided(now)
            return replace(now, serving=wanted) if is_same else now

        return self.progress.ledger.change(run.id, still, seen=run)


def _is_undecided(run: Run) -> bool:
    """Whether it is still open what becomes of a deployment."""
    return run.state is State.DEPLOYING and run.fault is None and run.serving is not None and not run.serving.decision
