"""Acknowledge, retry, drop: decided here, and nowhere else.

What a worker does, and what becomes of the event:

the worker returns      acknowledged
Transient               raised: the service delivers again, with backoff, and dead-letters after its limit
Permanent, Unreadable   set aside in the state bucket, once, and acknowledged: trying again changes nothing
anything else           a bug: raised, so that the event waits for the mended version
"""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from cloudevents.http import CloudEvent
from structlog.contextvars import bound_contextvars

from dropforge import bootstrap, wire
from dropforge.domain.errors import Conflict, Permanent, Transient, Unreadable
from dropforge.logs import Name, log
from dropforge.ports import NEW, ObjectStore
from dropforge.workers.outcome import Outcome

Incoming = TypeVar("Incoming")
ASIDE = "aside/"


def deliver(event: CloudEvent, *, read: Callable[[CloudEvent], Incoming], work: Callable[..., Outcome]) -> None:
    """Hand an event to a worker.

    Args:
        event: As the functions framework gives it.
        read: Makes of it what the worker takes.
        work: The worker: takes the event and, as keywords, the ports that it names.

    Raises:
        Transient: To be delivered again.
    """
    with bound_contextvars(event_id=event["id"], worker=work.__name__):
        made = bootstrap.ports()
        try:
            outcome = bootstrap.perform(work, read(event))
        except Transient as error:
            log.warning("event.retried", error=type(error).__name__, reason=str(error))
            raise
        except Permanent as error:
            name: Name = "event.unreadable" if isinstance(error, Unreadable) else "event.given_up"
            log.error(name, error=type(error).__name__, reason=str(error))
            _set_aside(event, work.__name__, error, made.state)
        else:
            log.info("event.handled", outcome=outcome.what.value, why=outcome.why, run=outcome.run)


def _set_aside(event: CloudEvent, worker: str, error: Permanent, state: ObjectStore) -> None:
    """Keep what nobody could handle: `aside/WORKER/EVENT.json`, once however often it is delivered."""
    kept = {
        "worker": worker,
        "id": event["id"],
        "type": event["type"],
        "source": event["source"],
        "time": event.get("time"),
        "error": type(error).__name__,
        "reason": str(error),
        "data": wire.as_json(event.data),
    }
    try:
        state.write(f"{ASIDE}{worker}/{quote(str(event['id']), safe='')}.json", wire.encode(kept), replacing=NEW)
    except Conflict:
        return
