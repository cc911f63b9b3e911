"""Triggers: watch-requests, every minute; pipeline-job-events, when a job ends.

Publishes tuning-submitted, job-complete, model-deployed, dataset-validated (another attempt), notices.
"""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.watch import watch


@functions_framework.cloud_event
def watch_status(event: CloudEvent) -> None:
    """Look at every job and deployment that is in flight."""
    deliver(event, read=wire.watch_request, work=watch)
