"""The local scheduler: which ticks are due, and what reaches Pub/Sub."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest
from google.cloud import pubsub_v1
from support.pubsub import PubSubServer
from support.servers import Server, eventually, running

from dropforge_local.scheduler.state import Schedule, Schedules, next_tick

SWEEP = Schedule("sweep", "sweep-requests", 10.0)


class TestGrid:
    """Times are chosen, nothing is waited for."""

    @pytest.fixture
    def progress(self, tmp_path):
        schedules = Schedules([SWEEP], tmp_path)
        yield schedules
        schedules.close()

    def test_the_first_tick_is_due_at_once(self, progress):
        assert progress.due(SWEEP, now=1_003.0) == 1_000.0

    def test_a_tick_that_was_served_is_not_due_again(self, progress):
        progress.serve(SWEEP, 1_000.0)

        assert progress.due(SWEEP, now=1_009.9) is None
        assert progress.due(SWEEP, now=1_010.0) == 1_010.0

    def test_a_restart_makes_up_for_one_tick_only(self, progress, tmp_path):
        progress.serve(SWEEP, 1_000.0)

        restarted = Schedules([SWEEP], tmp_path)
        assert restarted.due(SWEEP, now=9_999.0) == 9_990.0
        restarted.serve(SWEEP, 9_990.0)
        assert restarted.due(SWEEP, now=9_999.0) is None
        restarted.close()

    def test_a_clock_that_is_set_back_does_not_stop_a_schedule(self, progress):
        progress.serve(SWEEP, 9_990.0)

        assert progress.due(SWEEP, now=1_003.0) == 1_000.0

    def test_the_next_tick_is_on_the_grid(self):
        assert next_tick(SWEEP, now=1_003.0) == 1_010.0
        assert next_tick(SWEEP, now=1_010.0) == 1_020.0

    def test_the_report_counts_runs_and_failures_across_restarts(self, progress, tmp_path):
        progress.ran(SWEEP, at=1_000.25, published=True)
        progress.ran(SWEEP, at=1_010.25, published=False)

        restarted = Schedules([SWEEP], tmp_path)
        report = restarted.report(SWEEP, now=1_011.0)
        restarted.close()

        assert (report.runs, report.failures) == (1, 1)
        assert report.last_run == "1970-01-01T00:16:50.250+00:00"
        assert report.next_run == "1970-01-01T00:17:00.000+00:00"


@pytest.fixture
def pubsub(tmp_path, monkeypatch):
    """A Pub/Sub that is not running yet; the client here knows where it will be, too."""
    server = PubSubServer(tmp_path / "pubsub")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.host)
    return server


def scheduler(folder, *schedules):
    options = [f"--schedule={schedule}" for schedule in schedules]
    return Server("dropforge_local.scheduler.server", "--dir", folder, "--project", "dropforge-local", *options)


@contextmanager
def subscription():
    """A subscription to `ticks`; called, it gives the ticks received since the last call."""
    with pubsub_v1.SubscriberClient() as client:
        topic = client.topic_path("dropforge-local", "ticks")
        name = client.subscription_path("dropforge-local", "reader")
        with pubsub_v1.PublisherClient() as publisher:
            publisher.create_topic(name=topic)
        client.create_subscription(name=name, topic=topic)

        def received():
            answer = client.pull(subscription=name, max_messages=100, timeout=10)
            client.acknowledge(subscription=name, ack_ids=[one.ack_id for one in answer.received_messages])
            return [Tick.of(one.message) for one in answer.received_messages]

        yield received


@dataclass
class Tick:
    schedule: str
    attribute: str
    scheduled_for: float

    @classmethod
    def of(cls, message):
        data = json.loads(message.data)
        time = datetime.fromisoformat(data["scheduled_for"]).timestamp()
        return cls(schedule=data["schedule"], attribute=message.attributes["schedule"], scheduled_for=time)


@pytest.fixture
def received(pubsub):
    with running(pubsub), subscription() as received:
        yield received


def reports(url):
    with urllib.request.urlopen(f"{url}/_local/schedules") as response:
        return {report["name"]: report for report in json.load(response)}


def run_now(url, name):
    request = urllib.request.Request(f"{url}/_local/schedules/{name}:run", method="POST")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_ticks_arrive_on_the_grid_and_say_what_they_are(tmp_path, received):
    with running(scheduler(tmp_path / "scheduler", "watch=ticks=0.5")) as server:
        eventually(lambda: reports(server.url)["watch"]["runs"] >= 3)
    ticks = received()

    assert {("watch", "watch")} == {(tick.schedule, tick.attribute) for tick in ticks}
    times = [tick.scheduled_for for tick in ticks]
    assert len(times) == len(set(times))
    assert {0.0} == {time % 0.5 for time in times}
    assert abs(time.time() - max(times)) < 5


def test_a_killed_scheduler_starts_again_without_a_burst(tmp_path, received):
    with running(scheduler(tmp_path / "scheduler", "sweep=ticks=0.25")) as server:
        eventually(lambda: reports(server.url)["sweep"]["runs"] >= 1)
        server.kill()
    received()
    time.sleep(1)

    restarted = time.time()
    with running(scheduler(tmp_path / "scheduler", "sweep=ticks=0.25")) as server:
        before = reports(server.url)["sweep"]["runs"]
        eventually(lambda: reports(server.url)["sweep"]["runs"] >= before + 2)

    assert min(tick.scheduled_for for tick in received()) > restarted - 0.25


def test_a_tick_can_be_asked_for(tmp_path, received):
    with running(scheduler(tmp_path / "scheduler", "sweep=ticks=3600")) as server:
        eventually(lambda: reports(server.url)["sweep"]["runs"] == 1)
        assert run_now(server.url, "sweep") == 200
        assert run_now(server.url, "weekly") == 404
        assert reports(server.url)["sweep"]["runs"] == 2

    assert len(received()) == 2


def test_ticks_that_pubsub_did_not_take_are_counted_and_never_made_up_for(tmp_path, pubsub):
    with running(scheduler(tmp_path / "scheduler", "watch=ticks=0.25", "sweep=ticks=3600")) as server:
        eventually(lambda: reports(server.url)["watch"]["failures"] >= 3)
        assert run_now(server.url, "sweep") == 503

        came = time.time()
        with running(pubsub), subscription() as received:
            eventually(lambda: reports(server.url)["watch"]["runs"] >= 2)
            assert min(tick.scheduled_for for tick in received()) > came - 0.25


@pytest.mark.parametrize("schedule", ["sweep", "sweep=ticks=never", "sweep=ticks=0"])
def test_a_schedule_that_makes_no_sense_is_refused_at_start(tmp_path, schedule):
    command = [sys.executable, "-m", "dropforge_local.scheduler.server", "--port", "1", "--dir", str(tmp_path)]

    run = subprocess.run(
        [*command, "--project", "p", "--schedule", schedule], capture_output=True, text=True, check=False
    )

    assert run.returncode == 2
    assert "--schedule" in run.stderr
