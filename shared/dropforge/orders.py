"""Orders: the jobs of validated runs, placed once each, and as far as budget and quotas allow."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from dropforge.budget import Budget, runs_in_flight
from dropforge.domain.caps import Over
from dropforge.domain.errors import Contended, Exhausted, Foreign, Misconfigured, Missing, Refused
from dropforge.domain.facts import Fault, Waiting
from dropforge.domain.jobs import Order, ended_by, fault_of, order_for
from dropforge.domain.machines import problems_of_training
from dropforge.domain.plan import Estimate, estimate
from dropforge.domain.runs import Run, State
from dropforge.domain.text import printable, shortened
from dropforge.domain.tuning import refusals_of
from dropforge.outcome import Outcome, deferred, done
from dropforge.ports import ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.settings import Settings

FUNCTION, WATCHER = "submit_tuning", "watch_status"


@dataclass(frozen=True, slots=True)
class Orders:
    """Places the orders of runs.

    Attributes:
        state: Where the runs' input lies.
        tuner: Who tunes.
        progress: Moves runs on, and publishes each step.
        budget: What may be spent.
        settings: Where jobs run, and on what.
    """

    state: ObjectStore
    tuner: Tuner
    progress: Progress
    budget: Budget
    settings: Settings

    def place(self, run: Run, *, cause: str, is_new: bool = False) -> Outcome:
        """Submit the job of a validated run. Where there is no room for it now, the run waits in the ledger.

        The job's id is the run's: a second submission, by whomever and after whatever crash, adopts the job and is not
        paid for. A run that the service refuses, or that no budget will ever allow, fails; one whose end was asked for
        is cancelled.

        Args:
            run: As the ledger has it.
            cause: Id of the event, or tick, for the run's history.
            is_new: Whether the run asks for the first time: it then waits behind the runs that found no room at the
                watcher's last tick, so that the oldest goes first however many come.

        Raises:
            Misconfigured: The service would refuse the operator's machines, minutes into the paid job.
        """
        if run.stop:
            return self._end(run, State.CANCELLED, ended_by(run.stop), cause, why="cancelled, as was asked for")
        if run.not_before and self.progress.clock.now() < run.not_before:
            return self._wait(run, "backoff", f"{run.reason}; not before {run.not_before:%Y-%m-%d %H:%M} UTC")
        if is_new and self.progress.ledger.is_queued(WATCHER, self.progress.clock.now() - self.settings.patience):
            return self._wait(run, "queue", "older runs wait for room: the oldest goes first")
        operator = self.settings.operator
        if refusals := refusals_of(run.tuning, operator.bounds, self.progress.clock.now().date()):
            return self._fail(run, fault_of("REFUSED", "; ".join(refusals), "plan"), cause)
        if problems := problems_of_training(operator.catalogue, self.settings.location, operator.training):
            raise Misconfigured("; ".join(problems))
        return self._submit(run, cause)

    def _submit(self, run: Run, cause: str) -> Outcome:
        """Reserve room, and submit the job."""
        try:
            if over := self.budget.reserve(run.id, self._estimate(run), partial(runs_in_flight, self.progress.ledger)):
                return self._over(run, over, cause)
            job = self.tuner.submit(self._order(run))
        except (Contended, Exhausted) as error:
            return self._wait(run, "quota", str(error))
        except (Refused, Foreign) as error:
            code = "REFUSED" if isinstance(error, Refused) else "ALREADY_EXISTS"
            return self._fail(run, fault_of(code, str(error), "submission"), cause)
        return self._submitted(run, job, cause)

    def _submitted(self, run: Run, job: str, cause: str) -> Outcome:
        stood = self.progress.reach(run, State.SUBMITTED, function=FUNCTION, event=cause, job=job, waiting=None)
        if stood.stop or (stood.is_settled and not stood.job):  # its end was asked for, or came, meanwhile
            self.tuner.cancel(job)
        return done("job submitted", run.id)

    def _estimate(self, run: Run) -> Estimate:
        """What it takes by the operator's figures of today: the caps are today's, too."""
        operator = self.settings.operator
        rows = run.checked.rows if run.checked else {}
        return estimate(run.tuning, rows, operator.training, operator.serving, operator.plan, operator.prices)

    def _order(self, run: Run) -> Order:
        operator = self.settings.operator
        return order_for(
            run,
            data=f"gs://{self.state.bucket}/runs/{run.id}/",
            project=self.settings.project,
            location=self.settings.location,
            machines=operator.training,
            encryption_key=operator.encryption_key,
            labels=operator.labels,
            catalogue=operator.catalogue,
        )

    def _over(self, run: Run, over: Over, cause: str) -> Outcome:
        if over.waits:
            return self._wait(run, over.cap, over.sentence)
        return self._fail(run, fault_of("OVER_BUDGET", over.sentence, "plan"), cause)

    def _wait(self, run: Run, reason: str, sentence: str) -> Outcome:
        """Keep the run in the ledger until there is room: the watcher asks again."""
        if run.waiting is None or run.waiting.reason != reason:
            waiting = Waiting(
                reason=reason, since=self.progress.clock.now(), sentence=printable(shortened(sentence, 500))
            )
            self.progress.ledger.note_waiting(run, waiting.since)  # first: whoever is cut off here does both again
            self.progress.ledger.change(
                run.id, lambda now: replace(now, waiting=waiting) if now.state is State.VALIDATED else now, seen=run
            )
        return deferred(f"no room yet ({reason}): the watcher submits it", run.id)

    def _fail(self, run: Run, fault: Fault, cause: str) -> Outcome:
        return self._end(run, State.FAILED, fault, cause, why=f"not submitted: {fault.code}")

    def _end(self, run: Run, to: State, fault: Fault, cause: str, *, why: str) -> Outcome:
        """End a run that is not submitted, unless its job exists: an earlier try was cut off before noting it."""
        if fault.code != "ALREADY_EXISTS":
            with suppress(Missing):
                return self._submitted(run, self.tuner.find(self._order(run)), cause)
        self.budget.release(run.id)
        self.progress.reach(run, to, function=FUNCTION, event=cause, fault=fault, waiting=None)
        return done(why, run.id)
