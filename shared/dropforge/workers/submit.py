"""Order the tuning of a validated version, once."""

from dropforge.domain.errors import Exhausted, Foreign, Refused
from dropforge.domain.events import DatasetValidated, Event
from dropforge.domain.jobs import fault_of, order_for
from dropforge.domain.runs import Run, State
from dropforge.ledger import Ledger
from dropforge.ports import ObjectStore, Tuner
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.workers.outcome import Outcome, deferred, done, ignored, repeated

FUNCTION = "submit_tuning"


def submit(
    event: Event, *, ledger: Ledger, state: ObjectStore, tuner: Tuner, progress: Progress, settings: Settings
) -> Outcome:
    """Submit the job of a run whose dataset was validated.

    The job's id is the run's: a second submission, by whomever and after whatever crash, is adopted, not paid for.
    A refusal fails the run. What the ledger says is believed, not what the event says.
    """
    if not isinstance(event, DatasetValidated):
        return ignored(f"{event.TYPE} asks for no tuning")
    run = ledger.load(event.run)
    if run is None:
        return ignored("the ledger knows no such run", event.run)
    if run.state is not State.VALIDATED:
        told = progress.catch_up(run)
        return repeated(f"the run is {run.state}" + "; told again" * told, run.id)
    return order_tuning(run, state=state, tuner=tuner, progress=progress, settings=settings, cause=event.id)


def order_tuning(
    run: Run, *, state: ObjectStore, tuner: Tuner, progress: Progress, settings: Settings, cause: str
) -> Outcome:
    """Submit the job of a validated run; where a quota is used up, the run waits in the ledger.

    Args:
        run: As the ledger has it.
        state: Where its input lies.
        tuner: Who tunes.
        progress: Tells of it.
        settings: Where and on what.
        cause: Id of the event, or tick, for the run's history.
    """
    order = order_for(
        run,
        data=f"gs://{state.bucket}/runs/{run.id}/",
        project=settings.project,
        location=settings.location,
        machines=settings.operator.training,
        encryption_key=settings.operator.encryption_key,
    )
    try:
        job = tuner.submit(order)
    except Exhausted:
        progress.ledger.note_waiting(run)
        return deferred("a quota is used up: the watcher submits it when there is room", run.id)
    except (Refused, Foreign) as error:
        fault = fault_of("REFUSED" if isinstance(error, Refused) else "ALREADY_EXISTS", str(error), "submission")
        progress.reach(run, State.FAILED, function=FUNCTION, event=cause, fault=fault)
        return done("the service refused the job", run.id)
    progress.reach(run, State.SUBMITTED, function=FUNCTION, event=cause, job=job)
    return done("job submitted", run.id)
