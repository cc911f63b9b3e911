"""What a rehearsal would make, take and cost, told before anything is called."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cloud.deployed import SAMPLE, TUNING
from cloud.deployment import ROOT, Options
from cloud.rehearsal import PATIENCE

from dropforge import settings
from dropforge.adapters.directory import Directory
from dropforge.domain.datasets import Folder
from dropforge.domain.events import JobComplete, ModelDeployed
from dropforge.domain.findings import Findings
from dropforge.domain.machines import Hardware
from dropforge.domain.plan import estimate, figure
from dropforge.domain.tuning import resolve
from dropforge.examine import Examiner


def announced(options: Options, operator_file: Path) -> Iterator[str]:
    """The lines that say it.

    Raises:
        Misconfigured: The operator's file cannot be used.
    """
    operator = settings.operator({"DROPFORGE_CONFIG": str(operator_file)})
    topology = json.loads((ROOT / "deploy" / "topology.json").read_bytes())
    today = datetime.now(UTC).date()
    tuning = resolve(TUNING, operator.bounds, today, Findings())
    reader = Directory(Path(str(SAMPLE)))
    report = Examiner(reader, operator).check(Folder.anywhere("", reader.list("")), tuning, Findings())
    expected = estimate(tuning, report.rows, operator.training, operator.serving, operator.plan, operator.prices)
    job_hours, serving_hours = PATIENCE[JobComplete] / 3600, PATIENCE[ModelDeployed] / 3600

    yield f"The rehearsal in {options.project}, {options.region}:"
    yield (
        f"  makes    {len(topology['functions'])} functions, {len(topology['topics'])} topics with subscriptions and "
        f"dead letters, {len(topology['schedules'])} schedules, {len(topology['buckets']) + 1} buckets, accounts, "
        "rights, alarms (deploy/terraform/README.md)"
    )
    yield (
        f"  tunes    {tuning.base_model} with {expected.examples:,} labels, {expected.steps} steps of "
        f"{expected.batch_size} pairs, on {_named(operator.training)}"
    )
    yield (
        f"  takes    {expected.machine_hours:.1f} hours, {expected.accelerator_hours:.1f} accelerator hours, at "
        f"{expected.assumed}; after {figure(job_hours)} hours it is given up"
    )
    yield f"  costs    tuning: {_price(expected.price, expected.currency, expected.unpriced)}"
    most = None if expected.serving_price_per_hour is None else expected.serving_price_per_hour * serving_hours
    yield (
        f"           an endpoint on {_named(operator.serving)}, for as long as deployment and a prediction take, at "
        f"most {figure(serving_hours)} hours: {_price(most, expected.currency, expected.serving_unpriced)}"
    )
    yield "           not estimated, and small beside that: builds, requests, storage, logs"
    yield (
        "  removes  everything again, after a failure, too: every run's job and endpoint, the drop and the state "
        "bucket with whatever is in them by then"
    )
    yield (
        "  leaves   services switched on; the job's entry in the history; deleted objects for 30 days of soft delete; "
        "the custom roles' names, which a next rehearsal gets within 7 days, or after up to 37"
    )


def _named(hardware: Hardware) -> str:
    return f"{hardware.machine_type} with {hardware.accelerator_count} x {hardware.accelerator_type}"


def _price(price: float | None, currency: str, lacking: str) -> str:
    if price is None:
        return f"the price is not known: {lacking}; name your file by --config"
    return f"{price:,.2f} {currency}, by your prices".replace("  ", " ")
