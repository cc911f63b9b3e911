"""The topology, Terraform, the laptop and the code say the same of what is deployed."""

import re
from pathlib import Path

from support.data import dataset
from support.world import World
from terraform.deployment import PROJECT, ROOT
from terraform.policies.reading import functions, inner, pushes

import stage
from dropforge import logs, settings
from dropforge.adapters.google import undelivered
from dropforge.doctor.diagnosis import State
from dropforge.doctor.facts import Subscription
from dropforge.doctor.messages import messages
from dropforge.domain.events import RunStuck
from dropforge.domain.runs import STUCK_AFTER
from dropforge.domain.topology import JOBS_LOG, PUBLIC, TAKES, TOPICS
from dropforge.workers import sweep
from dropforge_local.stack import topology, wiring
from dropforge_local.stack.environment import environment
from dropforge_local.vertex import job_events
from dropforge_local.vertex.lifecycle import CANCELLED, FAILED, SUCCEEDED

LAPTOP = topology.load(ROOT / "deploy" / "topology.json")
SECRETS = {"DROPFORGE_SLACK_URL", "DROPFORGE_SLACK_TOKEN"}
NOT_OF_TERRAFORM = SECRETS | {"DROPFORGE_SLACK_API", "DROPFORGE_VERTEX_ENDPOINT"}  # addresses that are not the cloud's


def short(name):
    return (name or "").rpartition("/")[2]


def test_every_folder_of_functions_is_deployed():
    assert {path.parent.name for path in ROOT.glob("functions/*/main.py")} == set(LAPTOP.functions)


def test_an_archive_is_staged_for_every_function_that_is_deployed(full):
    assert {each.key for each in full.all("storage_bucket_object")} == set(stage.functions(ROOT))
    for each in functions(full):
        assert inner(each, "service_config")["environment_variables"]["DROPFORGE_CONFIG"] == stage.CONFIG


def test_the_code_and_the_topology_name_the_same_topics(full):
    assert set(TOPICS) == set(LAPTOP.topics)
    assert set(PUBLIC) == {name for name, topic in LAPTOP.topics.items() if topic["public"]}
    assert {name: set(topics) for name, topics in TAKES.items()} == {
        name: set(function.trigger.topics) for name, function in LAPTOP.functions.items() if function.trigger.topics
    }


def test_the_cloud_subscribes_as_the_laptop_does(full):
    """Names, topics, deadlines, retention, dead letters, expiry; the backoff is each deployment's own."""
    urls = dict.fromkeys(LAPTOP.functions, "http://127.0.0.1:1")
    laptop = {
        name: (
            short(body["topic"]),
            body["ackDeadlineSeconds"],
            body["messageRetentionDuration"],
            short(body["deadLetterPolicy"]["deadLetterTopic"]),
            body["deadLetterPolicy"]["maxDeliveryAttempts"],
            body["expirationPolicy"].get("ttl", ""),
        )
        for name, body in wiring._push_subscriptions(LAPTOP, urls).items()
    }
    cloud = {
        each.values["name"]: (
            short(each.values["topic"]),
            each.values["ack_deadline_seconds"],
            each.values["message_retention_duration"],
            short(inner(each, "dead_letter_policy")["dead_letter_topic"]),
            inner(each, "dead_letter_policy")["max_delivery_attempts"],
            inner(each, "expiration_policy")["ttl"],
        )
        for each in pushes(full)
    }
    assert cloud == laptop


def test_people_are_shown_every_dead_letter_that_is_kept(full):
    kept = {each.values["name"] for each in full.all("pubsub_subscription") if each.name == "dead"}
    assert kept
    assert kept <= set(undelivered._OURS)


def test_functions_get_the_settings_that_the_laptop_gives(full):
    ports = dict.fromkeys(("storage", "pubsub", "pubsub-rest", "vertex", "slack", "console"), 1)
    laptop = {name for name in environment(ports) if name.startswith("DROPFORGE_")}
    optional = {name for name in laptop if name.endswith("_SECONDS")}
    for each in functions(full):
        given = set(inner(each, "service_config")["environment_variables"]) - {"THREADS"}
        assert given - {"DROPFORGE_CONFIG"} == laptop - optional - NOT_OF_TERRAFORM


def test_functions_can_read_the_settings_that_they_get(full, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    account = f"dropforge-runner@{PROJECT}.iam.gserviceaccount.com"
    Path("dropforge.yaml").write_text(f"service_account: {account}\n")
    for each in functions(full):
        read = settings.load(inner(each, "service_config")["environment_variables"])
        assert (read.project, read.state_bucket) == (PROJECT, f"{PROJECT}-dropforge-state")
        assert read.operator.service_account == account


def test_no_settings_are_left_to_events_for_as_long_as_a_function_runs():
    """A sweep leaves a run alone for longer than whoever is at it may take."""
    patience = settings.load(
        {"DROPFORGE_PROJECT": "p", "DROPFORGE_DROP_BUCKET": "d", "DROPFORGE_STATE_BUCKET": "s"}
    ).patience_seconds
    assert max(function.timeout_seconds for function in LAPTOP.functions.values()) < patience


def test_what_fails_is_set_aside_with_its_reason_before_eventarc_forgets_it():
    """Eventarc drops an event after 24 hours; a function that keeps failing sets it aside before."""
    given_up = settings.load(
        {"DROPFORGE_PROJECT": "p", "DROPFORGE_DROP_BUCKET": "d", "DROPFORGE_STATE_BUCKET": "s"}
    ).give_up_seconds
    assert given_up < 24 * 3600


def test_the_sink_lets_through_what_vertex_logs(full):
    """As the laptop's Vertex logs it: of the ends that there are, each; and the log's name is the same."""
    (sink,) = full.all("logging_project_sink")
    expected = sink.values["filter"]
    for state in (SUCCEEDED, FAILED, CANCELLED):
        name = "projects/p/locations/l/pipelineJobs/run"
        entry = job_events.log_entry({"name": name, "state": state, "endTime": "2026-01-01T00:00:00Z"})
        assert f'"{entry["jsonPayload"]["state"]}"' in expected
        assert f'resource.type="{entry["resource"]["type"]}"' in expected
        assert f'log_id("{entry["logName"].rpartition("/")[2].replace("%2F", "/")}")' in expected
    assert short(sink.values["destination"]) == JOBS_LOG


def test_what_is_counted_is_what_the_code_logs(full):
    counted = {
        name for each in full.all("logging_metric") for name in re.findall(r'"(\w+\.\w+)"', each.values["filter"])
    }
    assert counted
    assert counted <= logs.NAMES


def test_the_doctor_finds_nothing_wrong_with_what_would_be_deployed(full):
    found = [
        Subscription(
            name=each.values["name"],
            topic=short(each.values["topic"]),
            push=inner(each, "push_config").get("push_endpoint", ""),
            dead_letters=short(inner(each, "dead_letter_policy").get("dead_letter_topic")),
            expires=inner(each, "expiration_policy").get("ttl") != "",
            backs_off=bool(inner(each, "retry_policy")),
        )
        for each in full.all("pubsub_subscription")
    ]
    # Eventarc's own, which it makes with the trigger of the validator.
    found.append(
        Subscription(
            name="eventarc-us-central1-validate-dataset-1-sub-2",
            topic="eventarc-us-central1-validate-dataset-1",
            push="https://validate-dataset-1.run.app",
            dead_letters="",
            expires=False,
            backs_off=True,
        )
    )

    class Deployed:
        def topics(self):
            return frozenset(each.values["name"] for each in full.all("pubsub_topic"))

        def subscriptions(self):
            return tuple(found)

    looked = list(
        messages(
            settings=settings.load(
                {"DROPFORGE_PROJECT": PROJECT, "DROPFORGE_DROP_BUCKET": "d", "DROPFORGE_STATE_BUCKET": "s"}
            ),
            wiring=Deployed(),
        )
    )
    assert [each for each in looked if each.state is not State.OK] == []
    assert len(looked) == 3


def test_a_run_that_is_stuck_is_logged_as_what_the_alarm_counts(monkeypatch):
    world = World()
    world.land(world.put("topics", dataset()))
    world.react()
    world.clock.advance(max(STUCK_AFTER.values()).total_seconds())
    entries = []
    monkeypatch.setattr(sweep.log, "warning", lambda event, **facts: entries.append((event, facts)), raising=False)
    world.sweep()
    run = world.only_run().id
    assert [event for event, facts in entries if facts.get("stuck") == run] == ["record.repaired"]
    assert len(world.published(RunStuck)) == 1
