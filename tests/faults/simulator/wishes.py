"""What people ask for by hand: each a command, as the command line gives it, that somebody repeats as long as it fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.simulator.nature import Kind

from dropforge import bootstrap
from dropforge.actions.approve import approve
from dropforge.actions.cancel import cancel
from dropforge.actions.rerun import rerun
from dropforge.actions.retire import leave, retire
from dropforge.actions.rollback import rollback
from dropforge.bootstrap import Ports
from dropforge.domain.errors import Missing, NotAllowed, Unavailable
from dropforge.domain.facts import Request
from dropforge.domain.runs import Run
from dropforge.domain.spaces import Alias
from dropforge.outcome import What

PERSON = "person"  # where a function's name would stand
_LOOKS_EVERY = 10  # seconds, while a space is retired


class Granted(NamedTuple):
    """A command that came to its end without an error.

    Attributes:
        request: As it was asked.
        time: When it was over, in seconds.
        came: The run, or the alias, that it gave; None where it gives neither.
    """

    request: Request
    time: float
    came: Run | Alias | None


@dataclass(eq=False)
class Wish:
    """A command, and what came of every try.

    Attributes:
        kind: What is asked for.
        dataset: Of which dataset.
        run: Of which run; of a rollback, to which: empty for the one before.
        even_current: A space is to be retired even if readers use it.
        time: Tells the time.
        former: To which run's space a rollback leads as things are when it is asked for; empty for none.
        asked: When that was, in seconds.
        tried: Every try.
        granted: Those that came to their end.
        refused: Why the others were refused for good.
        ended: When the last try was over, in seconds.
    """

    kind: Kind
    dataset: str
    run: str
    even_current: bool
    time: Callable[[], float]
    former: str = ""
    asked: float = 0
    tried: list[Request] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ended: float = 0

    @property
    def may_be_repeated(self) -> bool:
        """Whether giving the command once more asks for nothing else."""
        return bool(self.run)

    def __str__(self) -> str:
        return f"{self.kind} {self.run or self.dataset}"


def grant(wish: Wish) -> None:
    """Give a command once.

    Raises:
        Transient: Somebody will repeat it.
    """
    ports = bootstrap.ports()
    request = Request(by="ann", at=ports.ledger.clock(), reason="because")
    wish.tried.append(request)
    try:
        came = _KINDS[wish.kind](wish, request, ports)
    except (NotAllowed, Missing) as refusal:
        wish.refused.append(f"{type(refusal).__name__}: {refusal}")
    else:
        wish.granted.append(Granted(request, wish.time(), came))
    finally:
        wish.ended = wish.time()


def _cancelled(wish: Wish, request: Request, ports: Ports) -> Run:
    return cancel(wish.run, request, tuner=ports.tuner, budget=ports.budget, progress=ports.progress)


def _begun_again(wish: Wish, request: Request, ports: Ports) -> Run:
    return rerun(wish.run, request, attempts=ports.attempts, progress=ports.progress)


def _approved(wish: Wish, request: Request, ports: Ports) -> Run:
    return approve(wish.run, request, host=ports.host, progress=ports.progress)


def _rolled_back(wish: Wish, request: Request, ports: Ports) -> Alias:
    return rollback(wish.dataset, wish.run, request, aliases=ports.aliases, host=ports.host, progress=ports.progress)


def _retired(wish: Wish, request: Request, ports: Ports) -> None:
    left = leave(wish.run, request, even_current=wish.even_current, aliases=ports.aliases, progress=ports.progress)
    while True:
        try:
            outcome = retire(
                left,
                aliases=ports.aliases,
                host=ports.host,
                progress=ports.progress,
                function="retire",
                cause=f"retire/{request.by}",
            )
        except Unavailable:
            ports.clock.sleep(_LOOKS_EVERY)
        else:
            break
    if outcome.what is What.IGNORED:
        raise NotAllowed(f"run {wish.run} was not retired: {outcome.why}")


_KINDS: Mapping[Kind, Callable[[Wish, Request, Ports], Run | Alias | None]] = {
    Kind.CANCEL: _cancelled,
    Kind.RERUN: _begun_again,
    Kind.APPROVE: _approved,
    Kind.ROLLBACK: _rolled_back,
    Kind.RETIRE: _retired,
}
