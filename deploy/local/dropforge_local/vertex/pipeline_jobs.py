"""Pipeline jobs: submitted within quotas, found, cancelled, deleted. `tuners` runs them."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dropforge_local.faults.instructions import Instruction
from dropforge_local.faults.state import Faults
from dropforge_local.vertex import lifecycle
from dropforge_local.vertex.deadlines import Deadlines
from dropforge_local.vertex.errors import ApiError, Status, invalid, not_found, not_now
from dropforge_local.vertex.happenings import CANCELLATION
from dropforge_local.vertex.operations import EMPTY, Operations, new_id
from dropforge_local.vertex.state import Members, Resource, State, timestamp
from dropforge_local.vertex.templates import PIPELINE, resolve

# The comment of google.cloud.aiplatform.v1.CreatePipelineJobRequest.pipeline_job_id, with the length the service enforces.
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,126}")
LABEL = re.compile(r"[-_a-z0-9]{0,63}")
MAX_DISPLAY_NAME = 128
OUTPUT_ONLY = (
    "name",
    "state",
    "createTime",
    "startTime",
    "endTime",
    "updateTime",
    "jobDetail",
    "error",
    "pipelineSpec",
)


@dataclass
class Quotas:
    """Limits of each project and location: https://cloud.google.com/vertex-ai/docs/quotas.

    A rehearsal that has no minute to spare lets one last `seconds_of_a_minute`.
    """

    concurrent_jobs: int = 300
    submissions_per_minute: int = 60
    seconds_of_a_minute: int = 60


class PipelineJobs:
    """Calls `changed` when there may be something to run or to stop. `refused` counts by quota what was beyond it."""

    def __init__(
        self,
        state: State,
        operations: Operations,
        deadlines: Deadlines,
        faults: Faults,
        quotas: Quotas,
        changed: Callable[[], None],
    ) -> None:
        self.quotas = quotas
        self.refused = Counter[str]()
        self._changed = changed
        self._state = state
        self._operations = operations
        self._deadlines = deadlines
        self._faults = faults
        operations.register("pipelineJobs.delete", self._delete)

    def create(self, location: str, job: Resource, job_id: str) -> Resource:
        """Take a job in; an empty id asks for one.

        Raises:
            ApiError: INVALID_ARGUMENT; ALREADY_EXISTS for an id that is taken, whatever became of that job;
                RESOURCE_EXHAUSTED beyond a quota.
        """
        if job_id and not JOB_ID.fullmatch(job_id):
            raise invalid(f"pipeline_job_id {job_id!r} must match {JOB_ID.pattern}.")
        _check(job)
        name = f"{location}/pipelineJobs/{job_id or f'{PIPELINE}-{new_id()}'}"
        if self._state.get(name):
            raise ApiError(Status.ALREADY_EXISTS, f"The PipelineJob {name} already exists.")
        self._check_quotas(f"{location}/pipelineJobs")
        accepted = {key: value for key, value in job.items() if key not in OUTPUT_ONLY}
        accepted |= {"name": name, "pipelineSpec": {"pipelineInfo": {"name": PIPELINE}}}
        lifecycle.accept(accepted, timestamp(time.time()))
        self._state.insert(name, accepted)
        self._changed()
        return accepted

    def get(self, name: str) -> Resource:
        """The job.

        Raises:
            ApiError: NOT_FOUND.
        """
        job = self._state.get(name)
        if job is None:
            raise not_found(f"The PipelineJob {name}")
        return job

    def in_location(self, location: str) -> Members:
        """The jobs of a location, newest first, without their `jobDetail`, as the service lists them."""
        return self._state.members(f"{location}/pipelineJobs", omit="jobDetail")

    def cancel(self, name: str) -> None:
        """Ask a job to stop; it is CANCELLED a moment later, or when `faults` say.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION when it has ended.
        """
        job = self.get(name)
        if job["state"] not in lifecycle.UNFINISHED:
            raise not_now(f"The PipelineJob {name} has ended in state {job['state']} and cannot be cancelled.")
        if job["state"] != lifecycle.CANCELLING:
            with self._state.transaction():
                self._deadlines.call_off(name)
                if isinstance(late := self._faults.take_delivery(CANCELLATION, name.rpartition("/")[2]), Instruction):
                    self._deadlines.put_off(name, late.seconds)
                job.update(state=lifecycle.CANCELLING, updateTime=timestamp(time.time()))
                self._state.replace(name, job)
        self._changed()

    def resume(self, name: str) -> None:
        """Let a job that is paused go on; it does a moment later.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION when it is not paused.
        """
        state = self.get(name)["state"]
        if state != lifecycle.PAUSED:
            raise not_now(f"The PipelineJob {name} is in state {state}: only a job that is paused can be resumed.")
        self._deadlines.call_off(name)
        self._changed()

    def delete(self, name: str) -> Resource:
        """Begin to delete a job.

        Raises:
            ApiError: NOT_FOUND; FAILED_PRECONDITION while it has not ended.
        """
        self._check_ended(name)
        location = name.partition("/pipelineJobs/")[0]
        return self._operations.begin(
            location, "pipelineJobs.delete", {"name": name}, metadata="DeleteOperationMetadata"
        )

    def _delete(self, arguments: Resource) -> Resource:
        self._check_ended(arguments["name"])
        self._state.delete(arguments["name"])
        return EMPTY

    def _check_ended(self, name: str) -> None:
        state = self.get(name)["state"]
        if state in lifecycle.UNFINISHED:
            raise not_now(f"The PipelineJob {name} is in state {state}: only a job that has ended can be deleted.")

    def _check_quotas(self, collection: str) -> None:
        if self._state.count(collection, states=lifecycle.UNFINISHED) >= self.quotas.concurrent_jobs:
            self.refused["concurrent_jobs"] += 1
            raise ApiError(
                Status.RESOURCE_EXHAUSTED,
                f"Quota exceeded: {self.quotas.concurrent_jobs} concurrent pipeline runs. Wait until one has ended.",
            )
        a_minute_ago = timestamp(time.time() - self.quotas.seconds_of_a_minute)
        if self._state.count_created_since(collection, a_minute_ago) >= self.quotas.submissions_per_minute:
            self.refused["submissions_per_minute"] += 1
            raise ApiError(
                Status.RESOURCE_EXHAUSTED,
                f"Quota exceeded: {self.quotas.submissions_per_minute} pipeline job submissions a minute. Try again later.",
            )


def _check(job: Resource) -> None:
    if len(job.get("displayName", "")) > MAX_DISPLAY_NAME:
        raise invalid(f"The display name is longer than {MAX_DISPLAY_NAME} characters.")
    for key, value in job.get("labels", {}).items():
        if not (key and LABEL.fullmatch(key) and LABEL.fullmatch(value)):
            raise invalid(f"The label {key!r}: {value!r} must be at most 63 characters of a-z, 0-9, _ and - each.")
    runtime = job.get("runtimeConfig", {})
    if not runtime.get("gcsOutputDirectory", "").startswith("gs://"):
        raise invalid("runtime_config.gcs_output_directory is required: a gs:// path.")
    if not job.get("templateUri"):
        raise invalid(
            "template_uri is required: the local server runs no pipeline but the text-embedding tuning template."
        )
    resolve(job["templateUri"], runtime.get("parameterValues", {}))
