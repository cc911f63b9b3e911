"""Trigger: job-complete. Starts deployments; publishes notices."""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.deploy import deploy


@functions_framework.cloud_event
def deploy_model(event: CloudEvent) -> None:
    """Ask the gate about a tuned model and start its deployment."""
    deliver(event, read=wire.domain_event, work=deploy)
