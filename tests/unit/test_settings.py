"""Settings come from the environment and the operator's file; what is wrong with them is told."""

import re
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
from support.world import ENVIRONMENT

from dropforge.domain.errors import Misconfigured
from dropforge.domain.jobs import Machines
from dropforge.domain.tuning import Tuning
from dropforge.settings import Operator, load

PAGE = Path(__file__).parents[2] / "docs/operator.md"


def configured(tmp_path, text):
    path = tmp_path / "dropforge.yaml"
    path.write_text(text)
    return load(ENVIRONMENT | {"DROPFORGE_CONFIG": str(path)})


def test_what_is_not_set_has_a_default():
    settings = load(ENVIRONMENT)
    assert settings.vertex_endpoint == "us-central1-aiplatform.googleapis.com"
    assert (settings.settle_seconds, settings.patience_seconds) == (10, 600)


@pytest.mark.parametrize("name", ["DROPFORGE_PROJECT", "DROPFORGE_DROP_BUCKET", "DROPFORGE_STATE_BUCKET"])
def test_what_must_be_set_is_asked_for(name):
    with pytest.raises(Misconfigured, match=f"{name} is not set: give it"):
        load({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize("value", ["soon", "-1", "1e9", "nan"])
def test_a_time_is_a_number_of_seconds(value):
    with pytest.raises(Misconfigured, match="from 0 to 300"):
        load(ENVIRONMENT | {"DROPFORGE_SETTLE_SECONDS": value})


def test_the_operators_file_sets_defaults_and_machines(tmp_path):
    settings = configured(tmp_path, "tuning: {train_steps: 500}\ntraining: {machine_type: n1-standard-8}\n")
    assert settings.operator.tuning == Tuning(train_steps=500)
    assert settings.operator.training == Machines(machine_type="n1-standard-8")


def test_the_operators_file_says_which_deployments_a_dataset_may_ask_for(tmp_path):
    settings = configured(tmp_path, "tuning: {deploy: manual}\nallowed_deploy: [manual, never]\n")
    assert settings.operator.bounds.allowed_deploy == {"manual", "never"}


def test_an_empty_file_changes_nothing(tmp_path):
    assert configured(tmp_path, "").operator == load(ENVIRONMENT).operator


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tunning: {}", "tunning is no setting; did you mean tuning?"),
        ("tuning: {train_stops: 5}", "train_stops is no setting; did you mean train_steps?"),
        ("tuning: {train_steps: many}", "train_steps"),
        ("tuning: {base_model: gecko}", "base_model is 'gecko', but takes one of"),
        ("predictions_a_minute: 0", "predictions_a_minute must be from 1 to"),
        ("allowed_deploy: [manual]", "tuning.deploy is unless_worse, which allowed_deploy does not name"),
        ("allowed_deploy: []", "tuning.deploy is unless_worse, which allowed_deploy does not name"),
        ("allowed_deploy: [unless_worse, allways]", "allowed_deploy"),
        ("- a", "cannot be used"),
        ("a: [", "cannot be used"),
    ],
)
def test_a_mistake_in_the_operators_file_is_told(tmp_path, text, told):
    with pytest.raises(Misconfigured, match=told.replace("?", r"\?")):
        configured(tmp_path, text)


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(Misconfigured, match=r"nowhere\.yaml, which DROPFORGE_CONFIG names"):
        load(ENVIRONMENT | {"DROPFORGE_CONFIG": "nowhere.yaml"})


TELLING = {
    "DROPFORGE_SLACK_URL": "https://hooks.example/hunter2",
    "DROPFORGE_SLACK_TOKEN": "xoxb-hunter2",
    "DROPFORGE_WEBHOOK_URL": "https://receiver.example/hunter2",
    "DROPFORGE_WEBHOOK_SECRET": "whsec_hunter2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa whsec_hunter2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
}


def test_what_tells_people_is_a_secret():
    read = load(ENVIRONMENT | TELLING)
    assert "hunter2" not in repr(read)
    assert (len(read.webhook_keys), {len(key) for key in read.webhook_keys}) == (2, {30})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DROPFORGE_SLACK_URL", "http://hooks.example/hunter2"),
        ("DROPFORGE_SLACK_URL", "http://127.0.0.1:1@hooks.example/hunter2"),
        ("DROPFORGE_SLACK_URL", "https://"),
        ("DROPFORGE_SLACK_URL", "https://[hunter2"),
        ("DROPFORGE_SLACK_API", "http://slack.example/hunter2"),
        ("DROPFORGE_SLACK_TOKEN", "xoxp-hunter2"),
        ("DROPFORGE_SLACK_TOKEN", "xoxb-hunter2\n"),
        ("DROPFORGE_WEBHOOK_URL", "ftp://receiver.example/hunter2"),
        ("DROPFORGE_WEBHOOK_URL", ""),
        ("DROPFORGE_WEBHOOK_SECRET", ""),
        ("DROPFORGE_WEBHOOK_SECRET", " \n"),
        ("DROPFORGE_WEBHOOK_SECRET", "hunter2"),
        ("DROPFORGE_WEBHOOK_SECRET", "whsec_aHVudGVyMg=="),
        ("DROPFORGE_WEBHOOK_SECRET", "whsec_hunter2!"),
        ("DROPFORGE_WEBHOOK_SECRET", TELLING["DROPFORGE_WEBHOOK_SECRET"] + " hunter2"),
    ],
)
def test_what_tells_people_is_checked(name, value):
    with pytest.raises(Misconfigured, match=name) as caught:
        load(ENVIRONMENT | TELLING | {name: value})
    assert "hunter2" not in str(caught.value)


def test_the_page_about_the_file_names_every_key_and_says_what_holds_without_it(tmp_path):
    [written] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    keys = msgspec.yaml.decode(written, type=dict[str, object])
    assert set(keys) == {field.name for field in fields(Operator)}
    assert configured(tmp_path, written).operator == Operator()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("labels: {managed-by: us}\n", "managed-by is a label of Dropforge's own"),
        ("labels: {Team: search}\n", "labels.Team is 'search'"),
        ("gate: {margin: 2}\n", "margin is 2"),
        ("gate: {most_queries: 20}\n", "less than fewest_queries"),
        ("attempts: 0\n", "attempts must be from 1 to 10"),
        ("notifications: {channel: ml}\n", "notifications.channel is 'ml'"),
        ("notifications: {chanel: '#ml'}\n", "chanel is no setting; did you mean channel"),
    ],
)
def test_what_an_operator_cannot_mean_is_refused(tmp_path, text, told):
    with pytest.raises(Misconfigured, match=told):
        configured(tmp_path, text)


def test_all_that_an_operator_cannot_mean_is_told_at_once(tmp_path):
    with pytest.raises(Misconfigured, match=r"margin is 2.*; attempts must be from 1 to 10"):
        configured(tmp_path, "gate: {margin: 2}\nattempts: 0\n")
