"""Decide whether a tuned model is worth an endpoint, and start its deployment. The watcher finishes it."""

from dropforge.domain import gate
from dropforge.domain.errors import Misconfigured, Refused
from dropforge.domain.event import Event
from dropforge.domain.events import JobComplete
from dropforge.domain.facts import Serving
from dropforge.domain.jobs import ended_by, fault_of, resource_labels_of
from dropforge.domain.machines import problems_of_serving
from dropforge.domain.runs import SERVED, Run, State
from dropforge.domain.spaces import deployed_model_id_of, endpoint_since
from dropforge.outcome import Outcome, done, ignored, repeated
from dropforge.ports import ModelHost
from dropforge.progress import Progress
from dropforge.settings import Settings
from dropforge.workers.averages import averages_of, can_tell

FUNCTION = "deploy_model"


def deploy(event: Event, *, host: ModelHost, progress: Progress, settings: Settings) -> Outcome:
    """Decide about the model of a run whose job succeeded.

    Each space gets an endpoint of its own, named after the run: asking for it twice makes one.
    """
    if not isinstance(event, JobComplete) or event.outcome != "succeeded":
        return ignored("there is no model to deploy")
    run = progress.ledger.load(event.run)
    if run is None:
        return ignored("the ledger knows no such run", event.run)
    if run.state is not State.SUCCEEDED:
        told = progress.catch_up(run)
        return repeated(f"the run is {run.state}" + "; told again" * told, run.id)
    return decide(run, host=host, progress=progress, settings=settings, cause=event.id)


def decide(run: Run, *, host: ModelHost, progress: Progress, settings: Settings, cause: str) -> Outcome:
    """Start the deployment of a model whose run succeeded, or withhold it where that is certain already.

    An endpoint bills: a model that cannot pass is not loaded to be measured. The gate is asked after the measurement.

    Args:
        run: As the ledger has it.
        host: Who would serve it.
        progress: Moves the run on, and publishes each step.
        settings: The operator's wishes.
        cause: Id of the event, or tick, for the run's history.

    Raises:
        Misconfigured: The service would refuse the operator's machines.
    """
    averages = averages_of(run, settings)
    if run.stop:
        fault = ended_by(run.stop)
        progress.reach(run, State.WITHHELD, function=FUNCTION, event=cause, judgement=averages, fault=fault)
        return done("withheld: somebody asked for the run's end", run.id)
    if not gate.may_pass(averages, run.tuning.deploy, measurable=can_tell(run, settings)):
        progress.reach(run, State.WITHHELD, function=FUNCTION, event=cause, judgement=averages)
        return done(f"withheld: {run.tuning.deploy}, and {averages.verdict}", run.id)
    operator = settings.operator
    if problems := problems_of_serving(operator.catalogue, settings.location, operator.serving):
        raise Misconfigured("; ".join(problems))
    try:
        operation = host.create_endpoint(run.id, resource_labels_of(run, operator.labels))
    except Refused as error:
        fault = fault_of("REFUSED", str(error), "endpoint")
        progress.reach(run, State.DEPLOY_FAILED, function=FUNCTION, event=cause, judgement=averages, fault=fault)
        return done("the service refused the endpoint", run.id)
    serving = Serving(endpoint=host.endpoint(run.id), deployed_model=deployed_model_id_of(run.id), operation=operation)
    stood = progress.reach(run, State.DEPLOYING, function=FUNCTION, event=cause, judgement=averages, serving=serving)
    if stood.state not in SERVED:  # the run ended while this was held up: nobody wants the endpoint
        host.discard(serving.endpoint, serving.deployed_model, made_since=endpoint_since(run))
    return done("deployment started", run.id)
