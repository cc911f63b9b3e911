"""What was measured, as the tables of docs/tuning.md."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from bench.tuned.datasets import Dataset
from bench.tuned.judging import Judged
from bench.tuned.laboratory import Trained
from bench.tuned.spreading import Spread
from bench.validation.tables import table

from dropforge.domain.evaluation import MEASURES, NDCG
from dropforge.domain.facts import Judgement
from dropforge.domain.gate import passes
from dropforge.domain.tuning import DeployPolicy

AGREE = 1e-4  # of the pipeline's average and the gate's of all queries: equal cosines may be ranked another way


@dataclass(frozen=True, slots=True)
class Trial:
    """One tuning, and what the gate says of it.

    Attributes:
        dataset: What was tuned on.
        change: What is not as it comes, in words; empty for nothing.
        trained: What the job left.
        judged: The gate's verdicts.
    """

    dataset: Dataset
    change: str
    trained: Trained
    judged: Judged


def sets(trials: Sequence[Trial]) -> str:
    """Base and tuned, on all held-out queries over the whole corpus."""
    rows = [
        (
            trial.dataset.name,
            f"{trial.dataset.documents:,}",
            f"{len(trial.dataset.train):,}",
            f"{trial.judged.whole.queries:,}",
            f"{trial.dataset.seen:.0%}",
            *(_from_to(trial.judged.whole, measure) for measure in MEASURES),
            _kept(trial),
        )
        for trial in trials
    ]
    heads = (
        "dataset",
        "documents",
        "training labels",
        "held-out queries",
        "documents trained on",
        *MEASURES,
        "step kept",
    )
    return table(heads, rows)


def gate(trials: Sequence[Trial]) -> str:
    """The verdicts with all queries, with the sample, and by the averages alone."""
    rows = []
    for trial in trials:
        for title, judgement in _judgements(trial):
            rows.append((trial.dataset.name, title, _size(judgement), _from_to(judgement, NDCG), *_verdict(judgement)))
    heads = ("dataset", "judged by", "queries / documents", NDCG, "gain (interval)", "verdict")
    return table((*heads, "`unless_worse`", "`only_if_better`"), rows)


def cost(trials: Sequence[Trial]) -> str:
    """Seconds of each phase, and memory."""
    rows = [
        (
            trial.dataset.name,
            *(f"{seconds:.1f}" for seconds in trial.trained.seconds),
            f"{trial.trained.cpu:.1f}",
            f"{trial.trained.peak / 1024**2:,.0f}",
        )
        for trial in trials
    ]
    return table(("dataset", "start", "read, embed", "train", "evaluate", "hand over", "CPU s", "peak MiB"), rows)


def parameters(trials: Sequence[Trial]) -> str:
    """What each parameter does."""
    rows = [
        (trial.dataset.name, trial.change or "as they come", *_found(trial), _kept(trial), f"{trial.trained.cpu:.1f}")
        for trial in trials
    ]
    return table(("dataset", "parameters", *_FOUND, "step kept", "CPU s"), rows)


def labels(trials: Sequence[Trial]) -> str:
    """What the labels do: fewer of them, or wrong ones."""
    rows = [
        (
            trial.dataset.name,
            trial.change or "as they come",
            f"{len(trial.dataset.train):,}",
            f"{trial.judged.whole.queries:,}",
            *_found(trial),
            _does(trial.judged.sample, "unless_worse"),
            _does(trial.judged.sample, "only_if_better"),
            _kept(trial),
        )
        for trial in trials
    ]
    heads = ("dataset", "labels", "of training", "held-out queries", *_FOUND)
    return table((*heads, "`unless_worse`", "`only_if_better`", "step kept"), rows)


def spreads(found: Iterable[tuple[Spread, Trial]]) -> str:
    """What evenly spread vectors gain, beside what labels do."""
    rows = [
        (
            spread.dataset.name,
            f"{spread.closeness:.2f}",
            _from_to(spread.judged.whole, NDCG),
            *_verdict(spread.judged.whole)[:2],
            f"{trial.judged.whole.tuned:.3f}",
        )
        for spread, trial in found
    ]
    return table(("dataset", "closeness", f"{NDCG}, spread", "gain (interval)", "verdict, all", "tuned"), rows)


def chance(trials: Sequence[Trial]) -> str:
    """How much the same tuning under other names differs, by dataset."""
    rows = []
    for name in dict.fromkeys(trial.dataset.name for trial in trials):
        figures = [trial.judged.whole.tuned or 0.0 for trial in trials if trial.dataset.name == name]
        ends = f"{min(figures):.3f} to {max(figures):.3f}"
        rows.append((name, str(len(figures)), f"{fmean(figures):.3f}", f"{stdev(figures):.4f}", ends))
    return table(("dataset", "jobs", f"mean tuned {NDCG}", "standard deviation", "from, to"), rows)


def repeated(pairs: Iterable[tuple[Trial, Trial]]) -> str:
    """Whether a job that is run again, by servers that know nothing of the first, comes out the same."""
    rows = [
        (
            first.dataset.name,
            _yes(first.trained.digest == second.trained.digest),
            _yes(first.trained.metrics == second.trained.metrics),
            _yes(first.judged == second.judged),
        )
        for first, second in pairs
    ]
    return table(("dataset", "weights, to the byte", "figures, to the last digit", "verdicts and intervals"), rows)


def disagreeing(trials: Iterable[Trial]) -> list[str]:
    """Trials whose pipeline averaged another figure than the gate measured; the two share no code."""
    return [
        f"{trial.dataset.name} {trial.change}: {pipeline:.5f} by the pipeline, {measured:.5f} by the gate"
        for trial in trials
        if (measured := trial.judged.whole.tuned) is not None
        and trial.judged.whole.measured
        and abs((pipeline := trial.trained.metrics[f"test_tuned_{NDCG}"]) - measured) > AGREE
    ]


_FOUND = (NDCG, "gain (interval)", "verdict, all", "verdict, sample")


def _found(trial: Trial) -> tuple[str, ...]:
    judged = trial.judged
    gain, verdict, *_ = _verdict(judged.whole)
    return _from_to(judged.whole, NDCG), gain, verdict, f"`{judged.sample.verdict}`"


def _judgements(trial: Trial) -> Sequence[tuple[str, Judgement]]:
    judged = trial.judged
    if not judged.whole.measured:
        return [("averages", judged.averages)]
    return [("all of it", judged.whole), ("the sample", judged.sample), ("averages", judged.averages)]


def _verdict(judgement: Judgement) -> tuple[str, str, str, str]:
    """Gain, verdict, and what two policies do."""
    gain = "-"
    if judgement.comparisons:
        [found] = judgement.comparisons
        gain = f"{found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    return gain, f"`{judgement.verdict}`", _does(judgement, "unless_worse"), _does(judgement, "only_if_better")


def _does(judgement: Judgement, policy: DeployPolicy) -> str:
    return "deploys" if passes(judgement, policy) else "withholds"


def _from_to(judgement: Judgement, measure: str) -> str:
    base, tuned = (judgement.figures.get(model, {}).get(measure) for model in ("base", "tuned"))
    return "-" if base is None or tuned is None else f"{base:.3f} → {tuned:.3f}"


def _size(judgement: Judgement) -> str:
    return f"{judgement.queries:,} / {judgement.documents:,}" if judgement.documents else f"{judgement.queries:,}"


def _kept(trial: Trial) -> str:
    return f"{trial.trained.kept:,} of {trial.trained.steps:,}"


def _yes(holds: bool) -> str:  # noqa: FBT001 - it is what is told
    return "the same" if holds else "**differ**"
