"""What the code knows of a deployment is what the deployments read."""

import json
import re
from pathlib import Path

from dropforge.doctor.project import SERVICES
from dropforge.domain import topology
from dropforge.workers import sweep, watch

DEPLOY = Path(__file__).parents[2] / "deploy"
DEPLOYED = json.loads((DEPLOY / "topology.json").read_text())
MINUTES = {"* * * * *": 1, "*/10 * * * *": 10}


def test_the_topics_are_those_that_are_deployed():
    assert set(topology.TOPICS) == set(DEPLOYED["topics"])
    assert set(topology.PUBLIC) == {name for name, topic in DEPLOYED["topics"].items() if topic["public"]}


def test_each_function_takes_what_it_is_deployed_with():
    triggers = {name: function["trigger"] for name, function in DEPLOYED["functions"].items()}
    takes = {name: tuple(trigger["topics"]) for name, trigger in triggers.items() if "topics" in trigger}
    assert {name: set(topics) for name, topics in topology.TAKES.items()} == {n: set(t) for n, t in takes.items()}
    assert [name for name, trigger in triggers.items() if "bucket" in trigger] == [topology.VALIDATE]


def test_each_schedule_ticks_as_often_as_it_is_deployed():
    by_topic = {topic: name for name, topics in topology.TAKES.items() for topic in topics}
    periods = {by_topic[each["topic"]]: MINUTES[each["cron"]] for each in DEPLOYED["schedules"].values()}
    assert {name: period.total_seconds() / 60 for name, period in topology.PERIODS.items()} == periods
    assert set(topology.PERIODS) == {watch.FUNCTION, sweep.FUNCTION}


def test_the_state_bucket_keeps_versions():
    """The doctor asks for it in the cloud."""
    assert DEPLOYED["buckets"]["state"]["versioning"] is True


def test_the_apis_are_those_that_the_deployment_enables():
    written = (DEPLOY / "terraform/modules/dropforge/apis.tf").read_text().partition("toset([")[2].partition("])")[0]
    assert set(SERVICES) == set(re.findall(r'"([a-z]+)\.googleapis\.com"', written))
