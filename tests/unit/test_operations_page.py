"""The page for whoever is called at night: its commands exist, its alerts are the deployment's, its figures the code's."""

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from support.commands import parsed
from support.data import dataset
from support.world import ENVIRONMENT, World

from dropforge.adapters.google import vertex
from dropforge.adapters.memory import MemoryStore
from dropforge.domain.catalogue import CATALOGUE, QUOTAS
from dropforge.domain.jobs import DATASET_LABEL, MANAGED, RUN_LABEL, Machines
from dropforge.domain.runs import STUCK_AFTER, State
from dropforge.domain.topology import PERIODS
from dropforge.settings import Operator, ServingMachines, load

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text("utf-8").replace("\u00d7", "*")  # the sign of multiplication
PROSE = " ".join(TEXT.split())
MODULE = ROOT / "deploy/terraform/modules/dropforge"
MONITORING = (MODULE / "monitoring.tf").read_text("utf-8")
TOPOLOGY = json.loads((ROOT / "deploy/topology.json").read_text("utf-8"))
SHELL = "\n".join(re.findall(r"^```\n(.+?)^```", TEXT, re.DOTALL | re.MULTILINE)).splitlines()
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.+?^```", "", TEXT, flags=re.DOTALL | re.MULTILINE))
COMMANDS = sorted(
    {found[0] for line in [*SHELL, *SPANS] if (found := re.findall(r"(?:^|(?<= ))dropforge [a-z].*", line))}
)
SUM = re.compile(r"(?<![\d.,])\d[\d.,]*(?: [*/+] \d[\d.,]*)+ = \d[\d.,]*\d")
FIRES = re.compile(
    r"^### (.+)\n\nFires (?:above ([\d,]+)|after (\d+) minutes)[^,.]*(?:, for (\d+) minutes)?", re.MULTILINE
)


def rows(heading, text=TEXT):
    """The cells of a section's table, without its head."""
    section = re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def number(text):
    return float(text.replace(",", ""))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_it_shows_is_understood(line):
    parsed(line)


def test_it_shows_every_command_that_an_operator_needs():
    shown = {line.split()[1] for line in COMMANDS}
    assert {"doctor", "runs", "show", "plan", "cancel", "rerun", "approve", "rollback", "retire", "dlq"} <= shown


@pytest.mark.parametrize(
    "line", ["dropforge retire RUN --to x", "dropforge halt RUN", "dropforge dlq show", "dropforge runs RUN"]
)
def test_a_command_that_is_none_would_be_found(line):
    with pytest.raises((Exception, SystemExit), match=r"No such option|there is no halt|Missing parameter|unexpected"):
        parsed(line)


def test_every_alert_has_its_heading_and_fires_as_it_says():
    """Given the alarms of the deployment, expect a heading each, with threshold and duration in the first sentence."""
    alarms = re.findall(r'title +?= "(.+?)".+?threshold = (\d+)\s+lasting +?= (\d+)', MONITORING, re.DOTALL)
    assert len(alarms) == len(re.findall(r"^\s+todo +=", MONITORING, re.MULTILINE))
    expected = {title: (int(threshold), int(lasting) // 60) for title, threshold, lasting in alarms}
    [(absent, seconds)] = re.findall(
        r'display_name = "([^"$]+)"\s+condition_absent \{\s+filter +?= \S+\s+duration = "(\d+)s"', MONITORING
    )
    said = {title: (number(above), int(last or 0)) for title, above, after, last in FIRES.findall(TEXT) if not after}
    assert said == expected
    assert {(title, after) for title, _, after, _ in FIRES.findall(TEXT) if after} == {
        (absent, str(int(seconds) // 60))
    }


def test_every_alarm_is_added_up_over_the_five_minutes_that_it_says():
    assert set(re.findall(r'alignment_period += "(\d+)s"', MONITORING)) == {"300"}
    assert len(re.findall(r"in five minutes", TEXT)) == 2


def test_each_state_in_which_a_run_can_be_stuck_is_told_after_what_it_says():
    told = {row[0].strip("`"): row[1] for row in rows("A run is stuck in")}
    expected = {state.value: f"{after // timedelta(hours=1)} hours" for state, after in STUCK_AFTER.items()}
    assert told == {"validating": "-", **expected}
    assert set(State) <= set(SPANS)


def test_quotas_are_the_catalogues():
    said = {row[0]: row[1] for row in rows("Quotas to ask for")}
    for name in (
        "concurrent_jobs",
        "parallel_tasks",
        "submissions_a_minute",
        "requests_a_minute",
        "predictions_a_minute",
    ):
        assert number(said.pop(name.replace("_", " "))) == getattr(QUOTAS, name)
    accelerator = ServingMachines().accelerator_type
    most = max(CATALOGUE.serving_quotas[accelerator].values())
    assert said == {
        f"accelerators for serving, {accelerator}": f"{most} where offered",
        "accelerators for training": "not known",
    }


def test_every_sum_is_right():
    """Expect what is left of each equals sign to make what is right of it, to its last digit."""
    sums = SUM.findall(PROSE)
    assert len(sums) == PROSE.count(" = ") > 15
    for told in sums:
        left, _, right = told.partition(" = ")
        made = eval(left.replace(",", ""), {"__builtins__": {}})
        digits = len(right.partition(".")[2])
        assert abs(made - number(right)) <= 0.5 * 10**-digits + 1e-9, told


def test_what_sums_begin_with_is_what_the_code_says():
    operator, settings, delivery = Operator(), load(ENVIRONMENT), TOPOLOGY["delivery"]["cloud"]
    texts = operator.gate.most_queries + operator.gate.most_documents
    ticks = {name: timedelta(days=1) // period for name, period in PERIODS.items()}
    jobs, requests, submissions = QUOTAS.concurrent_jobs, QUOTAS.requests_a_minute, QUOTAS.submissions_a_minute
    retries = [str(operator.pause_after(attempt) // timedelta(minutes=1)) for attempt in (1, 2)]
    for told in (
        f"{jobs} * {Machines().accelerator_count} = ",
        f"{jobs} * 1,440 / {operator.plan.overhead_minutes:g} = ",
        f"{requests} * 1,440 / 100,000 = ",
        f"{-(-jobs // vertex._PAGE)} pages of {vertex._PAGE} for {jobs} jobs in flight",
        f"{texts:,} texts",
        f"{operator.predictions_a_minute:,} * 1,440 * 5 / 2 / {texts:,} = ",
        f"{submissions} * 1,440 = ",
        f"{ticks['watch_status']:,} + {ticks['sweep']:,} = ",
        f"{TOPOLOGY['functions']['validate_dataset']['cloud']['instances']} * 86,400 / ",
        f"{operator.attempts} attempts, the second after {retries[0]} minutes, the third after {retries[1]}",
        f"after {settings.give_up_seconds / 3600:g} hours",
        f"begun again after {settings.patience_seconds / 60:g} minutes",
        f"told after {settings.incomplete_after_seconds / 3600:g} hour",
        f"up to {delivery['attempts']} times",
        f"{delivery['minimum_backoff_seconds']} to {delivery['maximum_backoff_seconds']} seconds apart",
        f"still served: {operator.keep_previous_hours:g} hours",
    ):
        assert told in PROSE, told


def test_the_example_of_a_run_is_that_of_the_page_on_costs():
    costs = (ROOT / "docs/costs.md").read_text("utf-8")
    assert "takes       57 minutes" in costs
    assert "endpoint    5.00 USD an hour" in costs


def test_data_is_kept_for_as_long_as_it_says():
    buckets, topics = ((MODULE / f"{name}.tf").read_text("utf-8") for name in ("buckets", "topics"))
    kept = re.search(r"each\.value\.versioning \? (\d+) : (\d+)\) \* 24 \* 3600", buckets)
    assert f"soft delete keeps it for {kept[1]} days" in PROSE
    assert f"Soft delete keeps it for {kept[2]} days" in PROSE
    [week], [month] = (re.findall(rf'{name} += "\$\{{(\d+) \* 24', topics) for name in ("week", "month"))
    assert f"Pub/Sub keeps the events for {week} days" in PROSE
    assert f"kept for {month} days" in PROSE


def test_the_resources_that_it_names_are_those_that_are_deployed():
    names = {f"dropforge-{schedule}" for schedule in TOPOLOGY["schedules"]}
    assert set(re.findall(r"jobs \w+ (dropforge-\w+)", TEXT)) == names
    function, topic = re.search(r"modify-push-config (\w+)\.(\S+)", TEXT).groups()
    assert topic in TOPOLOGY["functions"][function]["trigger"]["topics"]
    secrets = (MODULE / "secrets.tf").read_text("utf-8")
    assert 'secret_id = "dropforge-${each.key}"' in secrets
    named = set(re.findall(r"dropforge-((?:slack|webhook)-\w+)", TEXT))
    assert named == set(re.findall(r"^    ((?:slack|webhook)-\w+) += {", secrets, re.MULTILINE))
    variables = (ROOT / "deploy/terraform/environments/production/variables.tf").read_text("utf-8")
    assert set(re.findall(r"-var '?(\w+)=", TEXT)) <= set(re.findall(r'^variable "(\w+)"', variables, re.MULTILINE))
    assert {f"{MANAGED[0]}={MANAGED[1]}", RUN_LABEL, DATASET_LABEL} <= set(SPANS)


def test_links_lead_to_what_there_is():
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", TEXT):
        page = (ROOT / "docs" / target).read_text("utf-8") if target else TEXT
        headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings}


@pytest.fixture
def calls(monkeypatch):
    """How often each method of a store was called, whichever bucket's it was."""
    counts = Counter()
    for name, real in vars(MemoryStore).items():
        if name.startswith("_") or not callable(real):
            continue

        def counted(*arguments, real=real, name=name, **options):
            counts[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(MemoryStore, name, counted)
    return counts


def test_a_watchers_tick_with_nothing_in_flight_costs_what_it_says(calls):
    world = World()
    world.watch()
    calls.clear()
    world.watch()
    assert calls.total() > 0
    assert f"{calls.total()} storage operations: {calls.total()} * 1,440 = " in PROSE


def test_a_run_is_told_as_often_as_it_says():
    """Given a first run, expect what it says of Slack once the space's retirement is told, too."""
    world = World()
    world.deploy("topics", dataset())
    assert world.only_run().state is State.DEPLOYED
    assert f"{len(world.notifier.told) + 1} a run that is deployed and later retired" in PROSE


def test_a_release_reads_records_with_fields_that_it_does_not_know():
    world = World()
    world.land(world.put("topics", dataset()))
    [run] = world.ledger.summaries()
    path = f"ledger/{run.id}.json"
    data, generation = world.state.read(path)
    world.state.write(path, json.dumps(json.loads(data) | {"of_a_later_release": 1}).encode(), replacing=generation)
    assert world.ledger.load(run.id).state is State.VALIDATED
    assert f"(`schema`, {json.loads(data)['schema']} so far)" in PROSE
