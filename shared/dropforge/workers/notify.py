"""Tell people what happened."""

from datetime import timedelta

from dropforge.claims import Claimed, Claims
from dropforge.domain.errors import Permanent, Transient, Unavailable
from dropforge.domain.events import Event
from dropforge.domain.messages import message_of
from dropforge.ports import Notifier
from dropforge.workers.outcome import Outcome, done, ignored, repeated

LEASE = timedelta(minutes=2)  # longer than a post can take, pauses included


def notify(event: Event, *, claims: Claims, notifier: Notifier) -> Outcome:
    """Post an event's message, once.

    Slack knows no idempotency key, so a claim stands before the post: only a crash between the post and its note can
    repeat it, and only once the claim has run out.
    """
    message = message_of(event)
    if message is None:
        return ignored(f"{event.TYPE} is not told to people")
    name = f"told/{event.id}"
    claimed = claims.take(name, lasting=LEASE)
    if claimed is Claimed.DONE:
        return repeated("told before")
    if claimed is Claimed.BUSY:
        raise Unavailable(f"another delivery is telling of {event.id} just now")
    try:
        notifier.tell(message)
    except (Transient, Permanent):
        claims.release(name)  # nothing was accepted: the next try need not wait
        raise
    claims.finish(name)
    return done("told")
