"""What people may ask for in the console, where the operator lets them: a page that says what will happen, then the wish.

A wish comes only from a page of the console's own: browsers say where a request comes from, and one that does not say
so, or says anything else, is refused. No cookie or token could tell more: it is the proxy in front of the console that
knows people.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import Forbidden, LengthRequired, NotFound, RequestEntityTooLarge

from dropforge import bootstrap
from dropforge.actions.approve import approve
from dropforge.actions.cancel import cancel
from dropforge.actions.rerun import rerun
from dropforge.actions.retire import leave
from dropforge.actions.rollback import rollback
from dropforge.bootstrap import Ports
from dropforge.console.rendering import Page, rendered
from dropforge.domain.datasets import NAME
from dropforge.domain.errors import Missing, NotAllowed, NotPermitted
from dropforge.domain.facts import LONGEST_REASON
from dropforge.domain.facts import Request as Wish
from dropforge.domain.runs import NEXT, Run, State
from dropforge.domain.spaces import Alias

_SOMEBODY = "somebody in the console"  # where no proxy in front of the console says who it is
_LARGEST_FORM = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class Action:
    """What can be asked for of a run.

    Attributes:
        name: As in its address.
        label: On its button.
        does: What will happen, in a sentence.
        command: What does the same on a terminal, with `{run}` and `{dataset}`.
        perform: Does it, and gives the run to show then.
        is_grave: Whether it stops something, or costs readers their model.
    """

    name: str
    label: str
    does: str
    command: str
    perform: Callable[[Ports, Run, Wish], Run]
    is_grave: bool = False


def _cancel(ports: Ports, run: Run, wish: Wish) -> Run:
    return cancel(run.id, wish, tuner=ports.tuner, budget=ports.budget, progress=ports.progress)


def _rerun(ports: Ports, run: Run, wish: Wish) -> Run:
    return rerun(run.id, wish, attempts=ports.attempts, progress=ports.progress)


def _approve(ports: Ports, run: Run, wish: Wish) -> Run:
    return approve(run.id, wish, host=ports.host, progress=ports.progress)


def _retire(ports: Ports, run: Run, wish: Wish) -> Run:
    leave(run.id, wish, even_current=False, aliases=ports.aliases, progress=ports.progress)
    return run


def _rollback(ports: Ports, run: Run, wish: Wish) -> Run:
    rollback(run.dataset, run.id, wish, aliases=ports.aliases, host=ports.host, progress=ports.progress)
    return run


ACTIONS = {
    action.name: action
    for action in (
        Action("cancel", "Cancel", "It stops wherever it stands, and costs nothing more.", "cancel {run}", _cancel, is_grave=True),
        Action("rerun", "Run again", "Its version is tuned once more, as a new attempt. That costs what a tuning costs.", "rerun {run} --reason WHY", _rerun),
        Action("approve", "Approve", "Its model is deployed, and readers are pointed to it. The gate is not asked.", "approve {run} --reason WHY", _approve),
        Action("rollback", "Point readers here", "Readers of the dataset are pointed to its space, and everybody is told.", "rollback {dataset} --to {run}", _rollback),
        Action("retire", "Retire", "The next sweeps take its model off the endpoint, which then bills no more. The model is kept.", "retire {run}", _retire, is_grave=True),
    )
}  # fmt: skip


def offered(run: Run, alias: Alias | None) -> Iterator[Action]:
    """What can be asked for of a run as it stands. Whether it is granted is decided when it is asked for."""
    is_current = alias is not None and alias.run == run.id
    is_opened = run.serving is not None and run.serving.decision == "open"
    if not run.is_settled and not run.stop and not is_opened:
        yield ACTIONS["cancel"]
    if run.is_settled and run.state is not State.REJECTED:
        yield ACTIONS["rerun"]
    if run.is_settled and run.tuned and State.DEPLOYING in NEXT[run.state]:
        yield ACTIONS["approve"]
    if run.state is State.DEPLOYED and not is_current:
        yield ACTIONS["rollback"]
        yield ACTIONS["retire"]


def page(request: Request, run_id: str, name: str) -> Page | Response:
    """`/runs/RUN/ACTION`: what will happen; posted, the wish itself.

    Raises:
        NotAllowed: It cannot be asked of the run as it stands.
    """
    ports = bootstrap.ports()
    action, run = ACTIONS.get(name), ports.ledger.load(run_id)
    if not ports.settings.operator.console_actions or action is None or run is None or not NAME.fullmatch(run.dataset):
        raise NotFound
    if request.method == "POST":
        _refuse_strangers(request)
        wish = Wish.of(_who(request, ports), ports.ledger.clock(), request.form.get("reason", ""))
        try:
            shown = action.perform(ports, run, wish)
        except Missing as error:
            raise NotAllowed(str(error)) from error
        return Response(status=303, headers={"Location": f"/runs/{quote(shown.id)}"})
    alias = ports.aliases.of(run.dataset)
    if action not in offered(run, alias):
        raise NotAllowed(f"That cannot be asked of run {run.id} in its present state. Its page says what can be.")
    return rendered("action.html", action=action, run=run, most=LONGEST_REASON)


def _refuse_strangers(request: Request) -> None:
    """Refuse what another site's page has the browser send. Browsers say so only to https and to this machine.

    A request to a name that another site points at this machine lacks the browser's header, and is refused, too:
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site.
    """
    if request.headers.get("Sec-Fetch-Site") != "same-origin":
        raise Forbidden("This request did not come from a page of the console: open the console, and ask there.")
    if request.content_length is None:
        raise LengthRequired
    if request.content_length > _LARGEST_FORM:
        raise RequestEntityTooLarge


def _who(request: Request, ports: Ports) -> str:
    if ports.doorkeeper is None:
        return _SOMEBODY
    try:
        return ports.doorkeeper.who({name.lower(): value for name, value in request.headers})
    except NotPermitted as error:
        raise Forbidden(str(error)) from error
