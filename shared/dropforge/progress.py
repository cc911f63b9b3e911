"""The delivery rule that loses nothing: effect -> compare-and-swap the state -> publish -> acknowledge.

A worker has its effect, which is idempotent by name, then asks for the transition here. The history says which event
made each step: when that event is delivered again, it may be because the step was never told, so it is told again,
under the same event id, however far the run has come. Redelivery is the outbox. The active marker goes last.
"""

from dataclasses import dataclass

from dropforge.domain.errors import Transient, Untold
from dropforge.domain.events import Links, announcement
from dropforge.domain.runs import NEXT, Run, State, advance, as_of
from dropforge.ledger import Ledger
from dropforge.logs import log
from dropforge.ports import Clock, EventBus


@dataclass(frozen=True, slots=True)
class Progress:
    """Moves runs on and tells of it."""

    ledger: Ledger
    bus: EventBus
    clock: Clock
    links: Links

    def record(self, run: Run) -> Run:
        """Store a new run and tell of it; a record that is there already stands."""
        stored = self.ledger.record(run)
        self.tell(stored)
        return stored

    def reach(self, run_id: str, to: State, *, function: str, event: str, **facts: object) -> Run:
        """Make a transition and tell of it. When another made it first, or the run took another way, that stands.

        Args:
            run_id: Which run.
            to: The state to reach.
            function: Who makes it, for the history.
            event: Id of the event that caused it, for the history.
            facts: Fields of the run that become known with it.
        """

        def decide(run: Run) -> Run:
            if to not in NEXT[run.state]:
                return run
            return advance(run, to, at=self.clock.now(), function=function, event=event, **facts)

        run = self.ledger.change(run_id, decide)
        if self.tell_steps(run, made_by=event):
            log.info("run.reached", run=run.id, state=to.value)
        return run

    def tell_steps(self, run: Run, *, made_by: str) -> bool:
        """Tell of every step that an event made; says whether there was one.

        Called whenever an event comes, too: on its first delivery there is none, on a later one the step may be untold.
        """
        made = [step for step in run.history if step.event == made_by]
        for step in made:
            self.tell(as_of(run, step) if step != run.history[-1] else run)
        return bool(made)

    def tell(self, run: Run) -> None:
        """Publish a run's state and, when nothing more is owed for it, settle it. Safe to repeat.

        Raises:
            Untold: It could not be published, or not be settled.
        """
        try:
            if run.is_settled and not self.ledger.is_active(run.id):
                return  # published before the marker went
            if event := announcement(run, self.links):
                self.bus.publish(event)
            if run.is_settled:
                self.ledger.settle(run.id)
        except Transient as error:
            raise Untold(f"run {run.id} is {run.state}, which could not be told: {error}") from error
