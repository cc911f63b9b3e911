"""Vertex AI: jobs and deployments that take their time, and end as the folder's fate will have it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from faults.simulator.fates import Ending, Fate
from faults.simulator.hub import Hub, moment

from dropforge.adapters.memory import BASE_KNOWS, TRAINED, embedded
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.errors import Foreign, Missing, Refused, Unavailable
from dropforge.domain.facts import Fault, Tuned
from dropforge.domain.jobs import JobState, Look, Order, fault_of
from dropforge.domain.probe import Text
from dropforge.ports import Endpoint, Operation

_PARENT = "projects/p/locations/l"
_ENDED = {
    Ending.BETTER: JobState.SUCCEEDED,
    Ending.WORSE: JobState.SUCCEEDED,
    Ending.DECEPTIVE: JobState.SUCCEEDED,
    Ending.FAILED: JobState.FAILED,
    Ending.CANCELLED: JobState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Job:
    """A tuning job: what was ordered, when, what it reads, and what is in store for it."""

    order: Order
    begun: float
    content: tuple[str, ...]
    fate: Fate

    @property
    def run(self) -> str:
        """The run that it is labelled with."""
        return self.order.labels["dropforge-run"]

    @property
    def course(self) -> tuple[JobState, ...]:
        """The states that it passes through, after waiting."""
        pause = (JobState.PAUSED, JobState.RUNNING) if self.fate.paused else ()
        return (JobState.RUNNING, *pause, _ENDED[self.fate.ending])

    def state(self, time: float) -> JobState:
        """How it stands at a second of virtual time."""
        since, half = time - self.begun - self.fate.pending, self.fate.running / 2
        if since < 0:
            return JobState.WAITING
        if half <= since < half + self.fate.paused:
            return JobState.PAUSED
        return JobState.RUNNING if since < self.fate.running + self.fate.paused else _ENDED[self.fate.ending]


@dataclass(slots=True)
class Served:
    """An endpoint, which is there from a second on.

    Attributes:
        labels: As it was made with.
        created: When it was asked for.
        since: From when on.
        loading: The operation that loads a model, by the model's id there.
    """

    labels: Mapping[str, str]
    created: float
    since: float
    loading: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """A long operation: when it is over, and what went wrong."""

    end: float
    fault: Fault | None = None


class Vertex:
    """Keeps the promises of `Tuner` and `ModelHost`.

    Attributes:
        jobs: Every job, by resource name.
        served: Every endpoint, by resource name.
        deployments: For each deployment that was begun, the run and the second.
    """

    def __init__(
        self, hub: Hub, fate_of: Callable[[str], Fate], content_of: Callable[[Order], tuple[str, ...]]
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.served: dict[str, Served] = {}
        self.deployments: list[tuple[str, float]] = []
        self._hub = hub
        self._fate_of = fate_of
        self._content_of = content_of
        self._works: dict[str, Work] = {}

    # Jobs

    def submit(self, order: Order) -> str:
        """See `Tuner.submit`."""
        name = self.named(order.id)
        if name not in self.jobs:
            fate = self._fate_of(order.labels["dropforge-dataset"])
            self.jobs[name] = Job(order, self._hub.time, self._content_of(order), fate)
        if self.jobs[name].order.labels != order.labels:
            raise Foreign(f"{name} is not run {order.id}")
        return name

    def look(self, job: str) -> Look:
        """See `Tuner.look`."""
        found = self.jobs.get(job)
        if found is None:
            raise Missing(f"there is no {job}")
        state = found.state(self._hub.time)
        if state is JobState.SUCCEEDED:
            return Look(state=state, tuned=Tuned(model=_model(found.order.id), metrics=found.fate.metrics))
        fault = fault_of("INTERNAL", "no more memory", "text-embedding-trainer", of_pipeline=True)
        return Look(state=state, fault=fault if state is JobState.FAILED else None)

    def named(self, order: str) -> str:
        """See `Tuner.named`."""
        return f"{_PARENT}/pipelineJobs/{order}"

    def cancel(self, job: str) -> None:
        """See `Tuner.cancel`. Nobody asks for it here."""
        raise AssertionError(f"{job} is cancelled, and nobody asked for it")

    def states(self, since: datetime) -> Mapping[str, JobState]:
        """See `Tuner.states`."""
        time = self._hub.time
        return {job.order.id: job.state(time) for job in self.jobs.values() if moment(job.begun) >= since}

    # Endpoints

    def endpoint(self, run_id: str) -> str:
        """See `ModelHost.endpoint`."""
        return f"{_PARENT}/endpoints/{run_id}"

    def endpoints(self) -> Iterator[Endpoint]:
        """See `ModelHost.endpoints`."""
        time = self._hub.time
        return (
            Endpoint(name, found.labels["dropforge-run"], found.labels["dropforge-dataset"], moment(found.created))
            for name, found in self.served.items()
            if found.since <= time
        )

    def create_endpoint(self, run_id: str, labels: Mapping[str, str]) -> str:
        """See `ModelHost.create_endpoint`."""
        name = self.endpoint(run_id)
        if name in self.served:
            return ""
        end = self._hub.time + self._fate_of(labels["dropforge-dataset"]).creating
        self.served[name] = Served(labels, self._hub.time, end)
        return self._begin(name, Work(end))

    def deploy(self, endpoint: str, model: str, deployed_model: str, name: str) -> str:
        """See `ModelHost.deploy`."""
        found = self._there(endpoint)
        if model not in {_model(job.order.id) for job in self.jobs.values()}:
            raise Missing(f"there is no {model}")
        if not (len(deployed_model) <= 10 and deployed_model.isdigit() and name):
            raise Refused(f"{deployed_model} is no id of a deployed model")
        if deployed_model in found.loading:
            work = self._works[found.loading[deployed_model]]
            if work.end > self._hub.time:
                return found.loading[deployed_model]
            if work.fault is None:
                return ""
        self.deployments.append((found.labels["dropforge-run"], self._hub.time))
        fate = self._fate_of(found.labels["dropforge-dataset"])
        fault = None if fate.loads else fault_of("RESOURCE_EXHAUSTED", "no accelerator is free", "deployment")
        found.loading[deployed_model] = self._begin(endpoint, Work(self._hub.time + fate.loading, fault))
        return found.loading[deployed_model]

    def serves(self, endpoint: str, deployed_model: str) -> bool:
        """See `ModelHost.serves`."""
        loading = self._there(endpoint).loading.get(deployed_model)
        return loading is not None and self._has_loaded(loading)

    def operation(self, name: str) -> Operation:
        """See `ModelHost.operation`."""
        if name not in self._works:
            raise Missing(f"there is no {name}")
        work = self._works[name]
        done = work.end <= self._hub.time
        return Operation(done, work.fault if done else None)

    def discard(self, endpoint: str, deployed_model: str) -> None:
        """See `ModelHost.discard`: as with the service, emptying an endpoint and removing it are two steps."""
        found = self.served.get(endpoint)
        if found is None:
            return
        if found.since > self._hub.time:
            raise Unavailable(f"{endpoint} is being made")
        loading = found.loading.get(deployed_model)
        if loading and self._works[loading].end > self._hub.time:
            raise Unavailable(f"a model is on its way to {endpoint}")
        found.loading.pop(deployed_model, None)
        if loading and self._has_loaded(loading):
            raise Unavailable(f"{endpoint} is being emptied")
        if found.loading:
            raise Unavailable(f"{endpoint} holds another model")
        del self.served[endpoint]

    def embed(self, endpoint: str, texts: Sequence[Text], task_type: str) -> list[list[float]]:
        """See `ModelHost.embed`."""
        if not any(map(self._has_loaded, self._there(endpoint).loading.values())):
            raise Unavailable(f"nothing is deployed on {endpoint}")
        if not task_type:
            raise Refused("a text is embedded for a task")
        fate = self._fate_of(self._there(endpoint).labels["dropforge-dataset"])
        return [embedded(text, knows=TRAINED if fate.ending is Ending.DECEPTIVE else None) for text in texts]

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        """As `embed`; of any length from three on."""
        if base_model not in CATALOGUE.base_models or not task_type:
            raise Refused(f"there is no base model {base_model} for {task_type or 'no task'}")
        padding = [0.0] * max((dimensions or 3) - 3, 0)
        return [[*embedded(text, knows=BASE_KNOWS), *padding] for text in texts]

    def _there(self, endpoint: str) -> Served:
        found = self.served.get(endpoint)
        if found is None or found.since > self._hub.time:
            raise Missing(f"there is no {endpoint}")
        return found

    def _has_loaded(self, operation: str) -> bool:
        work = self._works[operation]
        return work.fault is None and work.end <= self._hub.time

    def _begin(self, endpoint: str, work: Work) -> str:
        name = f"{endpoint}/operations/{len(self._works) + 1}"
        self._works[name] = work
        return name


def _model(job_id: str) -> str:
    return f"{_PARENT}/models/{job_id}"
