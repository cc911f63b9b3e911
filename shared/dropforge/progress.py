"""The delivery rule that loses nothing: effect -> compare-and-swap the state -> publish -> acknowledge.

A worker has its effect, which is idempotent by name, then asks for the transition here. The history is the outbox, and
the run's marker says how many of its steps have been told: whoever comes to the run next, be it the same event
delivered again, a watcher or a sweep, publishes the rest, in order and under the same event ids. The marker goes last.
"""

from dataclasses import dataclass

from dropforge.domain.announcements import Links, announced
from dropforge.domain.event import Event
from dropforge.domain.runs import NEXT, Run, State, advance
from dropforge.ledger import Ledger
from dropforge.logs import log
from dropforge.ports import Clock, EventBus


@dataclass(frozen=True, slots=True)
class Progress:
    """Moves runs on, and publishes each step."""

    ledger: Ledger
    bus: EventBus
    clock: Clock
    links: Links

    def record(self, run: Run) -> Run:
        """Store a new run and publish its steps; a record that exists already stands."""
        stored, is_mine = self.ledger.record(run)
        if is_mine:
            self.tell(stored, told=0, is_marked=True)
        else:
            self.catch_up(stored)
        return stored

    def reach(self, run: Run, to: State, *, function: str, event: str, **facts: object) -> Run:
        """Make a transition and publish it. If somebody else made it first, or another one, that stands.

        Args:
            run: As it was read: what was decided about it holds only as long as it has made no step since.
            to: The state to reach.
            function: Who makes it, for the history.
            event: Id of the event that caused it, for the history.
            facts: Fields of the run that become known with it.
        """
        stood: list[Run] = []

        def decide(now: Run) -> Run:
            stood[:] = [now]
            if now.history != run.history or to not in NEXT[now.state]:
                return now
            return advance(now, to, at=self.clock.now(), function=function, event=event, **facts)

        stands = self.ledger.change(run.id, decide, seen=run)
        if stands is stood[0]:
            self.catch_up(stands)
        else:
            self.tell(stands, told=len(stands.history) - 1)
            log.info("run.reached", run=run.id, state=to.value)
        return stands

    def reopen(self, run: Run, to: State, *, function: str, event: str, **facts: object) -> Run:
        """Take up a settled run again: publish what was not told of it, mark it active, then do as `reach` does.

        Args:
            run: As it was read.
            to: The state to reach.
            function: Who makes it, for the history.
            event: Id of the event, or request, that caused it.
            facts: Fields of the run that become known with it.
        """
        self.catch_up(run)
        self.ledger.reopen(run)
        return self.reach(run, to, function=function, event=event, reopened=len(run.history), **facts)

    def catch_up(self, run: Run) -> bool:
        """Publish the steps that have not been told, by the run's marker; says whether there were any."""
        return self.tell(run, told=self.ledger.told(run))

    def tell(self, run: Run, *, told: int, is_marked: bool = False) -> bool:
        """Publish the steps of a run's history from index `told` on; says whether there were any.

        Then they are ticked off in the marker, or it is removed where nothing more is owed. Safe to repeat.

        Args:
            run: As it stands.
            told: How many steps have been told.
            is_marked: Whether its marker was written anew after its record. It is then kept: whoever has heard of the
                run since may have noted there that it waits.
        """
        told = max(told, run.reopened)  # what came before is told, and no longer stands in the record as it was then
        untold = run.history[told:]
        for event in announced(run, self.links, told=told):
            self.bus.publish(event)
        if untold and run.is_settled:
            self.ledger.settle(run)
        elif untold:
            self.ledger.note_told(run, first=told == run.reopened and not is_marked)
        return bool(untold)

    def mention(self, notice: Event) -> bool:
        """Publish a notice, which no run's history holds, once; says whether it was news."""
        if self.ledger.is_said(notice.id):
            return False
        self.bus.publish(notice)
        self.ledger.note_said(notice.id)
        return True
