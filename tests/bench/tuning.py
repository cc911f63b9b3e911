"""What tuning the bundled base model is worth on real data, what it takes, and what the gate says of it.

Run it: `.venv/bin/python tests/bench/tuning.py --data FOLDER [--write docs/tuning.md]`. The folder holds datasets in the
four-file format, a folder each; nothing is downloaded. Every tuning is a job of the local Vertex AI, in a process of its
own. With four datasets of up to 9,000 queries it takes some ten minutes on two cores.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.tuned import datasets, tables
from bench.tuned.datasets import Dataset
from bench.tuned.judging import judged
from bench.tuned.laboratory import Laboratory, laboratory
from bench.tuned.spreading import spread
from bench.tuned.tables import Trial
from support.written import write
from validation.machine import described, load

CHANGES: Sequence[Mapping[str, Any]] = (
    {"train_steps": 100},
    {"train_steps": 300},
    {"train_steps": 3000},
    {"learning_rate_multiplier": 0.3},
    {"learning_rate_multiplier": 3.0},
    {"learning_rate_multiplier": 10.0},
    {"batch_size": 32},
    {"output_dimensionality": 64},
    {"output_dimensionality": 128},
    {"output_dimensionality": 256},
)
SHARES = 0.1, 0.25, 0.5
NAMES = 4  # beside the first: how often chance is asked


@dataclass(slots=True)
class Bench:
    """Tunes and judges, and keeps all that came of it."""

    at: Laboratory
    trials: list[Trial] = field(default_factory=list)

    def tried(self, dataset: Dataset, change: str = "", parameters: Mapping[str, Any] | None = None) -> Trial:
        """One tuning; `change` tells it from the dataset's others."""
        trained = self.at.tune(f"{dataset.name} {change}", dataset, parameters or {})
        found = judged(dataset, trained.model, metrics=trained.metrics, parameters=parameters or {})
        trial = Trial(dataset, change, trained, found)
        self.trials.append(trial)
        print(f"{dataset.name}, {change or 'as it comes'}: {trial.judged.whole.because}", file=sys.stderr, flush=True)
        return trial

    def parameters(self, first: Trial) -> Iterator[Trial]:
        """Each parameter by itself."""
        for change in CHANGES:
            [(name, value)] = change.items()
            yield self.tried(first.dataset, f"`{name}: {value:g}`", change)

    def labels(self, first: Trial) -> Iterator[Trial]:
        """Fewer labels."""
        for share in SHARES:
            yield self.tried(datasets.with_share_of_labels(first.dataset, share), f"{share:.0%} of the queries")

    def harm(self, first: Trial) -> Iterator[Trial]:
        """What should not help."""
        if split := datasets.by_document(first.dataset):
            yield self.tried(split, "other documents than tested")
        yield self.tried(datasets.poisoned(first.dataset), "poisoned")
        yield self.tried(datasets.shuffled(first.dataset), "shuffled")

    def chance(self, first: Trial) -> Iterator[Trial]:
        """The same under other names."""
        for number in range(NAMES):
            yield self.tried(first.dataset, f"again {number + 1}")


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print or write what came of it; `words` are those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="has a folder for each dataset")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between the marks of this page")
    asked = parser.parse_args(words)
    every = [datasets.read(folder) for folder in sorted(asked.data.iterdir()) if folder.is_dir()]
    if not every:
        raise SystemExit(f"{asked.data} has no folder: give it one for each dataset")
    busy = load()
    written = measured(every)
    about = [
        f"- {datetime.now(UTC):%Y-%m-%d}, {described()}.",
        f"- Load average before the run: {busy} (one minute).",
        f"- numpy {version('numpy')}, wordllama {version('wordllama')}.",
        "- `python tests/bench/tuning.py --data FOLDER --write docs/tuning.md`",
    ]
    for name, lines in {"about": "\n".join(about), **written}.items():
        if asked.write:
            write(asked.write, name, [lines])
        else:
            print(f"\n{name}\n\n{lines}")


def measured(every: Sequence[Dataset]) -> dict[str, str]:
    """Every table by its name on the page.

    Raises:
        SystemExit: The pipeline and the gate measured different things; says where.
    """
    with ExitStack() as stack:
        bench = Bench(stack.enter_context(laboratory()))
        first = [bench.tried(dataset) for dataset in every]
        telling = [trial for trial in first if trial.judged.whole.measured]
        chance = [again for trial in telling for again in (trial, *bench.chance(trial))]
        parameters = [changed for trial in telling for changed in (trial, *bench.parameters(trial))]
        labels = [fewer for trial in telling for fewer in (*bench.labels(trial), trial)]
        harm = [spoiled for trial in telling for spoiled in (trial, *bench.harm(trial))]
        another = Bench(stack.enter_context(laboratory()))
        repeated = [(trial, another.tried(trial.dataset)) for trial in first]
    if wrong := tables.disagreeing([*bench.trials, *another.trials]):
        raise SystemExit("\n".join(wrong))
    return {
        "datasets": tables.sets(first),
        "gate": tables.gate(first),
        "cost": tables.cost(first),
        "chance": tables.chance(chance),
        "parameters": tables.parameters(parameters),
        "labels": tables.labels(labels),
        "harm": tables.labels(harm),
        "spread": tables.spreads((spread(trial.dataset), trial) for trial in telling),
        "repeated": tables.repeated(repeated),
    }


if __name__ == "__main__":
    main()
