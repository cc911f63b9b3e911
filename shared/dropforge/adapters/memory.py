"""Every port in memory: strict, deterministic, and time moves only when told.

They keep the same promises as the adapters over Google's libraries (one contract test class runs over both), and show
what happened: tests read `bus.published`, `notifier.told`, `tuner.jobs`.
"""

import base64
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import cos, pi, sin
from typing import BinaryIO

import google_crc32c

from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.content import Text
from dropforge.domain.errors import Conflict, Foreign, Missing, Refused, Unavailable
from dropforge.domain.event import Event
from dropforge.domain.facts import Fault, Tuned
from dropforge.domain.files import StoredFile
from dropforge.domain.jobs import DATASET_LABEL, ENDED, MANAGED, RUN_LABEL, JobState, Look, Order, is_placed_by
from dropforge.domain.message import Message
from dropforge.ports import NEW, Endpoint, Operation

_TOPICS = 20  # that the texts of this world are about
BASE_KNOWS, TRAINED = 30, 40  # numbers
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class ManualClock:
    """Time that moves when it is told to, and by as much as somebody sleeps."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on by as much."""
        self.advance(max(seconds, 0))

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now += timedelta(seconds=seconds)


@dataclass
class _Object:
    file: StoredFile
    data: bytes


class MemoryDisk:
    """What the buckets of one world share: the objects of all of them, and the generations."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.generations = itertools.count(1_700_000_000_000_001)
        self.buckets: dict[str, dict[str, _Object]] = {}


class MemoryStore:
    """A bucket without versioning."""

    def __init__(self, disk: MemoryDisk, bucket: str) -> None:
        self._disk = disk
        self._bucket = bucket
        self._objects = disk.buckets.setdefault(bucket, {})

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def list(self, prefix: str) -> Iterator[StoredFile]:
        """See `ObjectStore.list`."""
        return iter([self._objects[name].file for name in sorted(self._objects) if name.startswith(prefix)])

    def page(self, prefix: str, *, after: str = "", most: int) -> Sequence[StoredFile]:
        """See `ObjectStore.page`."""
        return [file for file in self.list(prefix) if file.name > after][:most]

    def read(self, name: str) -> tuple[bytes, int]:
        """See `ObjectStore.read`."""
        found = self._objects.get(name)
        if found is None:
            raise Missing(f"gs://{self.bucket}/{name} is not there")
        return found.data, found.file.generation

    def open(self, file: StoredFile) -> BinaryIO:
        """See `ObjectStore.open`."""
        return io.BytesIO(self._exactly(file).data)

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        """See `ObjectStore.write`."""
        there = self._objects.get(name)
        if replacing is not None and replacing != (there.file.generation if there else NEW):
            raise Conflict(f"gs://{self.bucket}/{name} is another generation than {replacing}")
        file = StoredFile(
            bucket=self.bucket,
            name=name,
            generation=next(self._disk.generations),
            size=len(data),
            crc32c=_checksum(data),
            updated=self._disk.clock.now(),
            metadata=dict(metadata or {}),
        )
        self._objects[name] = _Object(file, data)
        return file.generation

    def upload(self, name: str, content: BinaryIO, *, size: int, crc32c: str, replacing: int) -> int:
        """See `ObjectStore.upload`."""
        data = content.read(size)
        if len(data) < size or _checksum(data) != crc32c:
            raise Refused(f"gs://{self.bucket}/{name} would have other bytes than it should")
        return self.write(name, data, replacing=replacing)

    def annotate(self, name: str, metadata: Mapping[str, str]) -> None:
        """See `ObjectStore.annotate`."""
        there = self._objects.get(name)
        if there is None:
            raise Missing(f"gs://{self.bucket}/{name} is not there")
        known = {**there.file.metadata, **metadata}
        there.file = replace(there.file, metadata=known, updated=self._disk.clock.now())

    def copy_from(self, file: StoredFile, name: str) -> None:
        """See `ObjectStore.copy_from`."""
        data = self._exactly(file).data
        if name not in self._objects:
            self.write(name, data, replacing=NEW)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `ObjectStore.delete`."""
        there = self._objects.get(name)
        if there and generation in {None, there.file.generation}:
            del self._objects[name]

    def _exactly(self, file: StoredFile) -> _Object:
        found = self._disk.buckets.get(file.bucket, {}).get(file.name)
        if found is None or found.file.generation != file.generation:
            raise Missing(f"{file.uri}#{file.generation} is gone")
        return found


def _checksum(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


class MemoryBus:
    """Keeps what was published, in order."""

    def __init__(self) -> None:
        self.published: list[Event] = []

    def publish(self, event: Event) -> None:
        """See `EventBus.publish`."""
        self.published.append(event)


@dataclass
class MemoryTuner:
    """Jobs that end when a test says how."""

    jobs: dict[str, Order] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    refuses: str = ""

    def submit(self, order: Order) -> str:
        """See `Tuner.submit`."""
        if self.refuses:
            raise Refused(self.refuses)
        self.jobs.setdefault(self.named(order.id), order)
        self.looks.setdefault(self.named(order.id), Look(state=JobState.WAITING))
        return self.find(order)

    def find(self, order: Order) -> str:
        """See `Tuner.find`."""
        name = self.named(order.id)
        if name not in self.jobs:
            raise Missing(f"there is no {name}")
        if not is_placed_by(order, self.jobs[name].labels, self.jobs[name].parameters):
            raise Foreign(f"{name} is not run {order.id}")
        return name

    def look(self, job: str) -> Look:
        """See `Tuner.look`."""
        if job not in self.looks:
            raise Missing(f"there is no {job}")
        return self.looks[job]

    def named(self, order: str) -> str:
        """See `Tuner.named`."""
        return f"projects/p/locations/l/pipelineJobs/{order}"

    def cancel(self, job: str) -> None:
        """See `Tuner.cancel`: it has stopped at once."""
        if self.look(job).state not in ENDED:
            self.looks[job] = Look(state=JobState.CANCELLED)

    def unfinished(self) -> Mapping[str, JobState]:
        """See `Tuner.unfinished`."""
        states = ((self.jobs[name], look.state) for name, look in self.looks.items() if look.state not in ENDED)
        return {order.id: state for order, state in states if order.labels.get(MANAGED[0]) == MANAGED[1]}

    def end(self, job: str, state: JobState, *, metrics: dict[str, float] | None = None) -> None:
        """End a job as it would end by itself."""
        name = job.rpartition("/")[2]
        tuned = Tuned(model=f"projects/p/locations/l/models/{name}", metrics=metrics or {})
        fault = Fault(code="INTERNAL", message="no more memory", step="text-embedding-trainer", blame="system_error")
        self.looks[job] = Look(
            state=state,
            tuned=tuned if state is JobState.SUCCEEDED else None,
            fault=fault if state is JobState.FAILED else None,
        )


@dataclass
class _Endpoint:
    labels: Mapping[str, str]
    created: datetime
    deployed: dict[str, str] = field(default_factory=dict)


@dataclass
class MemoryHost:
    """Endpoints whose operations end when they are next looked at.

    Attributes:
        operations: By their names.
        deployments: How many were begun.
        fails: What every deployment ends with, if anything.
        wrong: Whether tuned models give the same vector for every text.
        overfits: Whether tuned models are right only about the queries that they were trained on.
        clock: Says when an endpoint is made.
    """

    _endpoints: dict[str, _Endpoint] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    deployments: int = 0
    fails: Fault | None = None
    wrong: bool = False
    overfits: bool = False
    clock: ManualClock = field(default_factory=ManualClock)

    def endpoint(self, run_id: str) -> str:
        """See `ModelHost.endpoint`."""
        return f"projects/p/locations/l/endpoints/{run_id}"

    def create_endpoint(self, run_id: str, labels: Mapping[str, str]) -> str:
        """See `ModelHost.create_endpoint`."""
        if not labels:
            raise Refused("an endpoint of ours carries labels")
        name = self.endpoint(run_id)
        if name in self._endpoints:
            return ""
        self._endpoints[name] = _Endpoint(labels, self.clock.now())
        return self._start(name, None)

    def endpoints(self) -> Iterator[Endpoint]:
        """See `ModelHost.endpoints`."""
        for name, found in self._endpoints.items():
            run, dataset = found.labels.get(RUN_LABEL, ""), found.labels.get(DATASET_LABEL, "")
            yield Endpoint(name, run, dataset, found.created, len(found.deployed))

    def deploy(self, endpoint: str, model: str, deployed_model: str, name: str) -> str:
        """See `ModelHost.deploy`."""
        there = self._there(endpoint)
        if deployed_model in there.deployed:
            return ""
        if not (len(deployed_model) <= 10 and deployed_model.isdigit() and name):
            raise Refused(f"{deployed_model} is no id of a deployed model")
        self.deployments += 1
        if self.fails is None:
            there.deployed[deployed_model] = model
        return self._start(endpoint, self.fails)

    def serves(self, endpoint: str, deployed_model: str) -> bool:
        """See `ModelHost.serves`."""
        return deployed_model in self._there(endpoint).deployed

    def operation(self, name: str) -> Operation:
        """See `ModelHost.operation`."""
        if name not in self.operations:
            raise Missing(f"there is no {name}")
        found = self.operations[name]
        self.operations[name] = replace(found, done=True)
        return self.operations[name]

    def discard(self, endpoint: str, deployed_model: str, *, made_since: datetime | None = None) -> None:
        """See `ModelHost.discard`: as with the service, emptying an endpoint and removing it are two steps."""
        found = self._endpoints.get(endpoint)
        if found is None or (made_since and found.created < made_since):
            return
        if found.deployed.pop(deployed_model, None):
            raise Unavailable(f"{endpoint} is being emptied")
        if found.deployed:
            raise Unavailable(f"{endpoint} holds another model")
        del self._endpoints[endpoint]

    def embed(self, endpoint: str, texts: Sequence[Text], task_type: str) -> list[list[float]]:
        """See `ModelHost.embed`; and `embedded` for what comes out."""
        if not self._there(endpoint).deployed:
            raise Unavailable(f"nothing is deployed on {endpoint}")
        if not task_type:
            raise Refused("a text is embedded for a task")
        if self.wrong:
            return [[1.0, 0.0, 0.0] for _ in texts]
        return [embedded(text, knows=TRAINED if self.overfits else None) for text in texts]

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        """As `embed`; of any length from three on."""
        return embedded_by_base(base_model, texts, task_type, dimensions)

    def _there(self, endpoint: str) -> _Endpoint:
        if endpoint not in self._endpoints:
            raise Missing(f"there is no {endpoint}")
        return self._endpoints[endpoint]

    def _start(self, endpoint: str, fault: Fault | None) -> str:
        name = f"{endpoint}/operations/{len(self.operations) + 1}"
        self.operations[name] = Operation(done=False, fault=fault)
        return name


def embedded(text: Text, *, knows: int | None) -> list[float]:
    """A vector of three numbers, by which `query 47` and `document 7` are alike, and `document 8` is a little further.

    Args:
        text: Texts whose last numbers differ by multiples of twenty are about the same thing.
        knows: How many numbers, from 0, the model knows; None for all. What it does not know, it places anywhere.
    """
    written = f"{text.title}\n{text.text}"
    number = re.search(r"(\d+)\D*$", written)
    is_known = number is not None and (knows is None or int(number[1]) < knows)
    turn = int(number[1]) / _TOPICS if number and is_known else google_crc32c.value(written.encode()) / 997
    return [1.0, cos(2 * pi * turn), sin(2 * pi * turn)]


def embedded_by_base(
    base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None, *, knows: int = BASE_KNOWS
) -> list[list[float]]:
    """The vectors by a base model, which knows less than a tuned one; see `ModelHost.embed_by_base`, and `embedded`."""
    if base_model not in CATALOGUE.base_models or not task_type:
        raise Refused(f"there is no base model {base_model} for {task_type or 'no task'}")
    padding = [0.0] * max((dimensions or 3) - 3, 0)
    return [[*embedded(text, knows=knows), *padding] for text in texts]


class MemoryNotifier:
    """Keeps what people were told."""

    def __init__(self) -> None:
        self.told: list[Message] = []

    def tell(self, message: Message) -> None:
        """See `Notifier.tell`."""
        self.told.append(message)
