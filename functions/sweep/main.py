"""Trigger: sweep-requests, every ten minutes. Publishes whatever was missed."""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.sweep import sweep as find_missed


@functions_framework.cloud_event
def sweep(event: CloudEvent) -> None:
    """Find what events missed, and do it."""
    deliver(event, read=wire.tick, work=find_missed)
