"""Order the tuning of a validated version, once."""

from dropforge.domain.event import Event
from dropforge.domain.events import DatasetValidated
from dropforge.domain.runs import State
from dropforge.orders import Orders
from dropforge.outcome import Outcome, ignored, repeated
from dropforge.progress import Progress


def submit(event: Event, *, orders: Orders, progress: Progress) -> Outcome:
    """Submit the job of a run whose dataset was validated. What the ledger says is believed, not what the event says."""
    if not isinstance(event, DatasetValidated):
        return ignored(f"{event.TYPE} asks for no tuning")
    run = progress.ledger.load(event.run)
    if run is None:
        return ignored("the ledger knows no such run", event.run)
    if run.state is not State.VALIDATED:
        told = progress.catch_up(run)
        return repeated(f"the run is {run.state}" + "; told again" * told, run.id)
    return orders.place(run, cause=event.id, is_new=True)
