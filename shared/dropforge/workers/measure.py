"""Measure a tuned model that is served, and not yet used, beside its base and the model that readers use now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dropforge import wire
from dropforge.aliases import Aliases
from dropforge.domain import datasets, gate
from dropforge.domain.content import Text, labels_of
from dropforge.domain.errors import Missing, Refused, Transient
from dropforge.domain.evaluation import Measured, examples_of, measure
from dropforge.domain.facts import Judgement, Serving
from dropforge.domain.runs import Run
from dropforge.domain.sampling import Sample, sample_of
from dropforge.domain.spaces import Alias
from dropforge.domain.tuning import Tuning
from dropforge.ledger import Ledger
from dropforge.ports import ModelHost, ObjectStore
from dropforge.settings import Settings
from dropforge.workers.averages import averages_of, can_tell
from dropforge.workers.input import Input
from dropforge.workers.views import Vectors, Views

Embed = Callable[[Sequence[Text]], list[list[float]]]
Take = Callable[[Vectors, Vectors, Measured], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Asks models for vectors of a run's held-out queries, and the gate for its verdict.

    The operator's rules bound it: each model is asked for at most `most_queries + most_documents` texts. Repeated, it
    gives the same verdict.

    Attributes:
        aliases: Say what readers use now.
        ledger: Knows the run that made what they use.
        state: Where the figures of every query are kept.
        host: Serves the models.
        settings: The operator's rules.
        patient: Whether to wait for another model that does not answer now; if not, the others decide.
    """

    aliases: Aliases
    ledger: Ledger
    state: ObjectStore
    host: ModelHost
    settings: Settings
    patient: bool = True

    def judgement(self, run: Run, serving: Serving, read: Input) -> Judgement:
        """The verdict on a run's model, which is served where `serving` says, measured with the run's own files.

        Where measuring it would tell nothing, or a service refuses it, the pipeline's own averages decide.

        Raises:
            Exhausted, Unavailable: It cannot be measured now.
        """
        averages = averages_of(run, self.settings)
        if not can_tell(run, self.settings):
            return averages
        sample = self._sample(read)
        views = Views(sample, run.id)
        tuning = run.tuning
        try:
            tuned = _measured(
                sample,
                lambda texts: self.host.embed(serving.endpoint, texts, tuning.task_type),
                partial(views.take, "tuned"),
            )
        except Refused as error:
            return replace(averages, because=f"{averages.because}; it could not be measured: {error}")
        base = self._asked(sample, lambda texts: self._by_base(texts, tuning), partial(views.take, "base"))
        used = self._used(run)
        deployed = self._of_readers(sample, used) if used else None
        views.write(self.state)
        judgement = gate.judge_measured(
            tuned,
            base,
            deployed,
            base_model=tuning.base_model,
            space=used.space if used else "",
            rules=self.settings.operator.gate,
            examples=examples_of(sample, base, tuned) if base else (),
            report=self._kept(run, {"tuned": tuned, "base": base, "deployed": deployed}),
        )
        if used and deployed is None:
            return replace(judgement, because=f"{judgement.because}; the model that readers use could not be measured")
        return judgement

    def _by_base(self, texts: Sequence[Text], tuning: Tuning) -> list[list[float]]:
        """The base model's vectors. It takes titles of documents only; otherwise the title becomes part of the text."""
        if tuning.task_type != "RETRIEVAL_DOCUMENT":
            texts = [Text("", f"{text.title} {text.text}".strip()) for text in texts]
        return self.host.embed_by_base(tuning.base_model, texts, tuning.task_type, tuning.output_dimensionality)

    def _sample(self, read: Input) -> Sample:
        rules = self.settings.operator.gate
        return sample_of(
            read.lines(datasets.TEST_LABELS),
            read.lines(datasets.QUERIES),
            read.lines(datasets.CORPUS),
            without={query for query, _, score in labels_of(read.lines(datasets.TRAINING_LABELS)) if score},
            most_queries=rules.most_queries,
            most_documents=rules.most_documents,
            seed=rules.seed,
        )

    def _used(self, run: Run) -> Alias | None:
        """Where readers are pointed to now, unless to this very run."""
        alias = self.aliases.of(run.dataset)
        return alias if alias and alias.run != run.id else None

    def _of_readers(self, sample: Sample, used: Alias) -> Measured | None:
        """What the vectors of the model that readers use now are worth; None where somebody removed it."""
        run = self.ledger.load(used.run)
        try:
            if run and run.serving and not self.host.serves(used.endpoint, run.serving.deployed_model):
                return None
        except Missing:
            return None
        return self._asked(sample, lambda texts: self.host.embed(used.endpoint, texts, used.task_type))

    def _asked(self, sample: Sample, embed: Embed, take: Take | None = None) -> Measured | None:
        """What another model's vectors are worth; None where it is gone, refuses, or has been silent for too long."""
        try:
            return _measured(sample, embed, take)
        except (Missing, Refused):
            return None
        except Transient:
            if self.patient:
                raise
            return None

    def _kept(self, run: Run, measured: dict[str, Measured | None]) -> str:
        name = f"runs/{run.id}/gate.json"
        figures = {model: each.figures for model, each in measured.items() if each}
        self.state.write(name, wire.encode(figures), replacing=None)
        return f"gs://{self.state.bucket}/{name}"


def _measured(sample: Sample, embed: Embed, take: Take | None = None) -> Measured:
    queries, documents = embed(list(sample.queries.values())), embed(list(sample.documents.values()))
    measured = measure(sample, queries, documents)
    if take:
        take(queries, documents, measured)
    return measured
