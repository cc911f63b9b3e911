"""Ask the gate about a tuned model and start its deployment. The watcher finishes it."""

from dropforge.domain.errors import Refused
from dropforge.domain.events import Event, JobComplete
from dropforge.domain.gate import judge, passes
from dropforge.domain.jobs import fault_of, labels_of
from dropforge.domain.runs import SERVED, Judgement, Run, Serving, State
from dropforge.domain.spaces import deployed_model_id_of
from dropforge.ledger import Ledger
from dropforge.ports import ModelHost
from dropforge.progress import Progress
from dropforge.workers.outcome import Outcome, done, ignored, repeated

FUNCTION = "deploy_model"


def deploy(event: Event, *, ledger: Ledger, host: ModelHost, progress: Progress) -> Outcome:
    """Decide about the model of a run whose job succeeded.

    Each space gets an endpoint of its own, named after the run: asking for it twice makes one.
    """
    if not isinstance(event, JobComplete) or event.outcome != "succeeded":
        return ignored("there is no model to deploy")
    run = ledger.load(event.run)
    if run is None:
        return ignored("the ledger knows no such run", event.run)
    if run.state is not State.SUCCEEDED:
        told = progress.catch_up(run)
        return repeated(f"the run is {run.state}" + "; told again" * told, run.id)
    return decide(run, host=host, progress=progress, cause=event.id)


def decide(run: Run, *, host: ModelHost, progress: Progress, cause: str) -> Outcome:
    """Ask the gate about the model of a run that succeeded, and start its deployment or withhold it.

    Args:
        run: As the ledger has it.
        host: Who would serve it.
        progress: Tells of it.
        cause: Id of the event, or tick, for the run's history.
    """
    judgement = _judged(run)
    if not passes(judgement, run.tuning.deploy):
        progress.reach(run, State.WITHHELD, function=FUNCTION, event=cause, judgement=judgement)
        return done(f"withheld: {judgement.verdict}", run.id)
    try:
        operation = host.create_endpoint(run.id, labels_of(run))
    except Refused as error:
        fault = fault_of("REFUSED", str(error), "endpoint")
        progress.reach(run, State.DEPLOY_FAILED, function=FUNCTION, event=cause, judgement=judgement, fault=fault)
        return done("the service refused the endpoint", run.id)
    serving = Serving(endpoint=host.endpoint(run.id), deployed_model=deployed_model_id_of(run.id), operation=operation)
    stood = progress.reach(run, State.DEPLOYING, function=FUNCTION, event=cause, judgement=judgement, serving=serving)
    if stood.state not in SERVED:  # the run ended while this was held up: nobody wants the endpoint
        host.discard(serving.endpoint, serving.deployed_model)
    return done("deployment started", run.id)


def _judged(run: Run) -> Judgement:
    counts = run.checked.counts if run.checked else {}
    return judge(
        run.tuned.metrics if run.tuned else {},
        too_few="test-too-few-queries" in counts,
        trained_on="test-queries-trained-on" in counts,
    )
