"""What Vertex AI offers and allows for embedding tuning: base models, template families, limits.

Every fact of the service that Google may change stands here and nowhere else, with its source.

Sources, read 2026-11-22:
    [tune]   Vertex AI documentation, "Tune text embeddings"
    [model]  Vertex AI documentation, "Model versions and lifecycle"
    [sdk]    google-cloud-aiplatform, vertexai/language_models: model-to-template table and the template's parameters
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

TEMPLATE = "https://us-kfp.pkg.dev/ml-pipeline/llm-text-embedding/tune-text-embedding-model/"  # [sdk]


@dataclass(frozen=True, slots=True)
class TemplateFamily:
    """How one generation of the pipeline template names what it takes. Mixing two families is refused by Vertex."""

    steps_parameter: str
    takes_project: bool
    takes_dimensions: bool  # and learning_rate_multiplier, and a key: what the second family added


FIRST_FAMILY = TemplateFamily("iterations", takes_project=True, takes_dimensions=False)  # [sdk] v1.1.1, v1.1.2
SECOND_FAMILY = TemplateFamily("train_steps", takes_project=False, takes_dimensions=True)  # [sdk] v1.1.3, v1.1.4
FAMILIES = {"v1.1.1": FIRST_FAMILY, "v1.1.2": FIRST_FAMILY, "v1.1.3": SECOND_FAMILY, "v1.1.4": SECOND_FAMILY}


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that can be tuned.

    Attributes:
        id: Vertex's version id.
        template: The template version that tunes it. [sdk]
        dimensions: The widest vector; narrower ones can be asked for in the second family. [tune]
        retires: The day it stops answering. [model]
        successor: What to use instead.
        tasks: The task types it takes. [tune]
        english: Whether it was trained on English (and code) only. [model]
    """

    id: str
    template: str
    dimensions: int
    retires: date
    successor: str
    tasks: frozenset[str]
    english: bool = True

    @property
    def family(self) -> TemplateFamily:
        """The parameter names of its template."""
        return FAMILIES[self.template]


_TASKS = frozenset(
    {"DEFAULT", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"}
)
_TASKS_004 = _TASKS | {"QUESTION_ANSWERING", "FACT_VERIFICATION"}
_TASKS_005 = _TASKS_004 | {"CODE_RETRIEVAL_QUERY"}

BASE_MODELS: dict[str, BaseModel] = {
    model.id: model
    for model in (
        BaseModel("text-embedding-005", "v1.1.4", 768, date(2027, 4, 1), "", _TASKS_005),
        BaseModel("text-embedding-004", "v1.1.3", 768, date(2027, 4, 1), "text-embedding-005", _TASKS_004),
        BaseModel("text-multilingual-embedding-002", "v1.1.3", 768, date(2027, 4, 1), "", _TASKS_004, english=False),
        BaseModel(
            "textembedding-gecko@001", "v1.1.1", 768, date(2025, 4, 21), "text-embedding-005", frozenset({"DEFAULT"})
        ),
        BaseModel("textembedding-gecko@002", "v1.1.1", 768, date(2025, 4, 21), "text-embedding-005", _TASKS),
        BaseModel("textembedding-gecko@003", "v1.1.1", 768, date(2025, 5, 24), "text-embedding-005", _TASKS),
        BaseModel(
            "textembedding-gecko-multilingual@001",
            "v1.1.1",
            768,
            date(2025, 5, 24),
            "text-multilingual-embedding-002",
            _TASKS,
            english=False,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a dataset may be. [tune], "Dataset size requirements"."""

    fewest_queries: int = 9
    most_queries: int = 10_000
    fewest_documents: int = 9
    most_documents: int = 500_000
    most_labels: int = 499_999
    most_bytes: int = 8 * 1024**3  # ours, not Vertex's: what a function can read before its time is up
    fewest_labelled_queries_in_a_file: int = 3
    fewest_labelled_queries_in_all: int = 9
    most_tokens: int = 3_072  # of a text; what is over is cut off


LIMITS = Limits()
SOON = timedelta(days=90)  # before a base model's end, when its users should hear of it

BATCH_SIZES = range(1, 1024)  # [tune]
TRAIN_STEPS = range(31, 1_000_001)  # [tune]: more than 30; the upper bound is ours, against a typing error
DIMENSIONS = range(1, 769)  # [tune]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when a known word is near, else nothing."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
