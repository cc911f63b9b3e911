"""Bring a tuned model to its readers: an endpoint of its own, the model on it, a try, the gate, and then the alias.

Every look takes the next step that is possible; any number of looks may meet. What becomes of a model is decided once,
in the ledger, while nobody has decided it: until then no reader is pointed to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dropforge.aliases import Aliases
from dropforge.domain import datasets, gate, probe
from dropforge.domain.errors import Missing, Permanent, Unavailable, Unreadable
from dropforge.domain.facts import Fault, Serving, Tuned
from dropforge.domain.jobs import fault_of, labels_of
from dropforge.domain.runs import SERVED, Run, State
from dropforge.domain.spaces import alias_of, space_id_of
from dropforge.embeddings import Embeddings
from dropforge.ports import ModelHost, ObjectStore
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.workers.input import lines_of
from dropforge.workers.measure import Measurement

FUNCTION = "watch_status"
_PASSING = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "INTERNAL"})
_TRIES = 6  # to load a model, where what went wrong may pass: an hour in all
_FIRST_PAUSE = timedelta(minutes=1)  # before the second of them; each further pause is twice as long
_SHARE = timedelta(minutes=1)  # of a look's time, for the vectors of a corpus: other runs wait for theirs
_PART = 500  # documents


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
        progress: Tells of it.
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
        if serving.decision == "withhold":
            return self._clear_away(run, serving, State.WITHHELD)
        if run.fault:
            return self._clear_away(run, serving, State.DEPLOY_FAILED)
        if run.stop and not serving.decision:
            return self._withhold(run, serving, fault=fault_of("CANCELLED", f"asked for by {run.stop.by}"))
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
        except Missing:  # its making was lost, or somebody removed it
            return self._note(
                run, serving, self.host.create_endpoint(run.id, labels_of(run, self.settings.operator.labels))
            )
        if serves:
            try:
                return self._open(run, serving)
            except Missing as error:  # another look has cleared it away meanwhile, or somebody removed it
                raise Unavailable(f"it is there no more: {error}") from error
        try:
            started = self.host.deploy(serving.endpoint, tuned.model, serving.deployed_model, run.id)
        except Missing as error:
            raise _Hopeless(fault_of("NOT_FOUND", str(error), "deployment")) from error
        return self._note(run, serving, started)

    def _ended(self, name: str) -> tuple[bool, Fault | None]:
        try:
            operation = self.host.operation(name)
        except Missing:
            return True, None  # forgotten by the service: how things are tells the rest
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

    def _open(self, run: Run, serving: Serving) -> bool:
        if not serving.space:
            run = self._while_undecided(run, self._tried(run, serving))
        if run.serving and not run.serving.decision and not run.fault:
            run = self._decided(run, run.serving)
        if run.serving is None or run.serving.decision != "open":
            return False  # withheld or given up: the next look clears it away
        opened = self._with_embeddings(run, run.serving)
        if opened is None:
            return False  # the time was up
        alias = self.aliases.move(alias_of(run))
        current = alias.run == run.id
        before = alias.previous if current else alias
        opened = replace(opened, previous_space=before.space if before else "", current=current)
        self.progress.reach(run, State.DEPLOYED, function=FUNCTION, event=self.cause, serving=opened)
        return True

    def _tried(self, run: Run, serving: Serving) -> Callable[[Run], Run]:
        """That the served model has answered well."""
        answer = self._try(run, serving)
        if answer.wrong:
            raise _Hopeless(fault_of("SMOKE_TEST", answer.wrong, "smoke prediction"))
        space = space_id_of(run.id, dimensions=answer.dimensions, task_type=run.tuning.task_type)
        tried = replace(serving, operation="", again_at=None, space=space, dimensions=answer.dimensions)
        return lambda now: replace(now, serving=tried)

    def _try(self, run: Run, serving: Serving) -> probe.Answer:
        """Ask the served model about pairs that it was trained on."""
        task_type = run.tuning.task_type
        try:
            pairs = probe.pairs_of(self._lines(run, datasets.TRAINING_LABELS))
            queries = probe.texts_of(self._lines(run, datasets.QUERIES), list(pairs))
            wanted = list(pairs.values())
            documents = probe.texts_of(self._lines(run, datasets.CORPUS), wanted, at_least=probe.PAIRS)
            return probe.assess(
                self.host.embed(serving.endpoint, list(queries.values()), task_type),
                self.host.embed(serving.endpoint, list(documents.values()), task_type),
            )
        except (Permanent, Missing) as error:
            return probe.Answer(0, str(error))

    def _decided(self, run: Run, serving: Serving) -> Run:
        """Ask the gate, and write down what becomes of the model."""
        judgement = run.judgement
        if not run.approval:
            judgement = Measurement(self.aliases, self.state, self.host, self.settings).judgement(run, serving)
        opens = run.approval or (judgement and gate.passes(judgement, run.tuning.deploy))
        decided = replace(serving, decision="open" if opens else "withhold")
        # Whoever asked for its end while it was measured is heard: the next look withholds it.
        return self._while_undecided(
            run, lambda now: now if now.stop else replace(now, judgement=judgement, serving=decided)
        )

    def _with_embeddings(self, run: Run, serving: Serving) -> Serving | None:
        """The corpus' vectors, where they are wanted, so that readers can switch at once; None when the time is up."""
        if not run.tuning.embed_corpus:
            return serving
        prefix = f"runs/{run.id}/embeddings/"
        complete = Embeddings(self.state, self.progress.clock).fill(
            prefix,
            map(probe.text_of, self._lines(run, datasets.CORPUS)),
            lambda texts: self.host.embed(serving.endpoint, texts, run.tuning.task_type),
            part=_PART,
            until=min(self.until, self.progress.clock.now() + _SHARE),
        )
        return replace(serving, embeddings=f"gs://{self.state.bucket}/{prefix}") if complete else None

    # Leave nothing behind

    def _withhold(self, run: Run, serving: Serving, *, fault: Fault) -> bool:
        decided = replace(serving, decision="withhold")
        self._while_undecided(run, lambda now: replace(now, fault=fault, serving=decided))
        return True

    def _give_up(self, run: Run, serving: Serving, fault: Fault) -> bool:
        """Write down that the deployment is given up, so that no later look begins it again, and clear it away."""
        stood = self._while_undecided(run, lambda now: replace(now, fault=fault))
        if stood.state is not State.DEPLOYING or stood.fault is None:
            return False  # another look got on with it meanwhile: readers may be there
        return self._clear_away(stood, serving, State.DEPLOY_FAILED)

    def _clear_away(self, run: Run, serving: Serving, to: State) -> bool:
        """Leave nothing behind that bills, then say so. It takes several looks."""
        self.host.discard(serving.endpoint, serving.deployed_model)
        self.progress.reach(run, to, function=FUNCTION, event=self.cause)
        return True

    # The record

    def _while_undecided(self, run: Run, decide: Callable[[Run], Run]) -> Run:
        """Change a run unless it was decided since it was looked at, or taken up again: what was seen is then out of date."""

        def still(now: Run) -> Run:
            return decide(now) if now.history == run.history and _is_undecided(now) else now

        return self.progress.ledger.change(run.id, still)

    def _write(self, run: Run, seen: Serving, wanted: Serving) -> Run:
        return self._while_undecided(run, lambda now: replace(now, serving=wanted) if now.serving == seen else now)

    def _lines(self, run: Run, name: str) -> Iterator[bytes]:
        return lines_of(self.state, run, name)


def _is_undecided(run: Run) -> bool:
    """Whether it is still open what becomes of a deployment."""
    return run.state is State.DEPLOYING and run.fault is None and run.serving is not None and not run.serving.decision
