"""What every deployment has, by name: topics, who subscribes to them, and what ticks.

The laptop and the cloud are deployed from a file of their own, which says the same and more (a test compares them).
"""

from collections.abc import Mapping
from datetime import timedelta

from dropforge.domain.events import EVERY_TYPE, DatasetValidated, JobComplete

WATCH_REQUESTS, SWEEP_REQUESTS = "watch-requests", "sweep-requests"  # of the schedules
JOBS_LOG = "pipeline-job-events"  # of the service's log, through a sink
PUBLIC = tuple(dict.fromkeys(event.TOPIC for event in EVERY_TYPE))
TOPICS = (*PUBLIC, JOBS_LOG, WATCH_REQUESTS, SWEEP_REQUESTS)

VALIDATE = "validate_dataset"  # it takes no topic: objects in the drop bucket trigger it
TAKES: Mapping[str, tuple[str, ...]] = {
    "submit_tuning": (DatasetValidated.TOPIC,),
    "watch_status": (WATCH_REQUESTS, JOBS_LOG),
    "deploy_model": (JobComplete.TOPIC,),
    "notify_slack": PUBLIC,
    "sweep": (SWEEP_REQUESTS,),
}
PERIODS: Mapping[str, timedelta] = {"watch_status": timedelta(minutes=1), "sweep": timedelta(minutes=10)}

_MISSED = 3  # ticks that may be late or lost


def late_after(worker: str, patience: timedelta) -> timedelta:
    """How old the last tick that a worker has seen through may be: it is noted at its end."""
    return _MISSED * PERIODS[worker] + patience


def dead_letters(function: str) -> str:
    """The topic, and the subscription on it, that keep what could not be delivered to a function."""
    return f"dead-{function}"
