"""Follow what takes long: pipeline jobs and deployments. Nobody waits for them; every tick takes a look.

Its work grows with what is in flight and has changed: the runs' markers and the jobs that have not ended are one
listing each, and only a run whose job has ended, or is in another state than was last told, is looked at by itself.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from dropforge.aliases import Aliases
from dropforge.attempts import Attempts
from dropforge.domain.errors import Missing, NotAllowed, Unreadable
from dropforge.domain.facts import Fault
from dropforge.domain.jobs import ENDED, RUN_STATE, JobState, Look, ended_by, fault_of
from dropforge.domain.runs import WITH_JOB, Run, State
from dropforge.logs import isolated
from dropforge.markers import Owed
from dropforge.orders import Orders
from dropforge.outcome import Outcome, What, done, ignored
from dropforge.ports import ModelHost, ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.wire import JobEnded, Tick
from dropforge.workers.rollout import Rollout
from dropforge.workers.turns import Turns

FUNCTION = "watch_status"
_LAGS = timedelta(minutes=3)  # longer than an event takes to arrive, as a rule
_WITHOUT_JOB = frozenset({None, State.VALIDATED})


def watch(
    event: Tick | JobEnded,
    *,
    aliases: Aliases,
    attempts: Attempts,
    state: ObjectStore,
    tuner: Tuner,
    host: ModelHost,
    orders: Orders,
    progress: Progress,
    settings: Settings,
) -> Outcome:
    """Take one look at every run that is in flight; or at one, when the service's log says that its job has ended.

    What goes wrong with one run does not touch the next.
    """
    until = progress.clock.now() + settings.working_time
    rollout = Rollout(aliases, state, host, progress, settings, event.id, until)
    watcher = Watcher(tuner, orders, attempts, rollout, progress, settings, event.id)
    if isinstance(event, JobEnded):
        return watcher.hear(event)
    ledger = progress.ledger
    active = list(ledger.active())
    changed = watcher.changed(active)
    looked = moved = 0
    for owed in Turns(FUNCTION, event.id, until, ledger, progress.clock).of(changed, lambda owed: owed.run):
        looked += 1
        with isolated(run=owed.run):
            moved += watcher.look(owed)
    waiting = [owed for owed in active if owed.waits and not owed.stops]
    submitted, is_queued = watcher.submit(waiting, until)
    with isolated(tick=FUNCTION):  # what was done is done, whether it is noted or not
        ledger.note_tick(FUNCTION, event.id, is_queued=is_queued)
    return done(
        f"{len(active)} in flight, looked at {looked}, moved {moved}; {len(waiting)} waiting, submitted {submitted}"
    )


@dataclass(frozen=True, slots=True)
class Watcher:
    """Takes the next step of a run, whichever it is: it goes by the present state, so any number may look."""

    tuner: Tuner
    orders: Orders
    attempts: Attempts
    rollout: Rollout
    progress: Progress
    settings: Settings
    cause: str

    def submit(self, waiting: list[Owed], until: datetime) -> tuple[int, bool]:
        """Submit the runs that wait for room, the oldest first, until there is no room left.

        Returns:
            How many were submitted, and whether others still wait for room.
        """
        submitted = 0
        for owed in sorted(waiting, key=lambda owed: owed.begun):
            if self.progress.clock.now() >= until:
                return submitted, True
            with isolated(run=owed.run):
                run = self.progress.ledger.load(owed.run)
                if run is None:
                    continue
                if run.state is not State.VALIDATED:  # it waits no more, and whoever moved it on was cut off
                    self.progress.tell(run, told=owed.told)
                    continue
                outcome = self.orders.place(run, cause=self.cause)
                if outcome.what is not What.DEFERRED:
                    submitted += 1
                elif run.not_before is None:
                    return submitted, True
        return submitted, False

    def hear(self, ended: JobEnded) -> Outcome:
        """Look at the run whose job is said to have ended. What the message says is not believed."""
        run = self.progress.ledger.load(ended.job)
        if run is None or run.state not in WITH_JOB:
            return ignored("no run of ours waits for it", ended.job)
        self.progress.catch_up(run)
        moved = self._job(run)
        return done("its job has ended" if moved else "its job has not ended yet", run.id)

    def changed(self, active: list[Owed]) -> list[Owed]:
        """The runs that may have a next step: a deployment, an end that was asked for, or news of a job."""
        at_once = [owed for owed in active if _is_at_once(owed)]
        others = [owed for owed in active if not (_is_at_once(owed) or owed.waits)]
        if others:
            late = self.progress.clock.now() - _LAGS
            with isolated(listing="jobs"):  # deployments bill by the hour: they are followed all the same
                unfinished = self.tuner.unfinished()
                return at_once + [owed for owed in others if _is_news(owed, unfinished.get(owed.run), late)]
        return at_once

    def look(self, owed: Owed) -> bool:
        """Take a run's next step, if there is one; says whether there was."""
        run = self.progress.ledger.load(owed.run)
        if run is None:
            if owed.state is None:  # it is being checked, or that was cut off, which the sweep finds
                return False
            raise Unreadable(f"run {owed.run} has a marker that tells of its job, but no record")
        self.progress.tell(run, told=owed.told)  # a step that was made, and cut off before it was told
        if run.state in WITH_JOB:
            return self._job(run)
        if run.state is State.DEPLOYING:
            return self.rollout.step(run)
        if run.state is State.VALIDATED and run.stop:  # whoever asked for its end was cut off
            return self.orders.place(run, cause=self.cause).what is What.DONE
        return False

    def _job(self, run: Run) -> bool:
        try:
            look = self.tuner.look(run.job)
        except Missing as error:
            look = Look(state=JobState.FAILED, fault=fault_of("NOT_FOUND", f"the job is gone: {error}"))
        if run.stop and look.state not in ENDED:
            self.tuner.cancel(run.job)  # asked again at every look: it bills until it has stopped
        reached = RUN_STATE.get(look.state)
        if reached is None or reached is run.state:
            return False
        facts: dict[str, object] = {}
        if look.tuned:
            facts["tuned"] = look.tuned
        if fault := self._fault(run, look):
            facts["fault"] = fault
        self.progress.reach(run, reached, function=FUNCTION, event=self.cause, **facts)
        return True

    def _fault(self, run: Run, look: Look) -> Fault | None:
        """Why the job ended badly. Where a quota was met inside the pipeline, another attempt is begun first."""
        if look.state is JobState.CANCELLED:
            return ended_by(run.stop) if run.stop else fault_of("CANCELLED", "cancelled in the service")
        fault = look.fault
        if fault and fault.kind == "quota" and run.attempt < self.settings.operator.attempts and not run.stop:
            wait = self.settings.operator.pause_after(run.attempt)
            with suppress(NotAllowed):  # its input is there no more: this was the last attempt
                self.attempts.begin(
                    run,
                    reason=f"attempt {run.attempt} met a quota in {fault.step or 'the pipeline'}",
                    function=FUNCTION,
                    cause=self.cause,
                    not_before=self.progress.clock.now() + wait,
                )
        return fault


def _is_at_once(owed: Owed) -> bool:
    """Whether a run is looked at whatever becomes of its job."""
    return owed.state is State.DEPLOYING or owed.stops


def _is_news(owed: Owed, job: JobState | None, late: datetime) -> bool:
    """Whether a run should be looked at.

    Args:
        owed: What its marker says, which may lag behind: a job is news, too, where the marker tells of none, and a run
            that is said to be past its job may have been taken up again by somebody who was cut off.
        job: The state of its job; None where it has ended, or there is none.
        late: A run without a job whose marker was last written before this should have come further: somebody who was
            held up may have set the marker back, or made it anew, and the run have ended since.
    """
    if owed.state in WITH_JOB:
        return job is not JobState.WAITING and (job is None or RUN_STATE[job] is not owed.state)
    return job is not None or owed.state not in _WITHOUT_JOB or owed.touched < late
