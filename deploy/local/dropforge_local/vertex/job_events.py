"""The ends of jobs as a Cloud Logging sink publishes them to a Pub/Sub topic.

The log and its payload's type are those of Vertex AI (https://cloud.google.com/logging/docs/api/platform-logs), the rest
is a `LogEntry` as every sink exports it (https://cloud.google.com/logging/docs/export/pubsub). Of the payload's fields
only the state is known, by which a sink can filter; no other is made up.
"""

import hashlib
import logging
from typing import Any

import msgspec
from google.cloud.pubsub_v1 import PublisherClient

from dropforge_local.vertex.lifecycle import FAILED
from dropforge_local.vertex.state import Resource

log = logging.getLogger(__name__)

RESOURCE_TYPE = "aiplatform.googleapis.com/PipelineJob"
LOG_ID = "aiplatform.googleapis.com%2Fpipeline_job_events"
PAYLOAD_TYPE = "type.googleapis.com/google.cloud.aiplatform.logging.PipelineJobLogEntry"
_PUBLISH_SECONDS = 5


class JobEvents:
    """Publishes to the Pub/Sub that `PUBSUB_EMULATOR_HOST` names, once: what is not taken is lost, with a warning."""

    def __init__(self, topic: str) -> None:
        """To `projects/P/topics/T`."""
        self._topic = topic
        self._client = PublisherClient()

    def tell(self, job: Resource) -> None:
        """A job has ended. Returns at once and raises nothing."""
        entry = log_entry(job)
        attributes = {"logging.googleapis.com/timestamp": entry["timestamp"]}
        published = self._client.publish(
            self._topic, msgspec.json.encode(entry), retry=None, timeout=_PUBLISH_SECONDS, **attributes
        )
        published.add_done_callback(lambda done: _warn(job["name"], done))


def log_entry(job: Resource) -> Resource:
    """What Vertex AI logs of a job that has ended."""
    _, project, _, location, _, job_id = job["name"].split("/")
    ended = job["endTime"]
    return {
        "insertId": hashlib.sha256(f"{job['name']} {ended}".encode()).hexdigest()[:16],
        "jsonPayload": {"@type": PAYLOAD_TYPE, "state": job["state"]},
        "resource": {
            "type": RESOURCE_TYPE,
            "labels": {
                "pipeline_job_id": job_id,
                "location": location,
                "resource_container": f"projects/{project}",
            },
        },
        "timestamp": ended,
        "severity": "ERROR" if job["state"] == FAILED else "INFO",
        "logName": f"projects/{project}/logs/{LOG_ID}",
        "receiveTimestamp": ended,
    }


def _warn(job: str, published: Any) -> None:  # noqa: ANN401 - Google's client has no types
    if error := published.exception():
        log.warning("the end of %s was not published: %s: %s", job, type(error).__name__, error)
