"""Every function, as the functions framework runs it, given recorded CloudEvents."""

import base64
import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import functions_framework
import pytest
from structlog.testing import capture_logs
from support.data import dataset, labels
from support.world import ENVIRONMENT, World

from dropforge import bootstrap, wire
from dropforge.domain.errors import Misconfigured
from dropforge.domain.events import DatasetValidated, JobComplete
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import State
from dropforge.settings import load

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
MESSAGES = count(1)
CLOUD_EVENT_FUNCTIONS = ("validate_dataset", "submit_tuning", "watch_status", "deploy_model", "notify_slack", "sweep")


def client(name, signature="cloudevent"):
    app = functions_framework.create_app(name, str(ROOT / "functions" / name / "main.py"), signature)
    return app.test_client()


@pytest.fixture(scope="module")
def functions():
    return {name: client(name) for name in CLOUD_EVENT_FUNCTIONS} | {"console": client("console", "http")}


@pytest.fixture
def world():
    world = World()
    bootstrap.use(world)
    yield world
    bootstrap.use(None)


def recorded(name):
    event = json.loads((EVENTS / f"{name}.json").read_text())
    return event["headers"], event["body"]


def post(client, headers, body):
    return client.post("/", headers=headers, data=json.dumps(body)).status_code


def land(functions, landed):
    headers, body = recorded("object_finalized")
    told = {"name": landed.name, "bucket": landed.bucket, "generation": str(landed.generation)}
    return post(functions["validate_dataset"], headers, body | told)


def publish(function, event):
    headers, body = recorded("message_published")
    data, attributes = wire.publishable(event, ENVIRONMENT["DROPFORGE_PROJECT"])
    body["message"] |= {"data": base64.b64encode(data).decode(), "attributes": attributes}
    return post(function, headers, body)


def tick(function):
    headers, body = recorded("message_published")
    body["message"]["attributes"] = {"schedule": "watch"}
    return post(function, headers | {"ce-id": str(next(MESSAGES))}, body)


def test_the_whole_chain_through_the_framework(functions, world):
    statuses = [land(functions, landed) for landed in world.put("topics", dataset())]
    validated = world.bus.published[0]
    statuses += [publish(functions[name], validated) for name in ("submit_tuning", "notify_slack")]
    world.finish_jobs(JobState.SUCCEEDED)
    statuses.append(tick(functions["watch_status"]))
    complete = world.bus.published[-1]
    statuses.append(publish(functions["deploy_model"], complete))
    statuses += [tick(functions["watch_status"]) for _ in range(3)]
    statuses.append(tick(functions["sweep"]))

    assert set(statuses) == {200}
    assert [run.state for run in world.ledger.summaries()] == [State.DEPLOYED]
    assert len(world.notifier.told) == 1


@pytest.mark.parametrize("name", CLOUD_EVENT_FUNCTIONS)
def test_an_unreadable_event_is_set_aside_once_and_acknowledged(functions, world, name):
    headers, body = recorded("message_published")
    body["message"] = "not a message"
    assert [post(functions[name], headers, body) for _ in range(2)] == [200, 200]

    [aside] = world.state.list("aside/")
    kept = json.loads(world.state.read(aside.name)[0])
    assert (kept["id"], kept["error"], kept["data"]) == (headers["ce-id"], "Unreadable", body)
    assert world.bus.published == []


def test_what_may_work_later_is_asked_to_be_delivered_again(functions, world):
    [*_, last] = world.put("topics", dataset())

    with world.bus_down():
        assert land(functions, last) == 500
    assert land(functions, last) == 200
    assert [event.state for event in world.bus.published] == [State.VALIDATED]


@pytest.mark.parametrize(("function", "kind"), [("submit_tuning", DatasetValidated), ("deploy_model", JobComplete)])
def test_an_event_of_a_run_that_never_was_does_nothing_and_says_so(functions, world, function, kind):
    """Given a run in another Dropforge, expect its events here to be acknowledged with a reason, and nothing else."""
    elsewhere = World()
    elsewhere.land(elsewhere.put("topics", dataset()))
    elsewhere.react()
    elsewhere.finish_jobs()
    elsewhere.watch()
    [event] = elsewhere.published(kind)

    with capture_logs() as logged:
        assert publish(functions[function], event) == 200
    [handled] = [entry for entry in logged if entry["event"] == "event.handled"]
    assert (handled["outcome"], handled["run"]) == ("ignored", event.run)
    assert handled["why"] == "the ledger knows no such run"
    assert (world.tuner.jobs, list(world.host.endpoints())) == ({}, [])
    assert (world.bus.published, list(world.state.list(""))) == ([], [])


def test_an_object_in_another_bucket_starts_nothing_and_says_so(functions, world):
    """Given a folder that is complete here, expect an event of its last file in another bucket to be passed over."""
    [*_, last] = world.put("topics", dataset())
    with capture_logs() as logged:
        assert land(functions, replace(last, bucket="another")) == 200
    [handled] = [entry for entry in logged if entry["event"] == "event.handled"]
    assert handled["outcome"] == "ignored"
    assert "another bucket" in handled["why"]
    assert (world.bus.published, list(world.state.list(""))) == ([], [])
    assert land(functions, last) == 200
    assert [event.state for event in world.bus.published] == [State.VALIDATED]


def test_a_missing_setting_keeps_the_event(functions, monkeypatch):
    for name in ("DROPFORGE_PROJECT", "DROPFORGE_STATE_BUCKET", "DROPFORGE_DROP_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    bootstrap.use(None)
    headers, body = recorded("object_finalized")
    assert post(functions["validate_dataset"], headers, body) == 500
    with pytest.raises(Misconfigured, match="DROPFORGE_PROJECT is not set"):
        bootstrap.ports()


@pytest.mark.usefixtures("world")
class TestConsole:
    def test_the_list_links_to_each_run(self, functions, world):
        world.land(world.put("topics", dataset()))
        [run] = world.ledger.summaries()
        page = functions["console"].get("/")
        assert page.status_code == 200
        assert f'<a href="/runs/{run.id}">{run.id}</a>' in page.text

    def test_without_runs_the_list_says_what_to_do(self, functions):
        assert "Drop a dataset folder" in functions["console"].get("/").text

    def test_a_runs_page_shows_findings_escaped(self, functions, world):
        bad = dataset()["test_label.tsv"].replace(b"q41\t", b"<script>alert(1)</script>\t")
        world.land(world.put("topics", dataset() | {"test_label.tsv": bad}))
        [run] = world.ledger.summaries()
        page = functions["console"].get(f"/runs/{run.id}").text
        assert "<script>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "test_label.tsv:3" in page

    def test_a_finding_shows_the_line_and_marks_the_place(self, functions, world):
        bad = dataset()["test_label.tsv"].replace(b"q41\td1\t3", b"q41\td1\t0.5")
        world.land(world.put("topics", dataset() | {"test_label.tsv": bad}))
        [run] = world.ledger.summaries()
        page = functions["console"].get(f"/runs/{run.id}").text
        assert "test_label.tsv:3:8" in page
        assert "<mark>0</mark>.5</pre>" in page

    def test_the_whole_report_of_a_run_is_there(self, functions, world):
        rows = [("q1", f"nowhere-{n}", 1) for n in range(50)]
        world.land(world.put("topics", dataset() | {"test_label.tsv": labels(rows)}))
        [run] = world.ledger.summaries()
        page = functions["console"].get(f"/runs/{run.id}").text
        assert f'<a href="/runs/{run.id}/report.json">' in page
        report = functions["console"].get(f"/runs/{run.id}/report.json")
        assert report.content_type == "application/json"
        assert report.json["counts"]["labels-unknown-document"] == 50
        assert len(report.json["findings"]) == sum(report.json["counts"].values())
        assert functions["console"].get("/runs/nobody/report.json").status_code == 404

    def test_a_report_that_was_removed_is_not_found(self, functions, world):
        world.land(world.put("topics", dataset()))
        [run] = world.ledger.summaries()
        world.state.delete(f"runs/{run.id}/report.json")
        assert functions["console"].get(f"/runs/{run.id}/report.json").status_code == 404

    @pytest.mark.parametrize("address", ["http://127.0.0.1:1", "us-central1-aiplatform.googleapis.com"])
    def test_a_deployed_runs_page_shows_what_came_of_it(self, functions, address):
        world = World(load(ENVIRONMENT | {"DROPFORGE_VERTEX_ENDPOINT": address}))
        bootstrap.use(world)
        world.land(world.put("topics", dataset()))
        world.react()
        world.finish_jobs()
        for _ in range(4):
            world.watch()
        [run] = world.ledger.summaries()
        page = functions["console"].get(f"/runs/{run.id}")
        assert page.status_code == 200
        assert f"{run.base:.3f} before" in page.text
        assert f"{run.id}/3/DEFAULT" in page.text
        assert ("console.cloud.google.com" in page.text) is (address != "http://127.0.0.1:1")
        assert 'http-equiv="refresh"' not in page.text

    def test_a_run_that_is_not_there_is_not_found(self, functions):
        assert functions["console"].get("/runs/nobody").status_code == 404

    def test_pages_are_read_only_and_load_nothing_from_elsewhere(self, functions):
        assert functions["console"].post("/").status_code == 405
        headers = functions["console"].get("/").headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"

    def test_the_style_is_served(self, functions):
        assert functions["console"].get("/style.css").content_type.startswith("text/css")


def test_an_entry_point_is_short_and_touches_no_network():
    for path in sorted(ROOT.glob("functions/*/main.py")):
        lines = path.read_text().splitlines()
        assert len(lines) <= 20, f"{path} should only name its trigger and its worker"
        assert "google.cloud" not in path.read_text()
    assert {path.parent.name for path in ROOT.glob("functions/*/main.py")} == {*CLOUD_EVENT_FUNCTIONS, "console"}
