"""Tell people what happened."""

from collections.abc import Callable
from datetime import timedelta

from dropforge.claims import Claimed, Claims
from dropforge.domain.errors import Permanent, Transient, Unavailable
from dropforge.domain.event import Event
from dropforge.domain.messages import message_of
from dropforge.outcome import Outcome, done, ignored, repeated
from dropforge.ports import Notifier, Webhook
from dropforge.settings import Settings

LEASE = timedelta(minutes=2)  # longer than a post can take, pauses included


def notify(event: Event, *, claims: Claims, notifier: Notifier, webhook: Webhook | None, settings: Settings) -> Outcome:
    """Post an event's message, once; and send the event, once, to the operator's webhook where there is one.

    Neither receiver has to heed an idempotency key, so a claim guards each. A post is repeated only where its answer
    was lost, or where a crash came between it and its mark. If one fails, the other is not repeated.
    """
    message = message_of(event)
    if message is None:
        return ignored(f"{event.TYPE} is not told to people")
    if not settings.operator.notifications.wants(message.kind):
        return ignored(f"the operator wants nobody told of {message.kind}")
    tell: dict[str, Callable[[], None]] = {f"told/{event.id}": lambda: notifier.tell(message)}
    if webhook is not None:
        tell[f"sent/{event.id}"] = lambda: webhook.send(event, message.headline)
    told, failures = 0, list[Transient | Permanent]()
    for name, post in tell.items():
        try:
            told += _once(claims, name, post)
        except (Transient, Permanent) as error:
            failures.append(error)
    if failures:  # first what may work later: only once that is done is the event set aside for the other
        raise min(failures, key=lambda error: isinstance(error, Permanent))
    return done("told") if told else repeated("told before")


def _once(claims: Claims, name: str, post: Callable[[], None]) -> bool:
    """Post under a claim; False where that was done before."""
    claimed = claims.take(name, lasting=LEASE)
    if claimed is Claimed.DONE:
        return False
    if claimed is Claimed.BUSY:
        raise Unavailable(f"another delivery is about {name} just now")
    try:
        post()
    except (Transient, Permanent):
        claims.release(name)  # refused, or nobody knows: better told twice than never
        raise
    claims.finish(name)
    return True
