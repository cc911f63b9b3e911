"""The parts of one server, put together."""

from dataclasses import dataclass
from pathlib import Path

from dropforge_local.vertex.endpoints import Endpoints
from dropforge_local.vertex.models import Models
from dropforge_local.vertex.operations import Operations
from dropforge_local.vertex.pipeline_jobs import PipelineJobs, Quotas
from dropforge_local.vertex.prediction import Predictor
from dropforge_local.vertex.state import State
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


def assemble(folder: Path, *, operation_seconds: float, quotas: Quotas, tuners: int) -> Vertex:
    """The parts over the state in `folder`."""
    state = State(folder)
    operations = Operations(state, seconds=operation_seconds)
    models = Models(state, operations, folder=folder / "models")
    endpoints = Endpoints(state, operations, models)
    runner = Tuners(state, models, limit=tuners)
    jobs = PipelineJobs(state, operations, quotas, changed=runner.wake)
    return Vertex(state, operations, models, endpoints, jobs, Predictor(endpoints, models), runner)
