"""The doctor says of each thing that is missing what it is, and the command that mends it."""

import json
import socket
import subprocess
import threading
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.wired import BUCKET, Wired, deployed, subscription
from support.world import ENVIRONMENT, World
from typer.testing import CliRunner

from dropforge import bootstrap
from dropforge.adapters.memory import MemoryNotifier
from dropforge.cli import doctor as command
from dropforge.cli import main as command_line
from dropforge.deadletters import DeadLetter
from dropforge.doctor.buckets import buckets
from dropforge.doctor.configuration import environment, sense
from dropforge.doctor.diagnosis import RESTART, State, ok, wrong
from dropforge.doctor.examination import examine
from dropforge.doctor.messages import letters, messages
from dropforge.doctor.schedules import schedules
from dropforge.doctor.slack import hello, slack
from dropforge.doctor.spending import spending
from dropforge.doctor.vertex import vertex
from dropforge.domain.caps import Caps
from dropforge.domain.errors import NotPermitted, Refused, Unavailable
from dropforge.domain.jobs import Machines
from dropforge.domain.topology import TAKES, TOPICS
from dropforge.settings import Operator, load

SETTINGS = load(ENVIRONMENT)
LAPTOP = load(ENVIRONMENT | {"DROPFORGE_VERTEX_ENDPOINT": "http://127.0.0.1:1"})
TODAY = date(2026, 11, 28)
APPLY = "terraform -chdir=deploy/terraform/environments/ENVIRONMENT apply -var project=p"


@pytest.fixture
def world():
    return World()


def of(found):
    return {each.what: each for each in found}


def states(found):
    return {each.what: each.state for each in found}


def faulty(found):
    return {each.what: each for each in found if each.state is State.WRONG}


# Settings


def test_everything_that_is_not_set_is_told_at_once():
    found = of(environment({}))
    assert set(found) == {"DROPFORGE_PROJECT", "DROPFORGE_DROP_BUCKET", "DROPFORGE_STATE_BUCKET"}
    assert found["DROPFORGE_PROJECT"].do == "export DROPFORGE_PROJECT=PROJECT_ID"


def test_a_complete_environment_is_well():
    assert set(states(environment(ENVIRONMENT)).values()) == {State.OK}


def test_what_shows_the_environment_shows_no_secret():
    secrets = {
        "DROPFORGE_SLACK_TOKEN": "xoxb-1",
        "DROPFORGE_WEBHOOK_URL": "https://u:xoxb-2@h",
        "DROPFORGE_WEBHOOK_SECRET": "xoxb-3",
    }
    [found] = environment(ENVIRONMENT | secrets)
    shown = subprocess.run(
        ["bash", "-c", found.do], env=ENVIRONMENT | secrets, capture_output=True, text=True, check=True
    )
    assert "DROPFORGE_PROJECT=" in shown.stdout
    assert "xoxb" not in shown.stdout


def test_an_operators_file_that_cannot_be_used_is_told(tmp_path):
    path = tmp_path / "dropforge.yaml"
    path.write_text("trainin: {}")
    found = of(environment(ENVIRONMENT | {"DROPFORGE_CONFIG": str(path)}))["operator's file"]
    assert (found.state, "did you mean training" in found.says) == (State.WRONG, True)
    assert found.do == f"${{EDITOR:-vi}} {path}"


def test_a_webhook_that_is_none_is_told_without_it():
    found = list(environment(ENVIRONMENT | {"DROPFORGE_SLACK_URL": "hooks.slack.com/services/T/B/secret"}))
    assert [each.state for each in found] == [State.WRONG]
    assert "secret" not in str(found)


def test_machines_that_vertex_refuses_are_told():
    settings = replace(SETTINGS, location="europe-west3", operator=Operator(training=Machines(accelerator_type="H100")))
    told = [each.says for each in sense(settings, ENVIRONMENT, TODAY) if each.what == "machines"]
    assert len(told) == 2
    assert any("europe-west3 a project may serve on 0" in each for each in told)


@pytest.mark.parametrize(
    ("day", "state", "says"),
    [
        (date(2026, 6, 1), State.OK, "until 2027-03-01"),
        (date(2027, 1, 20), State.OK, "retires on 2027-04-01"),
        (date(2027, 3, 1), State.WRONG, "has taken no new tuning since"),
        (date(2027, 4, 1), State.WRONG, "was retired"),
    ],
)
def test_the_default_base_model_has_a_future(day, state, says):
    found = of(sense(SETTINGS, ENVIRONMENT, day))["base model"]
    assert (found.state, says in found.says) == (state, True)


def test_a_model_near_its_end_is_a_note():
    assert of(sense(SETTINGS, ENVIRONMENT, date(2027, 1, 20)))["base model"].do
    assert not of(sense(SETTINGS, ENVIRONMENT, date(2026, 6, 1)))["base model"].do


def test_half_a_laptop_is_told():
    local = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1", "PUBSUB_EMULATOR_HOST": "127.0.0.1:2"}
    assert of(sense(SETTINGS, ENVIRONMENT | local, TODAY))["environment"].do.startswith("unset STORAGE_EMULATOR_HOST")
    one = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}
    assert "PUBSUB_EMULATOR_HOST is not set" in of(sense(LAPTOP, ENVIRONMENT | one, TODAY))["environment"].says
    assert "environment" not in of(sense(LAPTOP, ENVIRONMENT | local, TODAY))


def test_vertex_is_asked_in_the_region_where_jobs_run():
    settings = replace(SETTINGS, vertex_endpoint="europe-west4-aiplatform.googleapis.com")
    assert of(sense(settings, ENVIRONMENT, TODAY))["region"].do == "unset DROPFORGE_VERTEX_ENDPOINT"


# Buckets

PAIR = [replace(BUCKET, name="drop", versioned=False), BUCKET]


def looked_at(world, wired, settings=SETTINGS):
    return list(buckets(settings=settings, wiring=wired, drop=world.drop, state=world.state, project=None))


def test_buckets_that_are_set_up_are_well(world):
    found = looked_at(world, Wired(PAIR))
    assert {each.state for each in found} == {State.OK, State.SKIPPED}
    assert list(world.state.list("")) == [], "the probe is removed"


@pytest.mark.parametrize(
    ("changed", "says", "flag"),
    [
        ({"uniform": False}, "object by object", "--uniform-bucket-level-access"),
        ({"private": False}, "opened to everybody", "--public-access-prevention"),
        ({"versioned": False}, "keeps no versions", "--versioning"),
        ({"held": "a retention period"}, "has a retention period", "--clear-retention-period"),
        ({"expires": ("",)}, "deletes every object", "--clear-lifecycle"),
        ({"expires": ("runs/", "ledger/")}, "deletes ledger/:", "--clear-lifecycle"),
    ],
)
def test_a_state_bucket_that_loses_or_shows_records_is_told(world, changed, says, flag):
    found = faulty(looked_at(world, Wired([PAIR[0], replace(BUCKET, **changed)])))
    assert set(found) == {"gs://state"}
    assert says in found["gs://state"].says
    assert found["gs://state"].do.startswith("gcloud storage buckets update gs://state")
    assert flag in found["gs://state"].do


def test_the_runs_own_data_may_expire(world):
    assert faulty(looked_at(world, Wired([PAIR[0], replace(BUCKET, expires=("runs/",))]))) == {}


def test_a_laptops_bucket_needs_no_protection(world):
    bare = [replace(each, private=False, versioned=False) for each in PAIR]
    assert faulty(looked_at(world, Wired(bare), LAPTOP)) == {}


def test_a_bucket_in_another_region_is_a_note(world):
    found = of(looked_at(world, Wired([PAIR[0], replace(BUCKET, location="europe-west4")])))["gs://state"]
    assert (found.state, found.do) == (State.OK, "export DROPFORGE_LOCATION=europe-west4")


def test_a_missing_bucket_is_made(world):
    assert faulty(looked_at(world, Wired([BUCKET])))["gs://drop"].do == (
        "gcloud storage buckets create gs://drop --project=p --location=us-central1 "
        "--uniform-bucket-level-access --public-access-prevention"
    )
    assert faulty(looked_at(world, Wired([BUCKET]), LAPTOP))["gs://drop"].do == RESTART


def test_one_bucket_for_both_would_feed_itself(world):
    settings = replace(SETTINGS, drop_bucket="state")
    assert "set the validator in motion" in faulty(looked_at(world, Wired([BUCKET]), settings))["gs://state"].says


def test_a_store_that_ignores_preconditions_is_found_out(world):
    keep, write = world.state.write, world.state.write
    world.state.write = lambda name, data, *, replacing: write(name, data, replacing=None)
    assert "ignores ifGenerationMatch" in faulty(looked_at(world, Wired(PAIR)))["writing records"].says
    world.state.write = keep
    assert list(world.state.list("")) == []


def test_who_may_not_look_hears_of_the_role_and_of_all_the_rest(world):
    def refused(*_, **__):
        raise NotPermitted("403 Permission denied")

    world.state.write = refused
    found = of(looked_at(world, Wired(PAIR)))
    assert (found["writing records"].state, found["reading drops"].state) == (State.UNKNOWN, State.OK)
    assert "roles/storage.objectUser" in found["writing records"].says


# Messages


def test_a_deployment_has_all_topics_and_subscriptions():
    found = list(messages(settings=SETTINGS, wiring=Wired()))
    assert {each.state for each in found} == {State.OK}, found


def test_a_missing_topic_is_made():
    wired = Wired()
    wired.there -= {"notices"}
    assert of(messages(settings=SETTINGS, wiring=wired))["topic notices"].do == (
        "gcloud pubsub topics create notices --project=p"
    )


def test_where_nothing_is_deployed_one_deploys():
    found = [each for each in messages(settings=SETTINGS, wiring=Wired(there=set())) if each.what == "topics"]
    assert [each.do for each in found] == [APPLY]


@pytest.mark.parametrize("function", TAKES)
def test_a_function_that_hears_nothing_is_told(function):
    for topic in TAKES[function]:
        others = [each for each in deployed() if each.name != f"{function}.{topic}"]
        found = faulty(messages(settings=SETTINGS, wiring=Wired(subscribed=others)))
        assert {what: each.do for what, each in found.items()} == {f"{function} on {topic}": APPLY}


def test_the_validator_that_hears_of_no_object_is_told():
    others = [each for each in deployed() if not each.name.startswith("eventarc-")]
    assert set(faulty(messages(settings=SETTINGS, wiring=Wired(subscribed=others)))) == {"validate_dataset"}


def test_dead_letters_that_nothing_keeps_are_told():
    others = [each for each in deployed() if each.name != "dead-sweep"]
    found = faulty(messages(settings=SETTINGS, wiring=Wired(subscribed=others)))
    assert found["subscription dead-sweep"].do.startswith(
        "gcloud pubsub subscriptions create dead-sweep --topic=dead-sweep"
    )


def test_one_command_mends_all_that_is_wrong_with_a_subscription():
    bad = subscription("sweep.sweep-requests", "sweep-requests", dead_letters="", expires=True, backs_off=False)
    others = [each for each in deployed() if each.name != bad.name]
    [found] = faulty(messages(settings=SETTINGS, wiring=Wired(subscribed=[*others, bad]))).values()
    assert found.do == (
        "gcloud pubsub subscriptions update sweep.sweep-requests --project=p --expiration-period=never "
        "--min-retry-delay=10s --max-retry-delay=600s --dead-letter-topic=dead-sweep --max-delivery-attempts=100"
    )


def test_a_subscription_of_another_name_counts_where_it_delivers_to_the_function():
    """As Eventarc names its own; somebody else's does not count, nor one from which messages are pulled."""
    others = [each for each in deployed() if each.name != "submit_tuning.dataset-validated"]

    def with_one(name, push):
        one = subscription(name, "dataset-validated", push=push)
        return set(faulty(messages(settings=SETTINGS, wiring=Wired(subscribed=[*others, one]))))

    assert with_one("eventarc-us-central1-submit-tuning-123456-sub-789", "https://x.run.app/") == set()
    assert with_one("mine", "https://submit-tuning-42.us-central1.run.app/") == set()
    assert with_one("audit", "https://audit-resubmit-tuning.example/") == {"submit_tuning on dataset-validated"}
    assert with_one("submit-tuning-copy", "") == {"submit_tuning on dataset-validated"}


def test_a_topic_list_that_fails_does_not_hide_the_subscriptions():
    class Half(Wired):
        def topics(self):
            raise Unavailable("listing the topics: 503")

    assert states(messages(settings=SETTINGS, wiring=Half())) == {
        "topics": State.WRONG, "subscriptions": State.OK, "validate_dataset": State.OK,
    }  # fmt: skip


def test_dead_letters_are_counted_by_function(world):
    assert set(states(letters(settings=SETTINGS, state=world.state, undelivered=world.undelivered)).values()) == {
        State.OK
    }
    for number in range(3):
        world.state.write(f"aside/{'sweep' if number else 'notify_slack'}/{number}.json", b"{}", replacing=0)
    world.undelivered.kept.append(
        DeadLetter(function="sweep", id="1", type="t", source="s", error="Undelivered", reason="r", data={})
    )
    given_back = []
    world.undelivered.give_back = lambda: given_back.append(True)
    found = of(letters(settings=SETTINGS, state=world.state, undelivered=world.undelivered))
    assert found["set aside"].says == "3 dead letters: 1 of notify_slack, 2 of sweep"
    assert found["given up"].says == "1 dead letter: 1 of sweep"
    assert given_back == [True], "others see at once what was looked at"


# Schedules


def ticked(world, created=BUCKET.created, settings=SETTINGS):
    wiring = Wired([replace(BUCKET, created=created)])
    return of(schedules(settings=settings, ledger=world.ledger, wiring=wiring, clock=world.clock))


def test_workers_leave_a_trace_of_their_ticks(world):
    world.watch()
    world.sweep()
    world.clock.advance(100)
    found = ticked(world)
    assert {each.state for each in found.values()} == {State.OK}
    assert found["sweep"].says == "its last tick finished 1 min ago"


def test_a_tick_that_cannot_be_noted_was_taken_all_the_same(world):
    def refused(*_, **__):
        raise Unavailable("503")

    world.state.annotate = refused
    assert world.watch().what.value == "done"
    assert ticked(world)["watch_status"].state is State.WRONG


def test_a_clock_that_has_stopped_is_told(world):
    world.watch()
    world.sweep()
    world.clock.advance(20 * 60)
    assert {what: each.state for what, each in ticked(world).items()} == {
        "watch_status": State.WRONG, "sweep": State.OK,
    }  # fmt: skip
    world.clock.advance(40 * 60)
    assert ticked(world)["sweep"].do == "gcloud scheduler jobs list --location=us-central1 --project=p"


def test_a_new_deployment_may_not_have_ticked_yet(world):
    now = world.clock.now()
    assert ticked(world, created=now)["sweep"].state is State.UNKNOWN
    assert ticked(world, created=now - timedelta(days=1))["sweep"].state is State.WRONG


# Vertex AI


def test_a_vertex_that_does_not_answer_is_told(world):
    def down(*_):
        raise Unavailable("listing the jobs: " + "HTTPConnectionPool" * 50) from ConnectionError()

    world.tuner.unfinished = down
    found = of(vertex(settings=LAPTOP, tuner=world.tuner, host=world.host, project=None))
    assert (found["jobs"].state, found["jobs"].do) == (State.WRONG, "dropforge local status")
    assert found["jobs"].says == "no answer (ConnectionError)"
    assert (found["endpoints"].state, found["rights"].state) == (State.OK, State.SKIPPED)


# Slack


def incoming(port):
    return replace(SETTINGS, slack_url=f"http://127.0.0.1:{port}/services/T/B/secret")


def test_slack_is_reached_without_a_message():
    with socket.create_server(("127.0.0.1", 0)) as server:
        [found] = slack(settings=incoming(server.getsockname()[1]))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            assert (found.state, connection.recv(10)) == (State.OK, b"")


def test_a_slack_that_is_not_there_is_told_without_its_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    [found] = slack(settings=incoming(port))
    assert (found.state, "ConnectionRefused" in found.says) == (State.WRONG, True)
    assert "secret" not in str(found)


def test_no_webhook_is_a_note():
    [found] = slack(settings=SETTINGS)
    assert (found.state, bool(found.do)) == (State.OK, True)


def test_a_hello_is_a_message():
    notifier = MemoryNotifier()
    [found] = hello(settings=incoming(1), notifier=notifier, bot=None)
    assert (found.state, [message.facts for message in notifier.told]) == (State.OK, [(("Project", "p"),)])

    def gone(_):
        raise Refused("Slack answered 400 no_service")

    notifier.tell = gone
    [found] = hello(settings=incoming(1), notifier=notifier, bot=None)
    assert (found.state, "no_service" in found.says) == (State.WRONG, True)


# Spending


def test_no_cap_is_a_note():
    [found] = spending(settings=SETTINGS)
    assert (found.state, "none" in found.says) == (State.OK, True)
    [found] = spending(settings=replace(SETTINGS, operator=Operator(caps=Caps(jobs_in_flight=2))))
    assert (found.says, found.do) == ("jobs_in_flight 2", "")


# All together


class Ports(bootstrap.Ports):
    """Ports of which only the project is asked for first."""

    project = None


def test_a_look_that_stumbles_or_hangs_hides_no_other():
    free = threading.Event()

    def stumbles():
        yield ok("before", "well")
        raise KeyError("surprise")

    def hangs():
        yield ok("first", "well")
        free.wait(10)

    def fine():
        yield wrong("third", "bad", "mend")

    began = time.monotonic()
    found = list(examine(Ports(LAPTOP), {"a": (stumbles, hangs), "b": (fine,)}, patience=0.3))
    free.set()
    assert time.monotonic() - began < 5
    assert [(each.subject, each.what, each.state) for each in found[1:]] == [
        ("a", "before", State.OK),
        ("a", "stumbles", State.UNKNOWN),
        ("a", "first", State.OK),
        ("a", "hangs", State.UNKNOWN),
        ("b", "third", State.WRONG),
    ]


def test_without_credentials_nothing_else_is_asked():
    class Nobody:
        def caller(self):
            raise Unavailable("reauthentication is needed")

    ports = Ports(SETTINGS)
    ports.project = Nobody()
    found = list(examine(ports, {"a": (lambda: pytest.fail("it was asked"),)}))
    assert [(each.what, each.state) for each in found] == [("credentials", State.WRONG), ("all", State.SKIPPED)]
    assert found[0].do == "gcloud auth application-default login"


# The command


@pytest.fixture
def found(monkeypatch):
    """What the services are said to show."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "DROPFORGE_CONFIG", "DROPFORGE_SLACK_URL"):
        monkeypatch.delenv(name, raising=False)
    shown = []
    monkeypatch.setattr(command, "examine", lambda *_: iter(shown))
    return shown


def called(*arguments):
    return CliRunner().invoke(command_line.app, ["doctor", *arguments])


def test_what_is_wrong_comes_first_and_its_command_is_whole(found):
    long = "gcloud " + "x" * 300
    found += [
        replace(ok("a", "well"), subject="good"),
        replace(ok("b", "well"), subject="bad"),
        replace(wrong("c", "bad", long), subject="bad"),
    ]
    answer = called()
    lines = [line.rstrip() for line in answer.output.splitlines()]
    assert answer.exit_code == 1
    assert lines[0] == "bad"
    assert lines[1].startswith(" ✗ c")
    assert lines[2] == f"   do: {long}"
    assert lines[3].startswith(" ✓ b")
    assert "\x1b" not in answer.output
    assert lines[-1] == "1 wrong, 6 well"


def test_what_has_a_note_is_counted_as_such(found):
    found += [replace(ok("caps", "there are none", "set some"), subject="s"), replace(ok("a", "well"), subject="s")]
    lines = called().output.splitlines()
    assert any(line.startswith(" ! caps") for line in lines)
    assert lines[-1].startswith("1 to consider, ")


def test_what_is_well_or_not_known_is_no_failure(found):
    found.append(replace(wrong("c", "bad", ""), state=State.UNKNOWN, subject="s"))
    assert called().exit_code == 0


def test_programs_are_told_the_same(found):
    found.append(replace(wrong("topic x", "is not there", "mend"), subject="messages"))
    answer = called("--json")
    told = json.loads(answer.output)
    assert told[-1] == {
        "do": "mend", "says": "is not there", "state": "wrong", "subject": "messages", "what": "topic x",
    }  # fmt: skip
    assert answer.exit_code == 1


def test_hostile_text_does_not_reach_the_terminal(found):
    found.append(replace(wrong("x", "\x1b[2J\u202e", "\x07"), subject="s"))
    assert not {"\x1b", "\u202e", "\x07"} & set(called().output)


def test_with_settings_that_cannot_be_read_nothing_is_asked(monkeypatch, found):
    monkeypatch.delenv("DROPFORGE_PROJECT")
    answer = called("--json")
    told = json.loads(answer.output)
    assert [each["what"] for each in told if each["state"] == "wrong"] == ["DROPFORGE_PROJECT"]
    assert {each["state"] for each in told[1:]} == {"skipped"}
    assert answer.exit_code == 1


def test_without_a_dropforge_it_is_not_started(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (*ENVIRONMENT, "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    answer = called()
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "dropforge local up" in answer.stderr


def test_the_help_says_what_marks_and_statuses_mean():
    text = " ".join(called("--help").output.split())
    assert "Exit status: 0 nothing is wrong, 1 something is, 2 not examined" in text
    assert "Example: dropforge doctor --say-hello" in text.replace("`", "")


def test_every_topic_has_somebody_who_takes_it():
    assert {topic for topics in TAKES.values() for topic in topics} == set(TOPICS)
