"""Vertex AI as a tuner and as a host of models, over its REST interface.

`aiplatform_v1`'s generated clients, not the high-level package: half the import time, nothing polled behind one's
back, no template downloaded by the caller (the service does that itself).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as vertex
from google.cloud.aiplatform_v1.types import PipelineState, PipelineTaskDetail
from google.longrunning.operations_pb2 import GetOperationRequest, ListOperationsRequest
from google.protobuf import field_mask_pb2
from google.rpc import code_pb2

from dropforge.adapters.google.faults import translated
from dropforge.adapters.google.predictions import Predictions
from dropforge.domain.content import Text
from dropforge.domain.errors import Conflict, Foreign, Missing, Unavailable
from dropforge.domain.facts import Fault, Tuned
from dropforge.domain.jobs import (
    DATASET_LABEL,
    ENDED,
    MANAGED,
    RUN_LABEL,
    JobState,
    Look,
    Order,
    fault_of,
    is_placed_by,
)
from dropforge.ports import Endpoint, Operation
from dropforge.settings import Settings

_PATIENCE = 60.0  # seconds for one call
_PAGE = 100  # resources; the service gives no more at once
_OURS = f'labels.{MANAGED[0]}="{MANAGED[1]}"'
# Everything but the ended states, so that a state that is new in the service is listed, too.
_UNFINISHED = " AND ".join([_OURS, *(f'state!="PIPELINE_STATE_{state.name}"' for state in sorted(ENDED))])

_STOPPING = frozenset({PipelineState.PIPELINE_STATE_CANCELLING})
_STATES = {
    PipelineState.PIPELINE_STATE_UNSPECIFIED: JobState.WAITING,
    PipelineState.PIPELINE_STATE_QUEUED: JobState.WAITING,
    PipelineState.PIPELINE_STATE_PENDING: JobState.WAITING,
    PipelineState.PIPELINE_STATE_RUNNING: JobState.RUNNING,
    PipelineState.PIPELINE_STATE_CANCELLING: JobState.RUNNING,  # it bills until it has stopped
    PipelineState.PIPELINE_STATE_SUCCEEDED: JobState.SUCCEEDED,
    PipelineState.PIPELINE_STATE_FAILED: JobState.FAILED,
    PipelineState.PIPELINE_STATE_CANCELLED: JobState.CANCELLED,
    PipelineState.PIPELINE_STATE_PAUSED: JobState.PAUSED,
}


class Vertex:
    """One project's Vertex AI in one region. Keeps `Tuner` and `ModelHost`."""

    def __init__(self, settings: Settings) -> None:
        self._operator = settings.operator
        self._parent = f"projects/{settings.project}/locations/{settings.location}"
        address = settings.vertex_endpoint
        options: dict[str, Any] = {"transport": "rest", "client_options": {"api_endpoint": address}}
        if address.startswith("http://"):
            options["credentials"] = AnonymousCredentials()  # a token must never go over an unencrypted line
        with translated(f"connecting to Vertex AI at {address}"):
            self._pipelines: Any = vertex.PipelineServiceClient(**options)
            self._endpoints: Any = vertex.EndpointServiceClient(**options)
        self._predictions = Predictions(address, settings.operator.predictions_a_minute)

    # Tuner

    def submit(self, order: Order) -> str:
        """See `Tuner.submit`."""
        operator = self._operator
        job: dict[str, Any] = {
            "display_name": order.display_name,
            "template_uri": order.template,
            "labels": dict(order.labels),
            "service_account": operator.service_account,
            "network": operator.network,
        }
        if order.encryption_key:
            job["encryption_spec"] = {"kms_key_name": order.encryption_key}
        runtime = vertex.PipelineJob.RuntimeConfig(
            gcs_output_directory=order.output, parameter_values=dict(order.parameters)
        )
        try:
            with translated(f"submitting job {order.id}"):
                created = self._pipelines.create_pipeline_job(
                    parent=self._parent,
                    pipeline_job=vertex.PipelineJob(**job, runtime_config=runtime),
                    pipeline_job_id=order.id,
                    timeout=_PATIENCE,
                )
        except Conflict:
            return self.find(order)
        return str(created.name)

    def find(self, order: Order) -> str:
        """See `Tuner.find`."""
        found = self._job(self.named(order.id))
        if not is_placed_by(order, dict(found.labels), dict(found.runtime_config.parameter_values)):
            raise Foreign(
                f"{found.name} exists, but its labels or its input say that it is not run {order.id}: remove that job, "
                "or change a byte of the dataset"
            )
        return str(found.name)

    def named(self, order: str) -> str:
        """See `Tuner.named`."""
        return f"{self._parent}/pipelineJobs/{order}"

    def cancel(self, job: str) -> None:
        """See `Tuner.cancel`."""
        try:
            with translated(f"cancelling {job}"):
                self._pipelines.cancel_pipeline_job(name=job, timeout=_PATIENCE)
        except Unavailable:  # a job that has ended, or is ending already, is refused like one that cannot be asked now
            state = self._job(job).state
            if state not in _STOPPING and _STATES[state] not in ENDED:
                raise

    def look(self, job: str) -> Look:
        """See `Tuner.look`."""
        found = self._job(job)
        state = _STATES[found.state]
        if state is JobState.SUCCEEDED:
            tuned = _tuned(found)
            if tuned is None:
                fault = fault_of("INTERNAL", "the job succeeded, but its uploader names no model", "uploader")
                return Look(state=JobState.FAILED, fault=fault)
            return Look(state=state, tuned=tuned)
        if state is JobState.FAILED:
            return Look(state=state, fault=_failure(found))
        return Look(state=state)

    def unfinished(self) -> Mapping[str, JobState]:
        """See `Tuner.unfinished`."""
        request = vertex.ListPipelineJobsRequest(
            parent=self._parent,
            filter=_UNFINISHED,
            page_size=_PAGE,
            read_mask=field_mask_pb2.FieldMask(paths=["name", "state"]),
        )
        with translated(f"listing the jobs of {self._parent}"):
            found = list(self._pipelines.list_pipeline_jobs(request=request, timeout=_PATIENCE))
        # A job in a state that is not known yet is left out: it is then looked at by itself, and the state is reported.
        return {str(job.name).rpartition("/")[2]: _STATES[job.state] for job in found if job.state in _STATES}

    def _job(self, name: str) -> Any:  # noqa: ANN401 - Google's client has no types
        with translated(f"looking at {name}"):
            return self._pipelines.get_pipeline_job(name=name, timeout=_PATIENCE)

    # Model host

    def endpoint(self, run_id: str) -> str:
        """See `ModelHost.endpoint`."""
        return f"{self._parent}/endpoints/{run_id}"

    def create_endpoint(self, run_id: str, labels: Mapping[str, str]) -> str:
        """See `ModelHost.create_endpoint`."""
        key = self._operator.encryption_key
        endpoint = vertex.Endpoint(
            display_name=run_id, labels=dict(labels), **({"encryption_spec": {"kms_key_name": key}} if key else {})
        )
        request = vertex.CreateEndpointRequest(parent=self._parent, endpoint=endpoint, endpoint_id=run_id)
        return self._started(
            f"creating endpoint {run_id}", lambda: self._endpoints.create_endpoint(request=request, timeout=_PATIENCE)
        )

    def endpoints(self) -> Iterator[Endpoint]:
        """See `ModelHost.endpoints`."""
        request = vertex.ListEndpointsRequest(parent=self._parent, filter=_OURS, page_size=_PAGE)
        with translated(f"listing the endpoints of {self._parent}"):
            for found in self._endpoints.list_endpoints(request=request, timeout=_PATIENCE):
                labels = dict(found.labels)
                yield Endpoint(
                    str(found.name),
                    labels.get(RUN_LABEL, ""),
                    labels.get(DATASET_LABEL, ""),
                    found.create_time,
                    len(found.deployed_models),
                )

    def deploy(self, endpoint: str, model: str, deployed_model: str, name: str) -> str:
        """See `ModelHost.deploy`."""
        machines = self._operator.serving
        request = vertex.DeployModelRequest(
            endpoint=endpoint,
            deployed_model=vertex.DeployedModel(
                id=deployed_model,
                model=model,
                display_name=name,
                dedicated_resources=vertex.DedicatedResources(
                    machine_spec=vertex.MachineSpec(
                        machine_type=machines.machine_type,
                        accelerator_type=machines.accelerator_type,
                        accelerator_count=machines.accelerator_count,
                    ),
                    min_replica_count=1,
                    max_replica_count=1,
                ),
            ),
            traffic_split={"0": 100},  # "0" is the model that this very request deploys
        )
        if self.serves(endpoint, deployed_model):
            return ""
        if under_way := self._deploying(endpoint):
            return under_way
        return self._started(
            f"deploying {model} on {endpoint}", lambda: self._endpoints.deploy_model(request=request, timeout=_PATIENCE)
        )

    def serves(self, endpoint: str, deployed_model: str) -> bool:
        """See `ModelHost.serves`."""
        return _holds(self._endpoint(endpoint), deployed_model)

    def operation(self, name: str) -> Operation:
        """See `ModelHost.operation`."""
        with translated(f"looking at {name}"):
            found = self._endpoints.get_operation(GetOperationRequest(name=name), timeout=_PATIENCE)
        if found.HasField("error"):
            return Operation(done=True, fault=fault_of(_name(found.error.code), found.error.message))
        return Operation(done=bool(found.done))

    def discard(self, endpoint: str, deployed_model: str, *, made_since: datetime | None = None) -> None:
        """See `ModelHost.discard`."""
        try:
            found = self._endpoint(endpoint)
            if made_since and found.create_time < made_since:
                return
            if _holds(found, deployed_model):
                with suppress(Missing):  # an earlier undeployment ended just now: the endpoint itself is still there
                    self._started(
                        f"undeploying from {endpoint}",
                        lambda: self._endpoints.undeploy_model(
                            endpoint=endpoint, deployed_model_id=deployed_model, timeout=_PATIENCE
                        ),
                    )
                raise Unavailable(f"{endpoint} is being emptied: it is removed at the next try")
            with translated(f"deleting {endpoint}"):
                self._endpoints.delete_endpoint(name=endpoint, timeout=_PATIENCE)
        except Missing:
            return

    def embed(self, endpoint: str, texts: Sequence[Text], task_type: str) -> list[list[float]]:
        """See `ModelHost.embed`."""
        return self._predictions.by_endpoint(endpoint, texts, task_type)

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        """See `ModelHost.embed_by_base`."""
        model = f"{self._parent}/publishers/google/models/{base_model}"
        return self._predictions.by_base(model, texts, task_type, dimensions)

    def _endpoint(self, name: str) -> Any:  # noqa: ANN401 - Google's client has no types
        with translated(f"looking at {name}"):
            return self._endpoints.get_endpoint(name=name, timeout=_PATIENCE)

    def _deploying(self, endpoint: str) -> str:
        """A deployment that is on its way on this endpoint, whose name a crash may have lost; empty for none."""
        with translated(f"listing the operations of {endpoint}"):
            found = self._endpoints.list_operations(ListOperationsRequest(name=endpoint), timeout=_PATIENCE)
        under_way = (
            operation.name
            for operation in found.operations
            if not operation.done and operation.metadata.type_url.endswith("DeployModelOperationMetadata")
        )
        return str(next(under_way, ""))

    @staticmethod
    def _started(what: str, start: Callable[[], Any]) -> str:
        """Start a long operation and give its name; empty when its effect is there or on its way already."""
        try:
            with translated(what):
                return str(start().operation.name)
        except Conflict:
            return ""


def _holds(endpoint: Any, deployed_model: str) -> bool:  # noqa: ANN401 - Google's client has no types
    return any(deployed.id == deployed_model for deployed in endpoint.deployed_models)


def _tuned(job: Any) -> Tuned | None:  # noqa: ANN401 - Google's client has no types
    """What a finished job left, from its tasks: matched by a part of their names, as Google's own package does."""
    uploader, evaluator = _task(job, "uploader"), _task(job, "evaluator")
    model = str(uploader.execution.metadata.get("output:model_resource_name", "")) if uploader else ""
    metrics: dict[str, float] = {}
    if evaluator and "metrics" in evaluator.outputs:
        for artifact in evaluator.outputs["metrics"].artifacts:
            metrics |= {
                str(key): float(value)
                for key, value in dict(artifact.metadata).items()
                if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            }
    return Tuned(model=model, metrics=metrics) if model else None


def _task(job: Any, part: str) -> Any:  # noqa: ANN401 - Google's client has no types
    return next((task for task in job.job_detail.task_details if part in task.task_name), None)


def _failure(job: Any) -> Fault:  # noqa: ANN401 - Google's client has no types
    failed = (task for task in job.job_detail.task_details if task.state == PipelineTaskDetail.State.FAILED)
    task = next((task for task in failed if task.error.code), None)
    if task is not None:
        return fault_of(_name(task.error.code), task.error.message, task.task_name, of_pipeline=True)
    return fault_of(_name(job.error.code), job.error.message or "the service gave no reason", of_pipeline=True)


def _name(code: int) -> str:
    return str(code_pb2.Code.Name(code)) if code in code_pb2.Code.values() else f"CODE_{code}"
