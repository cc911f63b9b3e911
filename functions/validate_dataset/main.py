"""Trigger: an object was finalized in the drop bucket. Publishes dataset-validated, dataset-rejected, notices."""

import functions_framework
from cloudevents.http import CloudEvent

from dropforge import wire
from dropforge.delivery import deliver
from dropforge.workers.validate import validate


@functions_framework.cloud_event
def validate_dataset(event: CloudEvent) -> None:
    """Check a dataset folder once its last file has landed."""
    deliver(event, read=wire.object_finalized, work=validate)
