"""Vertex AI: jobs and deployments that take their time, and end as the folder's fate will have it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from faults.simulator.fates import Fate, attempt_of
from faults.simulator.hub import Hub, moment
from faults.simulator.nature import Ending

from dropforge.adapters.memory import TRAINED, embedded, embedded_by_base
from dropforge.domain.content import Text
from dropforge.domain.errors import Foreign, Missing, Refused, Unavailable
from dropforge.domain.facts import Fault, Tuned
from dropforge.domain.jobs import ENDED, JobState, Look, Order, fault_of
from dropforge.ports import Endpoint, Operation

_PARENT = "projects/p/locations/l"
_BASE_KNOWS = 60  # numbers: half of the test queries of a large dataset, so that a deceptive model is worse
_NO_ROOM = "no accelerator is free"
_ENDED = {
    Ending.BETTER: JobState.SUCCEEDED,
    Ending.WORSE: JobState.SUCCEEDED,
    Ending.DECEPTIVE: JobState.SUCCEEDED,
    Ending.SHORT: JobState.FAILED,
    Ending.FAILED: JobState.FAILED,
    Ending.CANCELLED: JobState.CANCELLED,
}
_MESSAGES = {
    Ending.SHORT: "The following quotas are exceeded: restricted_image_training_nvidia_v100_gpus",
    Ending.FAILED: "no more memory",
}


@dataclass(slots=True)
class Job:
    """A tuning job: what was ordered, when, what it reads, and what is in store for it.

    Attributes:
        stopped: When it stops, or stopped, because it was asked to; None where nobody asked.
        told: Whether the service's log has told of its end.
    """

    order: Order
    begun: float
    content: tuple[str, ...]
    fate: Fate
    stopped: float | None = None
    told: bool = False

    @property
    def run(self) -> str:
        """The run that it is labelled with."""
        return self.order.labels["dropforge-run"]

    @property
    def strays(self) -> str:
        """Which of the files that it reads do not lie where its run's input does."""
        paths = [str(value) for key, value in self.order.parameters.items() if key.endswith("_path")]
        return ", ".join(path for path in paths if path and f"/runs/{self.run}/input/" not in path)

    @property
    def attempt(self) -> int:
        """Which attempt at its version it is."""
        return attempt_of(self.order.id)

    @property
    def ending(self) -> Ending:
        """How it ends, if nobody stops it."""
        return self.fate.ending_of(self.attempt)

    @property
    def steps(self) -> list[tuple[float, JobState]]:
        """The states that it passes through, after waiting, and from which second on."""
        fate, since = self.fate, self.begun + self.fate.pending
        half = since + fate.running / 2
        pause = [(half, JobState.PAUSED), (half + fate.paused, JobState.RUNNING)] if fate.paused else []
        steps = [(since, JobState.RUNNING), *pause, (since + fate.running + fate.paused, _ENDED[self.ending])]
        if self.stopped is None or steps[-1][0] <= self.stopped:
            return steps
        return [*(step for step in steps if step[0] < self.stopped), (self.stopped, JobState.CANCELLED)]

    @property
    def course(self) -> tuple[JobState, ...]:
        """The states that it passes through, after waiting."""
        return tuple(state for _, state in self.steps)

    @property
    def end(self) -> float:
        """From which second on it bills no more."""
        fate = self.fate
        end = self.begun + fate.pending + fate.running + fate.paused
        return end if self.stopped is None else min(end, self.stopped)

    def state(self, time: float) -> JobState:
        """How it stands at a second of virtual time."""
        return next((state for since, state in reversed(self.steps) if since <= time), JobState.WAITING)


class Deployment(NamedTuple):
    """A deployment that was begun: of which run, when, and the code with which it ends; empty for a loaded model.

    Where no accelerator was left to serve on, that was not its fate.
    """

    run: str
    time: float
    code: str
    found_no_room: bool = False


class Removal(NamedTuple):
    """A served model was taken off its endpoint: of which run, and when."""

    run: str
    time: float


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
        most_jobs: How many were in flight at once, at the most.
        accelerators: On how many models can be served at once, each on one; None for any number.
        served: Every endpoint, by resource name.
        deployments: Each that was begun.
        removals: Each model that was taken off its endpoint while it was served.
    """

    def __init__(
        self,
        hub: Hub,
        fate_of: Callable[[str], Fate],
        content_of: Callable[[Order], tuple[str, ...]],
        tell: Callable[[str], None],
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.most_jobs = 0
        self.accelerators: int | None = None
        self.served: dict[str, Served] = {}
        self.deployments: list[Deployment] = []
        self.removals: list[Removal] = []
        self._hub = hub
        self._open: list[Job] = []
        self._fate_of = fate_of
        self._content_of = content_of
        self._log = tell
        self._works: dict[str, Work] = {}
        self._begun = Counter[str]()

    # Jobs

    def submit(self, order: Order) -> str:
        """See `Tuner.submit`."""
        name = self.named(order.id)
        if name not in self.jobs:
            fate = self._fate_of(order.labels["dropforge-dataset"])
            self.jobs[name] = Job(order, self._hub.time, self._content_of(order), fate)
            self._open.append(self.jobs[name])
            self.most_jobs = max(self.most_jobs, len(self.in_flight()))
            self._tell_at_the_end(self.jobs[name])
        if self.jobs[name].order.labels != order.labels:
            raise Foreign(f"{name} is not run {order.id}")
        return name

    def look(self, job: str) -> Look:
        """See `Tuner.look`."""
        found = self._job(job)
        state = found.state(self._hub.time)
        if state is JobState.SUCCEEDED:
            return Look(
                state=state, tuned=Tuned(model=_model(found.order.id), metrics=found.fate.metrics_of(found.attempt))
            )
        if state is JobState.FAILED:
            message = _MESSAGES[found.ending]
            return Look(state=state, fault=fault_of("INTERNAL", message, "text-embedding-trainer", of_pipeline=True))
        return Look(state=state)

    def find(self, order: Order) -> str:
        """See `Tuner.find`."""
        if self.named(order.id) not in self.jobs:
            raise Missing(f"there is no {self.named(order.id)}")
        return self.named(order.id)

    def named(self, order: str) -> str:
        """See `Tuner.named`."""
        return f"{_PARENT}/pipelineJobs/{order}"

    def cancel(self, job: str) -> None:
        """See `Tuner.cancel`. It takes a while to stop, and cannot be asked while it is being prepared."""
        found, time = self._job(job), self._hub.time
        if found.state(time) in ENDED or found.stopped is not None:
            return
        if time < found.begun + found.fate.preparing:
            raise Unavailable(f"{job} is being prepared")
        found.stopped = time + found.fate.stopping
        self._tell_at_the_end(found)

    def unfinished(self) -> Mapping[str, JobState]:
        """See `Tuner.unfinished`."""
        return {job.order.id: job.state(self._hub.time) for job in self.in_flight()}

    def in_flight(self) -> list[Job]:
        """The jobs that bill now."""
        self._open = [job for job in self._open if job.end > self._hub.time]
        return list(self._open)

    def _job(self, name: str) -> Job:
        found = self.jobs.get(name)
        if found is None:
            raise Missing(f"there is no {name}")
        return found

    def _tell_at_the_end(self, job: Job) -> None:
        """Have the service's log tell when a job has ended, once."""
        self._hub.at(job.end - self._hub.time + 1, partial(self._tell, job), background=True)

    def _tell(self, job: Job) -> None:
        if not job.told and job.end <= self._hub.time:
            job.told = True
            self._log(job.order.id)

    # Endpoints

    def endpoint(self, run_id: str) -> str:
        """See `ModelHost.endpoint`."""
        return f"{_PARENT}/endpoints/{run_id}"

    def endpoints(self) -> Iterator[Endpoint]:
        """See `ModelHost.endpoints`."""
        time = self._hub.time
        return (
            Endpoint(
                name,
                found.labels["dropforge-run"],
                found.labels["dropforge-dataset"],
                moment(found.created),
                sum(map(self._has_loaded, found.loading.values())),
            )
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
        run = found.labels["dropforge-run"]
        fate = self._fate_of(found.labels["dropforge-dataset"])
        if is_full := self.accelerators is not None and self._taken() >= self.accelerators:
            fault = fault_of("RESOURCE_EXHAUSTED", _NO_ROOM, "deployment")
        else:
            fault = _fault(fate, self._begun[run])
            self._begun[run] += 1
        self.deployments.append(Deployment(run, self._hub.time, fault.code if fault else "", is_full))
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

    def discard(self, endpoint: str, deployed_model: str, *, made_since: datetime | None = None) -> None:
        """See `ModelHost.discard`: as with the service, emptying an endpoint and removing it are two steps."""
        found = self.served.get(endpoint)
        if found is None or (made_since and moment(found.created) < made_since):
            return
        if found.since > self._hub.time:
            raise Unavailable(f"{endpoint} is being made")
        loading = found.loading.get(deployed_model)
        if loading and self._works[loading].end > self._hub.time:
            raise Unavailable(f"a model is on its way to {endpoint}")
        found.loading.pop(deployed_model, None)
        if loading and self._has_loaded(loading):
            self.removals.append(Removal(found.labels["dropforge-run"], self._hub.time))
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
        labels = self._there(endpoint).labels
        ending = self._fate_of(labels["dropforge-dataset"]).ending_of(attempt_of(labels["dropforge-run"]))
        return [embedded(text, knows=TRAINED if ending is Ending.DECEPTIVE else None) for text in texts]

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        """As `embed`; of any length from three on."""
        return embedded_by_base(base_model, texts, task_type, dimensions, knows=_BASE_KNOWS)

    def has_loaded(self, run_id: str) -> bool:
        """Whether the model of a run answers."""
        found = self.served.get(self.endpoint(run_id))
        return found is not None and any(map(self._has_loaded, found.loading.values()))

    def _there(self, endpoint: str) -> Served:
        found = self.served.get(endpoint)
        if found is None or found.since > self._hub.time:
            raise Missing(f"there is no {endpoint}")
        return found

    def _taken(self) -> int:
        """On how many accelerators a model is, or is being loaded."""
        loading = (name for found in self.served.values() for name in found.loading.values())
        return sum(self._works[name].fault is None for name in loading)

    def _has_loaded(self, operation: str) -> bool:
        work = self._works[operation]
        return work.fault is None and work.end <= self._hub.time

    def _begin(self, endpoint: str, work: Work) -> str:
        name = f"{endpoint}/operations/{len(self._works) + 1}"
        self._works[name] = work
        return name


def _fault(fate: Fate, number: int) -> Fault | None:
    """What a run's deployment of this number, from 0, ends with."""
    if number < fate.stumbles:
        return fault_of("RESOURCE_EXHAUSTED", _NO_ROOM, "deployment")
    if number < fate.stumbles + fate.refusals:
        return fault_of("INVALID_ARGUMENT", "the machine type is not there", "deployment")
    return None


def _model(job_id: str) -> str:
    return f"{_PARENT}/models/{job_id}"
