"""Servers, clients and small datasets for the tests of the local Vertex AI."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, storage
from support.servers import Server, eventually
from support.storage import StorageServer

from dropforge.settings import Settings, load

PROJECT = "rehearsal"
LOCATION = f"projects/{PROJECT}/locations/us-central1"
TEMPLATES = "https://us-kfp.pkg.dev/ml-pipeline/llm-text-embedding/tune-text-embedding-model"
BUCKET = "vertex-tests"
ENDED = {
    aiplatform_v1.PipelineState.PIPELINE_STATE_SUCCEEDED,
    aiplatform_v1.PipelineState.PIPELINE_STATE_FAILED,
    aiplatform_v1.PipelineState.PIPELINE_STATE_CANCELLED,
}


@dataclass(frozen=True)
class Clients:
    """Google's clients of one local Vertex AI."""

    url: str
    jobs: aiplatform_v1.PipelineServiceClient
    models: aiplatform_v1.ModelServiceClient
    endpoints: aiplatform_v1.EndpointServiceClient
    predictions: aiplatform_v1.PredictionServiceClient

    @classmethod
    def of(cls, url: str) -> "Clients":
        options: dict[str, Any] = {
            "credentials": AnonymousCredentials(),
            "transport": "rest",
            "client_options": {"api_endpoint": url},
        }
        return cls(
            url,
            aiplatform_v1.PipelineServiceClient(**options),
            aiplatform_v1.ModelServiceClient(**options),
            aiplatform_v1.EndpointServiceClient(**options),
            aiplatform_v1.PredictionServiceClient(**options),
        )

    def submit(self, job_id: str = "", **job: Any) -> aiplatform_v1.PipelineJob:
        return self.jobs.create_pipeline_job(parent=LOCATION, pipeline_job=pipeline_job(**job), pipeline_job_id=job_id)

    def finish(self, name: str) -> aiplatform_v1.PipelineJob:
        def ended() -> aiplatform_v1.PipelineJob | None:
            job = self.jobs.get_pipeline_job(name=name)
            return job if job.state in ENDED else None

        return eventually(ended, seconds=30)

    def tune(self, job_id: str = "", **job: Any) -> aiplatform_v1.PipelineJob:
        return self.finish(self.submit(job_id, **job).name)

    def deploy(self, endpoint: str, model: str, deployed_id: str = "") -> Any:
        return self.endpoints.deploy_model(
            endpoint=endpoint, deployed_model=deployed_model(model, deployed_id), traffic_split={"0": 100}
        )


def settings_of(url: str, project: str = PROJECT) -> Settings:
    """The settings of functions that work with the local Vertex AI at an address."""
    return load(
        {
            "DROPFORGE_PROJECT": project,
            "DROPFORGE_DROP_BUCKET": "d",
            "DROPFORGE_STATE_BUCKET": BUCKET,
            "DROPFORGE_VERTEX_ENDPOINT": url,
        }
    )


def result_of(operation: Any) -> Any:
    """The result of a long-running operation, without the second that the client's own polling takes."""
    eventually(operation.done, seconds=30)
    return operation.result()


def pipeline_job(*, version: str = "v1.1.4", parameters: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A job on the dataset that `upload_dataset` uploads."""
    values = {
        "base_model_version_id": "text-embedding-005",
        "queries_path": f"gs://{BUCKET}/topics/queries.jsonl",
        "corpus_path": f"gs://{BUCKET}/topics/corpus.jsonl",
        "train_label_path": f"gs://{BUCKET}/topics/training_label.tsv",
        "test_label_path": f"gs://{BUCKET}/topics/test_label.tsv",
        "train_steps": 100,
    } | (parameters or {})
    runtime = aiplatform_v1.PipelineJob.RuntimeConfig(
        gcs_output_directory=f"gs://{BUCKET}/out",
        parameter_values={name: value for name, value in values.items() if value is not None},
    )
    return aiplatform_v1.PipelineJob(template_uri=f"{TEMPLATES}/{version}", runtime_config=runtime, **fields)


def deployed_model(model: str, deployed_id: str = "") -> Any:
    return aiplatform_v1.DeployedModel(
        id=deployed_id,
        model=model,
        dedicated_resources=aiplatform_v1.DedicatedResources(
            min_replica_count=1,
            machine_spec=aiplatform_v1.MachineSpec(
                machine_type="a2-highgpu-1g", accelerator_type="NVIDIA_TESLA_A100", accelerator_count=1
            ),
        ),
    )


def topics(*, count: int = 30) -> dict[str, bytes]:
    """A dataset that only training can solve: documents and queries of a topic have no word in common."""
    chance = random.Random(7)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]

    def words() -> list[str]:
        return ["".join(chance.choices(syllables, k=3)) for _ in range(5)]

    documents, queries = [], []
    labels: dict[str, list[str]] = {"training": [], "test": []}
    for topic in range(count):
        documents.append({"_id": f"d{topic}", "text": " ".join(words()), "title": f"Topic {topic}"})
        asked = words()
        for number in range(6):
            query = f"q{topic}-{number}"
            queries.append({"_id": query, "text": " ".join(chance.sample(asked, 3))})
            labels["training" if number < 4 else "test"].append(f"{query}\td{topic}\t1")
    return {
        "corpus.jsonl": json_lines(documents),
        "queries.jsonl": json_lines(queries),
        "training_label.tsv": tsv(labels["training"]),
        "test_label.tsv": tsv(labels["test"]),
    }


def json_lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def tsv(rows: list[str]) -> bytes:
    return "\n".join(["query-id\tcorpus-id\tscore", *rows, ""]).encode()


def storage_server(folder: Path) -> StorageServer:
    return StorageServer(folder, "--bucket", BUCKET)


def vertex_server(folder: Path, storage_url: str, *arguments: str, **popen: Any) -> Server:
    options = ("--dir", folder, "--operation-seconds", "0.2", *arguments)
    return Server("dropforge_local.vertex.server", *options, env={"STORAGE_EMULATOR_HOST": storage_url}, **popen)


def bucket(storage_url: str) -> Any:
    client = storage.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": storage_url}
    )
    return client.bucket(BUCKET)


def upload_dataset(storage_url: str) -> None:
    for name, content in topics().items():
        bucket(storage_url).blob(f"topics/{name}").upload_from_string(content)
