"""Folders of the local Cloud Storage and Vertex AI, as many runs leave them: filled directly, as a run takes its seconds.

What is not read by anybody here has no content of its own; names, metadata and records are the real ledger's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.runs import validated
from support.world import ENVIRONMENT

from dropforge import wire
from dropforge.domain.datasets import DATA, ROOT, Folder
from dropforge.domain.errors import Missing
from dropforge.domain.facts import Judgement, Serving, Verdict, Waiting
from dropforge.domain.files import StoredFile
from dropforge.domain.jobs import resource_labels_of
from dropforge.domain.runs import Run, State, advance
from dropforge.domain.spaces import alias_of, deployed_model_id_of, space_id_of
from dropforge.history import History
from dropforge.ledger import Ledger
from dropforge.settings import load
from dropforge_local.storage.blobs import Content
from dropforge_local.storage.state import Storage
from dropforge_local.vertex.state import State as Vertex
from dropforge_local.vertex.state import timestamp

JOBS = 300  # that Vertex AI runs at once
SERVED = 14  # models, as many as there are accelerators to begin with
ENDED = 100  # runs, besides those that are served
_SETTINGS = load(ENVIRONMENT)
_PARENT = f"projects/{_SETTINGS.project}/locations/{_SETTINGS.location}"
_NOW = datetime.now(UTC)
_JUDGED = Judgement(verdict=Verdict.BETTER, metric="nDCG@10", base=0.5, tuned=0.75, because="it is")


@dataclass
class Filling:
    """What the ledger needs of an object store to write; contents are kept only where they are asked for."""

    storage: Storage
    bucket: str
    keeps: bool = False
    _nothing: list[Content] = field(default_factory=list)

    def write(self, name: str, data: bytes, *, replacing: int | None, metadata: Mapping[str, str] | None = None) -> int:
        del replacing  # nobody else writes
        keeps = self.keeps and bool(data)
        if keeps or not self._nothing:
            blob = self.storage.blobs.create()
            with self.storage.blobs.write_at(blob, 0) as written:
                written.write(data if keeps else b"")
            content = self.storage.blobs.seal(blob)
            if not keeps:
                self._nothing.append(content)
        else:
            content = self._nothing[0]
        return self.storage.objects.put(self.bucket, name, content, {"metadata": dict(metadata or {})}).generation

    def annotate(self, name: str, metadata: Mapping[str, str]) -> None:
        found = self.storage.objects.get(self.bucket, name)
        fields = {"metadata": {**found.fields.get("metadata", {}), **metadata}}
        self.storage.objects.put(self.bucket, name, found.content, fields)

    def read(self, name: str) -> tuple[bytes, int]:
        raise Missing(name)


def fill(storage_folder: Path, vertex_folder: Path, *, in_flight: int, ended: int) -> None:
    """Have so many runs in flight and so many that have ended, and nothing to be done for any of them."""
    storage, vertex = Storage(storage_folder), Vertex(vertex_folder)
    with storage._database.transaction(), vertex.transaction():
        for bucket in (_SETTINGS.drop_bucket, _SETTINGS.state_bucket):
            storage.buckets.create({"name": bucket})
        drop, state = Filling(storage, _SETTINGS.drop_bucket), Filling(storage, _SETTINGS.state_bucket)
        _served(state, vertex)
        _ended(state, ended)
        _in_flight(drop, state, vertex, in_flight)
    storage.close()
    vertex.close()


def _run(name: str, number: int, *, ago: timedelta) -> Run:
    at = _NOW - ago - timedelta(milliseconds=number)
    run = replace(validated(f"{name}-{number:012x}"), dataset=name, judgement=_JUDGED)
    return replace(run, history=tuple(replace(step, at=at) for step in run.history))


def _led(run: Run, *states: State, **facts: object) -> Run:
    for state in states:
        run = advance(run, state, at=run.updated + timedelta(minutes=1), function="watch_status", event="e")
    return replace(run, **facts)


def _served(state: Filling, vertex: Vertex) -> None:
    """Runs whose models are served, with their endpoints, and readers that are pointed to them."""
    for number in range(SERVED):
        run = _run(f"served-{number}", number, ago=timedelta(days=2))
        endpoint = f"{_PARENT}/endpoints/{run.id}"
        space = space_id_of(run.id, dimensions=768, task_type=run.tuning.task_type)
        model = deployed_model_id_of(run.id)
        serving = Serving(endpoint=endpoint, deployed_model=model, space=space, dimensions=768, current=True)
        run = _led(
            run, State.SUBMITTED, State.RUNNING, State.SUCCEEDED, State.DEPLOYING, State.DEPLOYED, serving=serving
        )
        _remember(replace(state, keeps=True), run)
        alias = alias_of(run)
        pointer = {"run": run.id, "base_model": alias.base_model}
        replace(state, keeps=True).write(
            f"aliases/{run.dataset}.json", wire.encode(alias), replacing=None, metadata=pointer
        )
        labels = resource_labels_of(run, _SETTINGS.operator.labels)
        body = {"name": endpoint, "displayName": run.id, "labels": dict(labels), "createTime": timestamp(0)}
        vertex.insert(endpoint, body | {"deployedModels": [{"id": model}]})


def _ended(state: Filling, ended: int) -> None:
    for number in range(ended):
        run = _run(f"past-{number % 200}", number, ago=timedelta(days=3))
        _remember(state, _led(run, State.SUBMITTED, State.RUNNING, State.SUCCEEDED, State.WITHHELD))


def _remember(state: Filling, run: Run) -> None:
    Ledger(state).record(run)
    History(state).note(run, None)


def _in_flight(drop: Filling, state: Filling, vertex: Vertex, in_flight: int) -> None:
    """Runs that have a job, as many as there is room for; the others wait. Their datasets still lie where they were dropped."""
    ledger = Ledger(replace(state, keeps=True))
    for number in range(in_flight):
        run = _run(f"dataset-{number}", number, ago=timedelta(hours=1))
        files = []
        for name in DATA[:4]:
            at = f"{ROOT}{run.dataset}/{name}"
            generation = drop.write(at, b"", replacing=None)
            files.append(StoredFile(drop.bucket, at, generation, 0, "AAAAAA==", _NOW))
        ledger.note_intake(run.dataset, Folder.of(run.dataset, files).drop, run.id)
        if number < JOBS:
            job = f"{_PARENT}/pipelineJobs/{run.id}"
            run = _led(run, State.SUBMITTED, State.RUNNING, job=job)
            ledger.record(run)
            ledger.note_told(run, first=True)
            body = {"name": job, "state": "PIPELINE_STATE_RUNNING", "createTime": timestamp(0)}
            vertex.insert(job, body | {"labels": dict(resource_labels_of(run, _SETTINGS.operator.labels))})
        else:
            _wait(ledger, run)


def _wait(ledger: Ledger, run: Run) -> None:
    """A run that waits for room; people have been told."""
    run = replace(run, waiting=Waiting(reason="quota", since=run.updated, sentence="300 jobs run at once"))
    ledger.record(run)
    ledger.note_told(run, first=True)
    ledger.note_waiting(run, run.updated)
    ledger.note_waits_told(run)
