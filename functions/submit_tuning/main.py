"""Trigger: dataset-validated. Publishes tuning-submitted; job-complete where nothing can be submitted."""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.submit import submit


@functions_framework.cloud_event
def submit_tuning(event: CloudEvent) -> None:
    """Order the tuning of a validated version, once."""
    deliver(event, read=wire.domain_event, work=submit)
