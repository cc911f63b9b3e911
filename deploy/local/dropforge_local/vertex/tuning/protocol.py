"""What the server and a tuner process say to each other: one JSON line in, JSON lines out."""

from typing import Any

import msgspec

IMPORTER = "importer"
TRAINER = "text-embedding-trainer"
EVALUATOR = "text-embedding-evaluator"
UPLOADER = "text-embedding-model-uploader"
# In the order they run. Google's notebook "Get started with embeddings tuning on Vertex AI" finds the last three by these names.
TASKS = (IMPORTER, TRAINER, EVALUATOR, UPLOADER)


class TuningSpec(msgspec.Struct, frozen=True):
    """Everything a tuner needs, sent as the first line of its standard input.

    `parameters` are the template's, typed and with defaults; `output_uri` is the `gs://` folder of this job's outputs;
    `model_folder` is the local folder that the finished model is served from.
    """

    job: str
    parameters: dict[str, Any]
    output_uri: str
    model_folder: str


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or folder that a task left in storage, and what is known about it."""

    uri: str
    metadata: dict[str, Any] = {}


class Started(msgspec.Struct, frozen=True, tag=True):
    """A task began."""

    task: str


class Progressed(msgspec.Struct, frozen=True, tag=True):
    """A running task has something to show."""

    task: str
    metadata: dict[str, Any]


class Succeeded(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A task ended well, leaving these artifacts by output name."""

    task: str
    outputs: dict[str, Artifact] = {}
    metadata: dict[str, Any] = {}


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A task cannot end well: a canonical status name (`INVALID_ARGUMENT`, ...) and a message for people."""

    task: str
    status: str
    message: str


Event = Started | Progressed | Succeeded | Failed
EVENT_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
SPEC_DECODER: msgspec.json.Decoder[TuningSpec] = msgspec.json.Decoder(TuningSpec)


def line(message: Event | TuningSpec) -> bytes:
    """One message as one line."""
    return msgspec.json.encode(message) + b"\n"


class TaskFailed(Exception):
    """Raised inside a task to end the job there."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
