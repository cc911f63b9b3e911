"""What Vertex AI offers and allows for embedding tuning: models, templates, regions, machines, quotas, limits.

Every fact of the service that Google may change stands here and nowhere else. `[name]` is its source in `SOURCES`;
`docs/catalogue.md` is made from it. An operator corrects it without a release: `corrections.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from dropforge.domain.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read.

    Attributes:
        title: What it is called.
        address: Where it is.
        read: The day it was read.
    """

    title: str
    address: str
    read: date


_GUIDE = "https://cloud.google.com/vertex-ai/generative-ai/docs/"
SOURCES: Mapping[str, Source] = {
    "tune": Source("Tune text embeddings", f"{_GUIDE}models/tune-embeddings", date(2026, 11, 22)),
    "lifecycle": Source("Model versions and lifecycle", f"{_GUIDE}learn/model-versions", date(2026, 11, 28)),
    "predict": Source("Text embeddings API", f"{_GUIDE}model-reference/text-embeddings-api", date(2026, 11, 22)),
    "sdk": Source(
        "google-cloud-aiplatform, `vertexai/language_models`, and the templates that it names",
        "https://github.com/googleapis/python-aiplatform",
        date(2026, 11, 22),
    ),
    "quotas": Source(
        "Vertex AI quotas and limits", "https://cloud.google.com/vertex-ai/docs/quotas", date(2026, 11, 22)
    ),
    "gpus": Source("GPU machine types", "https://cloud.google.com/compute/docs/gpus", date(2026, 11, 28)),
    "machines": Source(
        "Accelerator-optimized machine family",
        "https://cloud.google.com/compute/docs/accelerator-optimized-machines",
        date(2026, 11, 28),
    ),
    "spec": Source(
        "MachineSpec", "https://cloud.google.com/vertex-ai/docs/reference/rest/v1/MachineSpec", date(2026, 11, 28)
    ),
}

TEMPLATE = "https://us-kfp.pkg.dev/ml-pipeline/llm-text-embedding/tune-text-embedding-model/"  # [sdk]


@dataclass(frozen=True, slots=True)
class TemplateFamily:
    """How one generation of the pipeline template names its parameters. Vertex refuses a mixture of two families.

    Attributes:
        steps_parameter: What it calls the training steps.
        parameters: Every parameter it has.
    """

    steps_parameter: str
    parameters: frozenset[str]


_PARAMETERS = frozenset(
    {
        "queries_path", "corpus_path", "train_label_path", "test_label_path", "validation_label_path",
        "base_model_version_id", "task_type", "batch_size", "model_display_name",
        "machine_type", "accelerator_type", "accelerator_count",
    }
)  # fmt: skip
# [sdk]: v1.1.2 and v1.1.3 were read; v1.1.1 is used with the names of v1.1.2, v1.1.4 with those of v1.1.3.
FIRST_FAMILY = TemplateFamily("iterations", _PARAMETERS | {"iterations", "project", "location"})
SECOND_FAMILY = TemplateFamily(
    "train_steps",
    _PARAMETERS | {"train_steps", "output_dimensionality", "learning_rate_multiplier", "encryption_spec_key_name"},
)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that can be tuned.

    Attributes:
        id: Vertex's version id.
        template: The template version that tunes it. [sdk]
        dimensions: The widest vector; narrower ones can be asked for in the second family. [tune]
        retires: The day it stops answering. [lifecycle]
        successor: What to use instead; empty where Google names none that can be tuned.
        tasks: The task types it takes. [tune]
        english: Whether it was trained on English (and code) only. [lifecycle]
        closed_from: The day from which no new tuning is taken; None where Google names none.
    """

    id: str
    template: str
    dimensions: int
    retires: date
    successor: str
    tasks: frozenset[str]
    english: bool = True
    closed_from: date | None = None

    @property
    def closes(self) -> date:
        """The day from which no new tuning is taken; where none is named, a month before it retires [lifecycle]."""
        return self.closed_from or _month_before(self.retires)


def _month_before(day: date) -> date:
    """The same day of the month before, or that month's last."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


_TASKS = frozenset(
    {"DEFAULT", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"}
)
_TASKS_004 = _TASKS | {"QUESTION_ANSWERING", "FACT_VERIFICATION"}
_TASKS_005 = _TASKS_004 | {"CODE_RETRIEVAL_QUERY"}
_LATEST, _POLYGLOT = "text-embedding-005", "text-multilingual-embedding-002"
_END, _GECKO_END, _LATE_GECKO_END = date(2027, 4, 1), date(2025, 4, 21), date(2025, 5, 24)

_BASE_MODELS = (
    BaseModel(_LATEST, "v1.1.4", 768, _END, "", _TASKS_005),
    BaseModel("text-embedding-004", "v1.1.3", 768, _END, _LATEST, _TASKS_004),
    BaseModel(_POLYGLOT, "v1.1.3", 768, _END, "", _TASKS_004, english=False),
    BaseModel("textembedding-gecko@001", "v1.1.1", 768, _GECKO_END, _LATEST, frozenset({"DEFAULT"})),
    BaseModel("textembedding-gecko@002", "v1.1.1", 768, _GECKO_END, _LATEST, _TASKS),
    BaseModel("textembedding-gecko@003", "v1.1.1", 768, _LATE_GECKO_END, _LATEST, _TASKS),
    BaseModel("textembedding-gecko-multilingual@001", "v1.1.1", 768, _LATE_GECKO_END, _POLYGLOT, _TASKS, english=False),
)


@dataclass(frozen=True, slots=True)
class MachineType:
    """A machine type, and what goes with it.

    Attributes:
        accelerators: In which counts it takes an accelerator.
        built_in: Whether they are part of it. A served model may then ask for fewer, and shares the machine. [spec]
    """

    accelerators: Mapping[str, tuple[int, ...]]
    built_in: bool


# The most vCPUs of an N1 machine by accelerator and count. [gpus]
_MOST_VCPUS: Mapping[str, Mapping[int, int]] = {
    "NVIDIA_TESLA_T4": {1: 48, 2: 48, 4: 96},
    "NVIDIA_TESLA_V100": {1: 12, 2: 24, 4: 48, 8: 96},
    "NVIDIA_TESLA_P100": {1: 16, 2: 32, 4: 96},
}
_N1 = tuple(
    (f"n1-{kind}-{vcpus}", vcpus) for kind in ("standard", "highmem", "highcpu") for vcpus in (2, 4, 8, 16, 32, 64, 96)
)
_G2 = {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1, 48: 4, 96: 8}  # L4s by vCPUs [machines]
_A2 = (1, 2, 4, 8)  # A100s with 40 GB each [machines]

_MACHINES: dict[str, MachineType] = {
    **{
        name: MachineType(
            {
                accelerator: tuple(count for count, most in by_count.items() if vcpus <= most)
                for accelerator, by_count in _MOST_VCPUS.items()
            },
            built_in=False,
        )
        for name, vcpus in _N1
    },
    **{f"g2-standard-{vcpus}": MachineType({"NVIDIA_L4": (count,)}, built_in=True) for vcpus, count in _G2.items()},
    **{f"a2-highgpu-{count}g": MachineType({"NVIDIA_TESLA_A100": (count,)}, built_in=True) for count in _A2},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the service offers, as far as it is known.

    Attributes:
        base_models: By their ids.
        templates: The family of each template version.
        regions: Where embedding models can be tuned.
        training_accelerators: What training can run on.
        machines: Machine types by their names. There are others: one that is not here is accepted.
        serving_quotas: How many of an accelerator a project may serve on, by region; no region, no quota. Nothing is
            known of an accelerator that is not here.
    """

    base_models: Mapping[str, BaseModel]
    templates: Mapping[str, TemplateFamily]
    regions: frozenset[str]
    training_accelerators: frozenset[str]
    machines: Mapping[str, MachineType]
    serving_quotas: Mapping[str, Mapping[str, int]]

    def model(self, model_id: str) -> BaseModel:
        """The base model.

        Raises:
            Misconfigured: It was taken out of the catalogue after a dataset had asked for it.
        """
        if model := self.base_models.get(model_id):
            return model
        raise Misconfigured(f"{model_id} is in no catalogue: enter it under catalogue.base_models in dropforge.yaml")

    def family_of(self, model: BaseModel) -> TemplateFamily:
        """The parameter names of a model's template."""
        return self.templates[model.template]

    @property
    def tasks(self) -> frozenset[str]:
        """Every task type that some model takes."""
        return frozenset().union(*(model.tasks for model in self.base_models.values()))

    @property
    def dimensions(self) -> range:
        """Every length of a vector that some model gives [tune]."""
        return range(1, 1 + max(model.dimensions for model in self.base_models.values()))


CATALOGUE = Catalogue(
    base_models={model.id: model for model in _BASE_MODELS},
    templates={"v1.1.1": FIRST_FAMILY, "v1.1.2": FIRST_FAMILY, "v1.1.3": SECOND_FAMILY, "v1.1.4": SECOND_FAMILY},
    regions=frozenset(  # [tune]
        {
            "us-central1", "us-east4", "us-west1", "us-west4", "northamerica-northeast1",
            "europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west9",
            "asia-northeast1", "asia-northeast3", "asia-southeast1",
        }
    ),
    training_accelerators=frozenset(  # [tune]
        {"NVIDIA_L4", "NVIDIA_TESLA_A100", "NVIDIA_TESLA_T4", "NVIDIA_TESLA_V100", "NVIDIA_TESLA_P100"}
    ),
    machines=_MACHINES,
    serving_quotas={  # [quotas]
        "NVIDIA_TESLA_A100": {
            "us-central1": 14, "europe-west4": 14, "asia-southeast1": 14, "asia-northeast1": 14, "asia-northeast3": 14,
            "me-west1": 1,
        }
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a dataset may be. [tune], "Dataset size requirements"."""

    fewest_queries: int = 9
    most_queries: int = 10_000
    fewest_documents: int = 9
    most_documents: int = 500_000
    most_labels: int = 499_999
    most_bytes: int = 8 * 1024**3  # ours, not Vertex's: as much as a function can read before its time is up
    fewest_labelled_queries_in_a_file: int = 3
    fewest_labelled_queries_in_all: int = 9
    most_tokens: int = 3_072  # of a text that a tuned model reads; what is over is cut off


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a project may do at once in one region [quotas]."""

    concurrent_jobs: int = 300
    parallel_tasks: int = 600  # more wait
    submissions_a_minute: int = 60
    requests_a_minute: int = 600  # reads and writes of resources
    predictions_a_minute: int = 30_000


QUOTAS = Quotas()


@dataclass(frozen=True, slots=True)
class Predicting:
    """How much one request may ask for."""

    base_texts: int = 250  # [predict]
    base_tokens: int = 20_000  # of all texts together [predict]
    base_text_tokens: int = 2_048  # of one text; what is over is cut off [predict]
    tuned_texts: int = 5  # recommended [tune]


PREDICTING = Predicting()
SOON = timedelta(days=90)  # before a base model's end, when its users should hear of it

BATCH_SIZES = range(1, 1024)  # [tune]
TRAIN_STEPS = range(31, 1_000_001)  # [tune]: more than 30; the upper bound is ours, against a typing error


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when a known word is near, else nothing."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
