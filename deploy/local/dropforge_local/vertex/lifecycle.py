"""A pipeline job's life: how its state, its tasks and its error change with what happens to it.

Functions over the JSON form of a job; they change it in place and know neither storage nor processes.
"""

import hashlib

from dropforge_local.vertex.errors import Status
from dropforge_local.vertex.state import Resource
from dropforge_local.vertex.tuning.protocol import (
    TASKS,
    UPLOADER,
    Artifact,
    Event,
    Failed,
    Progressed,
    Started,
    Succeeded,
)

QUEUED = "PIPELINE_STATE_QUEUED"
PENDING = "PIPELINE_STATE_PENDING"
RUNNING = "PIPELINE_STATE_RUNNING"
SUCCEEDED = "PIPELINE_STATE_SUCCEEDED"
FAILED = "PIPELINE_STATE_FAILED"
CANCELLING = "PIPELINE_STATE_CANCELLING"
CANCELLED = "PIPELINE_STATE_CANCELLED"
PAUSED = "PIPELINE_STATE_PAUSED"
TO_RUN = frozenset({QUEUED, PENDING, RUNNING})
UNFINISHED = TO_RUN | {PAUSED, CANCELLING}

ENDED_TASK_STATES = {"SUCCEEDED", "FAILED", "CANCELLED", "NOT_TRIGGERED"}
UPLOADER_OUTPUT = "output:model_resource_name"  # where the uploader's metadata has the model's full name


def accept(job: Resource, now: str) -> None:
    """A job just came in."""
    job.update(state=QUEUED, createTime=now, updateTime=now)


def prepare(job: Resource, now: str) -> None:
    """Its turn came. A job that was already under way when the server stopped stays what it was."""
    if job["state"] == QUEUED:
        job.update(state=PENDING, updateTime=now)


def happen(job: Resource, event: Event, now: str) -> None:
    """A task reported something: the job runs, or fails with its task.

    A task that has ended stays so when a tuner has to begin again.
    """
    if job["state"] != RUNNING:
        job.update(state=RUNNING, startTime=now, updateTime=now)
        job["jobDetail"] = {"taskDetails": [_new_task(job["name"], task, now) for task in TASKS]}
    task = task_of(job, event.task)
    if task["state"] in ENDED_TASK_STATES:
        return
    match event:
        case Started():
            task.setdefault("startTime", now)
            task["state"] = "RUNNING"
        case Progressed(metadata=metadata):
            task["execution"]["metadata"] = metadata
            return  # not a change of state: whoever lists by update time is not called for it
        case Succeeded(outputs=outputs, metadata=metadata):
            task.update(state="SUCCEEDED", endTime=now)
            task["execution"].setdefault("metadata", {}).update(metadata)
            task["outputs"] = {name: {"artifacts": [_artifact(name, one)]} for name, one in outputs.items()}
        case Failed(status=status, message=message):
            task.update(state="FAILED", endTime=now, error={"code": Status[status].grpc, "message": message})
            _fail(job, event.task, now)
    job["updateTime"] = now


def succeed(job: Resource, model: str, now: str) -> None:
    """All its tasks have succeeded, and the model of that full name came out."""
    task_of(job, UPLOADER)["execution"]["metadata"][UPLOADER_OUTPUT] = model
    job.update(state=SUCCEEDED, endTime=now, updateTime=now)


def skip(job: Resource, earlier: Resource, now: str) -> None:
    """It was answered from the cache: every task is skipped, and has what that task of an earlier job left."""
    tasks = [_new_task(job["name"], task, now) for task in TASKS]
    for task in tasks:
        answered = task_of(earlier, task["taskName"])
        task.update(state="SKIPPED", startTime=now, endTime=now, outputs=answered["outputs"])
        task["execution"]["metadata"] = answered["execution"]["metadata"]
    job["jobDetail"] = {"taskDetails": tasks}
    job.update(state=SUCCEEDED, startTime=now, endTime=now, updateTime=now)


def pause(job: Resource, now: str) -> None:
    """It was stopped for a while; what its tasks have done stays."""
    job.update(state=PAUSED, updateTime=now)


def resume(job: Resource, now: str) -> None:
    """It goes on where it was paused."""
    job.update(state=RUNNING, updateTime=now)


def cancel(job: Resource, now: str) -> None:
    """Its cancellation came to its end."""
    _end_tasks(job, now)
    error = {"code": Status.CANCELLED.grpc, "message": "The pipeline job was cancelled on request."}
    job.update(state=CANCELLED, endTime=now, updateTime=now, error=error)


def task_of(job: Resource, name: str) -> Resource:
    """A task of a job that has run."""
    return next(task for task in _tasks(job) if task["taskName"] == name)


def has_begun(job: Resource, task: str) -> bool:
    """Whether a task is running, or has run."""
    return any(detail["taskName"] == task and detail["state"] != "PENDING" for detail in _tasks(job))


def current_task(job: Resource) -> str:
    """The name of the first task that has not ended."""
    ended = {task["taskName"] for task in _tasks(job) if task["state"] in ENDED_TASK_STATES}
    return next(task for task in TASKS if task not in ended)


def _fail(job: Resource, failed_task: str, now: str) -> None:
    """The tasks after the failed one are not triggered; the error says which it was, in the service's words."""
    _end_tasks(job, now)
    message = f"The DAG failed because some tasks failed. The failed tasks are: [{failed_task}]."
    job.update(state=FAILED, endTime=now, error={"code": Status.FAILED_PRECONDITION.grpc, "message": message})


def _tasks(job: Resource) -> list[Resource]:
    tasks: list[Resource] = job.get("jobDetail", {}).get("taskDetails", [])
    return tasks


def _end_tasks(job: Resource, now: str) -> None:
    for task in _tasks(job):
        if task["state"] == "RUNNING":
            task.update(state="CANCELLED", endTime=now)
        elif task["state"] == "PENDING":
            task.update(state="NOT_TRIGGERED")


def _new_task(job: str, task: str, now: str) -> Resource:
    task_id = str(int.from_bytes(hashlib.sha256(f"{job}/{task}".encode()).digest()[:7]))
    location = job.partition("/pipelineJobs/")[0]
    return {
        "taskId": task_id,
        "taskName": task,
        "createTime": now,
        "state": "PENDING",
        "execution": {
            "name": f"{location}/metadataStores/default/executions/{task_id}",
            "displayName": task,
            "schemaTitle": "system.ContainerExecution",
        },
    }


def _artifact(name: str, artifact: Artifact) -> Resource:
    return {"displayName": name, "uri": artifact.uri, "metadata": artifact.metadata}
