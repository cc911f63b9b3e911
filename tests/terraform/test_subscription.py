"""The subscription that downstream teams copy is planned like the deployment, and loses nothing."""

import json
import shutil

import pytest
from terraform.deployment import ROOT, TOPOLOGY

EXAMPLE = ROOT / "docs/examples/subscription.tf"


@pytest.fixture
def planned(terraform, tmp_path):
    """What would be made, by address."""
    shutil.copy(EXAMPLE, tmp_path)
    variables = {"project": "acme-search", "dropforge_project": "acme-ml"}
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(variables))
    for command in (["init"], ["plan", "-lock=false", "-refresh=false", "-out=plan"]):
        done = terraform(tmp_path, *command, "-input=false", "-no-color")
        assert done.returncode == 0, done.stderr
    shown = json.loads(terraform(tmp_path, "show", "-json", "-no-color", "plan").stdout)
    return {each["address"]: each["values"] for each in shown["planned_values"]["root_module"]["resources"]}


def test_it_never_expires_backs_off_and_keeps_what_it_gives_up(planned):
    kept = planned["google_pubsub_subscription.events"]
    assert kept["topic"].rpartition("/")[2] in {name for name, topic in TOPOLOGY["topics"].items() if topic["public"]}
    assert [policy["ttl"] for policy in kept["expiration_policy"]] == [""]
    assert kept["retry_policy"][0]["minimum_backoff"] == "10s"
    dead = planned["google_pubsub_subscription.dead"]
    assert kept["dead_letter_policy"][0]["dead_letter_topic"].endswith(
        f"/{planned['google_pubsub_topic.dead']['name']}"
    )
    assert [policy["ttl"] for policy in dead["expiration_policy"]] == [""]
    agent = planned["google_pubsub_topic_iam_member.given_up"]
    assert agent["role"] == "roles/pubsub.publisher"
    assert planned["google_pubsub_subscription_iam_member.given_up"]["role"] == "roles/pubsub.subscriber"


def test_it_is_formatted(terraform):
    assert terraform(EXAMPLE.parent, "fmt", "-check", "-diff").stdout == ""
