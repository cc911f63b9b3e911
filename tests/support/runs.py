"""Runs, made on the spot."""

from datetime import UTC, datetime, timedelta

from dropforge.domain.facts import Checked
from dropforge.domain.files import Pin
from dropforge.domain.runs import Run, State, Step
from dropforge.domain.tuning import Tuning

MOMENT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def validated(run_id: str = "topics-0123456789ab", **tuning: object) -> Run:
    """A run whose dataset was validated."""
    names = ("corpus.jsonl", "queries.jsonl", "training_label.tsv", "test_label.tsv")
    return Run(
        id=run_id,
        dataset="topics",
        version="0123456789ab" + "0" * 52,
        dropped_at=MOMENT,
        pins=tuple(Pin(name, 1, 10, "AAAAAA==") for name in names),
        tuning=Tuning(**tuning),
        state=State.VALIDATED,
        history=(
            Step(state=State.VALIDATING, at=MOMENT, function="validate_dataset", event="e"),
            Step(state=State.VALIDATED, at=MOMENT + timedelta(seconds=1), function="validate_dataset", event="e"),
        ),
        checked=Checked(counts={}, findings=(), rows={"corpus.jsonl": 9}, report="gs://state/runs/r/report.json"),
    )
