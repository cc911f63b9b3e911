"""Tunes datasets where the laptop does: in the local Vertex AI, asked by Google's own clients, each job a process."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from bench.tuned.datasets import Dataset
from google.cloud.aiplatform_v1 import PipelineJob, PipelineState
from support.servers import eventually, running
from support.vertex import BUCKET, ENDED, Clients, bucket, storage_server, vertex_server

from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS
from dropforge.domain.tuning import Tuning
from dropforge_local.vertex.embedding.tuned import TunedModel, load_tuned
from dropforge_local.vertex.embedding.wordllama_base import bundled_base
from dropforge_local.vertex.tuning.protocol import TASKS

LONGEST = 900  # seconds of a job
FILES = {
    "corpus_path": CORPUS,
    "queries_path": QUERIES,
    "train_label_path": TRAINING_LABELS,
    "test_label_path": TEST_LABELS,
}


@dataclass(frozen=True, slots=True)
class Trained:
    """What one job left, and what it took.

    Attributes:
        metrics: As its evaluator wrote them.
        model: Ready to be asked.
        digest: Of the model's weights.
        kept: After how many steps the map was best on the validation queries; 0 is the base.
        steps: How many were taken.
        seconds: Of the wall, before the first task and of each task.
        cpu: Seconds that the process used.
        peak: The most bytes that were resident in it.
    """

    metrics: Mapping[str, float]
    model: TunedModel
    digest: str
    kept: int
    steps: int
    seconds: tuple[float, ...]
    cpu: float
    peak: int


class Laboratory:
    """A storage server and a Vertex AI, both on 127.0.0.1."""

    def __init__(self, storage_url: str, vertex_url: str, vertex: psutil.Process) -> None:
        self._bucket = bucket(storage_url)
        self._clients = Clients.of(vertex_url)
        self._vertex = vertex

    def tune(self, name: str, dataset: Dataset, parameters: Mapping[str, Any]) -> Trained:
        """Tune once. A name is used once; chance follows from it.

        Raises:
            SystemExit: The job did not succeed; says why.
        """
        job = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        for file, content in dataset.files.items():
            self._bucket.blob(f"{job}/{file}").upload_from_string(content)
        paths = {parameter: f"gs://{BUCKET}/{job}/{file}" for parameter, file in FILES.items()}
        used = _Use(self._vertex)
        submitted = self._clients.submit(
            f"bench-{job}", parameters={"train_steps": Tuning().train_steps} | paths | parameters
        )

        def ended() -> PipelineJob | None:
            used.look()
            found = self._clients.jobs.get_pipeline_job(name=submitted.name)
            return found if found.state in ENDED else None

        done = eventually(ended, seconds=LONGEST)
        if done.state != PipelineState.PIPELINE_STATE_SUCCEEDED:
            raise SystemExit(f"{name}: the job ended as {done.state.name}: {done.error.message}")
        return self._read(done, used)

    def _read(self, job: PipelineJob, used: "_Use") -> Trained:
        tasks = {task.task_name: task for task in job.job_detail.task_details}
        times = [job.create_time, *(tasks[name].start_time for name in TASKS), job.end_time]
        artifact = tasks["text-embedding-trainer"].outputs["training_output"].artifacts[0]
        evaluated = tasks["text-embedding-evaluator"].outputs["metrics"].artifacts[0]
        with tempfile.TemporaryDirectory() as folder:
            for blob in self._bucket.list_blobs(prefix=artifact.uri.removeprefix(f"gs://{BUCKET}/")):
                blob.download_to_filename(Path(folder, blob.name.rpartition("/")[2]))
            weights = Path(folder, "model.safetensors").read_bytes()
            model = load_tuned(Path(folder), bundled_base())
        return Trained(
            metrics=dict(evaluated.metadata),
            model=model,
            digest=sha256(weights).hexdigest(),
            kept=model.card["best_step"],
            steps=model.card["checks"][-1]["step"],
            seconds=tuple((after - before).total_seconds() for before, after in pairwise(times)),
            cpu=used.cpu,
            peak=used.peak,
        )


class _Use:
    """What a server's tuner takes, as far as it was looked at; the kernel keeps both figures until its end."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.cpu, self.peak = 0.0, 0

    def look(self) -> None:
        for process in self._server.children():
            with suppress(psutil.Error, OSError):
                if "dropforge_local.vertex.tuning" in process.cmdline():
                    times = process.cpu_times()
                    self.cpu = max(self.cpu, times.user + times.system)
                    self.peak = max(self.peak, _peak(process))


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return int(process.memory_info().rss)  # of this moment: elsewhere than on Linux a short peak is missed
    _, told, peak = status.read_text().partition("VmHWM:")
    return int(peak.split()[0]) * 1024 if told else 0  # one that has ended, and nobody waited for yet, keeps none


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Servers that know nothing yet."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(storage_server(Path(folder, "storage"))) as storage,
        running(vertex_server(Path(folder, "vertex"), storage.url, "--submissions-per-minute", "1000")) as vertex,
    ):
        yield Laboratory(storage.url, vertex.url, psutil.Process(vertex.process.pid))
