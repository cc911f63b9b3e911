"""Acknowledge, retry, set aside: decided here, and nowhere else.

What a worker does, and what becomes of the event:

the worker returns      acknowledged
Transient               raised: the service delivers again, with backoff
Permanent, Unreadable   set aside with the reason, and acknowledged: trying again changes nothing
anything else           a bug: raised, so that the event waits for the fixed version

An event that keeps failing until it is too old is set aside, too: if Pub/Sub gave it up, no reason would be kept.
A tick that comes late is ignored: later ones have come.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from cloudevents.http import CloudEvent
from structlog.contextvars import bound_contextvars

from dropforge import bootstrap, wire
from dropforge.deadletters import SetAside
from dropforge.domain.errors import Permanent, Transient, Unreadable
from dropforge.logs import Name, log
from dropforge.outcome import Outcome, ignored
from dropforge.ports import Clock
from dropforge.wire import Tick

Incoming = TypeVar("Incoming")


def deliver(event: CloudEvent, *, read: Callable[[CloudEvent], Incoming], work: Callable[..., Outcome]) -> None:
    """Hand an event to a worker.

    Args:
        event: As the functions framework gives it.
        read: Turns it into what the worker takes.
        work: The worker: takes the event and, as keywords, the ports that it names.

    Raises:
        Transient: The event is to be delivered again.
    """
    with bound_contextvars(event_id=event["id"], worker=work.__name__):
        made = bootstrap.ports()
        age = _age(event, made.clock)
        function = made.settings.function or work.__name__
        try:
            incoming = read(event)
            if isinstance(incoming, Tick) and age > made.settings.patience:
                outcome = ignored("late: later ticks have come")
            else:
                outcome = bootstrap.perform(work, incoming)
        except Permanent as error:
            name: Name = "event.unreadable" if isinstance(error, Unreadable) else "event.given_up"
            log.error(name, error=type(error).__name__, reason=str(error))
            SetAside(made.state).keep(event, function, error)
        except Exception as error:
            if age > made.settings.gives_up_after:
                log.exception("event.given_up", reason="too old to be tried again")
                SetAside(made.state).keep(event, function, error)
                return
            if isinstance(error, Transient):
                log.warning("event.retried", error=type(error).__name__, reason=str(error))
            raise
        else:
            log.info("event.handled", outcome=outcome.what.value, why=outcome.why, run=outcome.run)


def _age(event: CloudEvent, clock: Clock) -> timedelta:
    """How long ago the event came about; zero where it does not say."""
    at = wire.time_of(event)
    return clock.now() - at if at else timedelta()
