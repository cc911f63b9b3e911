"""How much single queries differ between two models, and how often the gate's interval holds the true mean of that.

Run it: `.venv/bin/python tests/bench/gate.py FOLDER... [--trials 1000]`. Each folder is a dataset in the four-file format;
`deploy/local/dropforge_local/demo/data/banking77` is one. The local tuner tunes the bundled base model on it twice, with
learning rates 30 times apart: the first against the base is what a first deployment changes, the second against the first
what a next one does. Then samples are drawn from those differences, whose mean is known.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from dropforge.domain.evaluation import NDCG
from dropforge.domain.intervals import RESAMPLES, interval_of
from dropforge_local.vertex.embedding.wordllama_base import bundled_base
from dropforge_local.vertex.tuning.job import run_job
from dropforge_local.vertex.tuning.protocol import Failed, TuningSpec

SIZES = 10, 30, 50, 100, 300
SHARES = 0.02, 0.05, 0.1  # of queries that differ at all
CONFIDENCE = 0.95
PARAMETERS = {
    "corpus_path": "corpus.jsonl",
    "queries_path": "queries.jsonl",
    "train_label_path": "training_label.tsv",
    "validation_label_path": "",
    "test_label_path": "test_label.tsv",
    "base_model_version_id": "text-embedding-005",
    "task_type": "DEFAULT",
    "batch_size": 128,
    "train_steps": 1000,
    "output_dimensionality": -1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--trials", type=int, default=1000)
    asked = parser.parse_args()
    populations = {}
    print(
        "| dataset | against | test queries | mean | standard deviation | differ at all | of these, root mean square |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for folder in asked.folders:
        base, first = figures_of(folder, 1.0)
        _, second = figures_of(folder, 30.0)
        for against, seen in (("base", first - base), ("deployed", second - first)):
            populations[f"{folder.name}, {against}"] = seen
            differ = seen[seen != 0]
            print(
                f"| {folder.name} | {against} | {len(seen):,} | {seen.mean():+.3f} | {seen.std(ddof=1):.3f} "
                f"| {len(differ) / len(seen):.0%} | {np.sqrt((differ**2).mean()):.3f} |"
            )
    last = next(seen for name, seen in reversed(populations.items()) if name.endswith("base"))
    for share in SHARES:
        populations[f"{share:.0%} of queries differ"] = thinned(last[last != 0], share)
    populations["2% of queries differ, all lose"] = thinned(-np.abs(last[last != 0]), 0.02)
    print(f"\n| differences as of | {' | '.join(f'{size} queries' for size in SIZES)} |")
    print(f"| --- |{' ---: |' * len(SIZES)}")
    for name, seen in populations.items():
        print(f"| {name} | {' | '.join(covered(seen, size, asked.trials) for size in SIZES)} |", flush=True)
    print(
        f"\n{asked.trials:,} samples each; {CONFIDENCE:.0%} confidence; in parentheses the same of the plain percentiles"
    )


def figures_of(folder, multiplier):
    """nDCG@10 of each test query, by the base and by the model that is tuned."""
    shelf, failed = Shelf({file.name: file.read_bytes() for file in folder.iterdir()}), []
    with tempfile.TemporaryDirectory() as models:
        parameters = PARAMETERS | {"learning_rate_multiplier": multiplier}
        spec = TuningSpec("jobs/1", parameters, "out", f"{models}/1")
        run_job(spec, shelf, bundled_base(), lambda event: failed.append(event) if isinstance(event, Failed) else None)
    if failed:
        sys.exit(f"{folder}: {failed[0].message}")
    rows = [
        json.loads(line) for line in shelf.read("out/text-embedding-evaluator/metrics/per_query.jsonl").splitlines()
    ]
    return np.array([[row[model][NDCG] for row in rows if row["split"] == "test"] for model in ("base", "tuned")])


class Shelf:
    """Objects in memory."""

    def __init__(self, objects):
        self._objects = objects

    def read(self, uri):
        return self._objects[uri]

    def write(self, uri, content):
        self._objects[uri] = content


def thinned(differ, share):
    """As many zeros beside the differences as leave them this share of all."""
    return np.concatenate([differ, np.zeros(round(len(differ) * (1 / share - 1)))])


def covered(population, size, trials):
    chance, mean = np.random.default_rng(size), population.mean()
    ours = plain = 0
    for trial in range(trials):
        sample = chance.choice(population, size)
        low, high = interval_of(sample, confidence=CONFIDENCE, seed=trial)
        ours += low <= mean <= high
        means = sample[chance.integers(0, size, (RESAMPLES // 10, size))].mean(axis=1)
        low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        plain += low <= mean <= high
    return f"{ours / trials:.1%} ({plain / trials:.1%})"


if __name__ == "__main__":
    main()
