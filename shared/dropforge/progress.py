"""The delivery rule that loses nothing: effect -> compare-and-swap the state -> publish -> acknowledge.

A worker has its effect, which is idempotent by name, then asks for the transition here. Whoever finds the state
reached but not passed publishes again, under the same event id; whoever finds it passed says nothing. Redelivery is
the outbox. The active marker goes last.
"""

from dataclasses import dataclass

from dropforge.domain.events import Links, announcement
from dropforge.domain.runs import NEXT, Run, State, advance
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
        """Store a new run and tell of it; a record that is there already stands, and is told of again."""
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
        if run.state is to:
            log.info("run.reached", run=run.id, state=run.state.value)
            self.tell(run)
        return run

    def tell(self, run: Run) -> None:
        """Publish the run's present state and, when nothing more is owed for it, settle it. Safe to repeat."""
        if run.is_settled and not self.ledger.is_active(run.id):
            return  # published before the marker went
        if event := announcement(run, self.links):
            self.bus.publish(event)
        if run.is_settled:
            self.ledger.settle(run.id)
