"""The parts of one server, put together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dropforge_local.faults.state import Faults
from dropforge_local.vertex.deadlines import Deadlines
from dropforge_local.vertex.endpoints import Endpoints
from dropforge_local.vertex.models import Models
from dropforge_local.vertex.operations import Operations
from dropforge_local.vertex.pipeline_jobs import PipelineJobs, Quotas
from dropforge_local.vertex.prediction import Predictor
from dropforge_local.vertex.state import Resource, State
from dropforge_local.vertex.tuners import Tuners


@dataclass(frozen=True)
class Vertex:
    """Everything that a request may need."""

    state: State
    operations: Operations
    models: Models
    endpoints: Endpoints
    jobs: PipelineJobs
    predictor: Predictor
    tuners: Tuners


def assemble(
    folder: Path,
    state: State,
    faults: Faults,
    *,
    operation_seconds: float,
    quotas: Quotas,
    tuners: int,
    ended: Callable[[Resource], None],
) -> Vertex:
    """The parts over the state, with the models' files in `folder`."""
    operations = Operations(state, faults, seconds=operation_seconds)
    deadlines = Deadlines(state)
    models = Models(state, operations, folder=folder / "models")
    endpoints = Endpoints(state, operations, models)
    runner = Tuners(state, models, deadlines, faults, limit=tuners, ended=ended)
    jobs = PipelineJobs(state, operations, deadlines, faults, quotas, changed=runner.wake)
    return Vertex(state, operations, models, endpoints, jobs, Predictor(endpoints, models, faults), runner)
