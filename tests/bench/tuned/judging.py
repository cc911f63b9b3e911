"""Asks the gate about a tuned model as the function does once it is served: with the run, the files, and both models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.tuned.datasets import Dataset
from support.examination import examined
from support.runs import validated

from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.aliases import Aliases
from dropforge.domain.content import Text
from dropforge.domain.facts import Checked, Judgement, Serving, Tuned
from dropforge.domain.gate import GateRules
from dropforge.ledger import Ledger
from dropforge.ports import NEW
from dropforge.settings import Operator, Settings, load
from dropforge.workers.averages import averages_of
from dropforge.workers.input import Input
from dropforge.workers.measure import Measurement
from dropforge_local.vertex.embedding import EmbeddingModel, titled, unit
from dropforge_local.vertex.embedding.wordllama_base import bundled_base

WHOLE = GateRules(most_queries=10_000, most_documents=50_000)
_PLACES = {"DROPFORGE_PROJECT": "p", "DROPFORGE_DROP_BUCKET": "drop", "DROPFORGE_STATE_BUCKET": "state"}
_SERVING = Serving(endpoint="", deployed_model="")


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says.

    Attributes:
        whole: Of all held-out queries, among all documents.
        sample: Of the sample that the rules take where the operator sets none.
        averages: Of the pipeline's averages alone.
    """

    whole: Judgement
    sample: Judgement
    averages: Judgement


class Served:
    """What the gate asks of a `ModelHost`, answered with the models' own vectors as the local Vertex AI does."""

    def __init__(self, tuned: EmbeddingModel) -> None:
        self._tuned = tuned

    def embed(self, endpoint: str, texts: Sequence[Text], task_type: str) -> list[list[float]]:
        return self._tuned.encode(_plain(texts)).vectors.tolist()

    def embed_by_base(
        self, base_model: str, texts: Sequence[Text], task_type: str, dimensions: int | None
    ) -> list[list[float]]:
        return unit(bundled_base().encode(_plain(texts)).vectors[:, :dimensions]).tolist()


def judged(
    dataset: Dataset, model: EmbeddingModel, *, metrics: Mapping[str, float], parameters: Mapping[str, Any]
) -> Judged:
    """Let the gate measure and judge.

    Args:
        dataset: With the test labels.
        model: What stands on the endpoint.
        metrics: The pipeline's averages.
        parameters: Of the tuning.
    """
    report = examined(dataset.files)
    checked = Checked(counts=report.counts, findings=(), rows=report.rows, report="", held_out=report.held_out)
    run = replace(validated(**parameters), checked=checked, tuned=Tuned(model="", metrics=dict(metrics)))
    store = MemoryStore(MemoryDisk(ManualClock()), "state")
    for name, content in dataset.files.items():
        store.write(f"runs/{run.id}/input/{name}", content, replacing=NEW)

    def by(rules: GateRules) -> Judgement:
        host = Served(model)
        return Measurement(Aliases(store), Ledger(store), store, host, _settings(rules)).judgement(
            run, _SERVING, Input(store, run.id)
        )

    return Judged(by(WHOLE), by(GateRules()), averages_of(run, _settings(GateRules())))


def _settings(rules: GateRules) -> Settings:
    return replace(load(_PLACES), operator=Operator(gate=rules))


def _plain(texts: Sequence[Text]) -> list[str]:
    return [titled(text.text, text.title) for text in texts]
