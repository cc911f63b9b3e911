"""Trigger: every public topic. Publishes nothing."""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.notify import notify


@functions_framework.cloud_event
def notify_slack(event: CloudEvent) -> None:
    """Tell people what happened."""
    deliver(event, read=wire.domain_event, work=notify)
