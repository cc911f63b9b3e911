"""The console's lists, the dataset's page, the health page: what they show, and what they are protected by."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Request
from support.data import dataset
from support.runs import MOMENT, validated
from support.world import ENVIRONMENT, World
from werkzeug.test import Client

from dropforge import bootstrap
from dropforge.actions.rerun import rerun
from dropforge.actions.retire import leave
from dropforge.actions.rollback import rollback
from dropforge.console import listing
from dropforge.console.pages import respond
from dropforge.domain.facts import Judgement, Verdict
from dropforge.domain.facts import Request as Wish
from dropforge.domain.runs import State, Step
from dropforge.settings import load

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def world():
    world = World()
    before = bootstrap.use(world)
    yield world
    bootstrap.use(before)


BROWSER = Client(Request.application(respond))


def get(path, **headers):
    return BROWSER.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def past(world, count, state=State.WITHHELD, name="topics"):
    """Runs that ended, each an hour before the next."""
    for number in range(count):
        run = validated(f"{name}-{number:012x}")
        at = MOMENT + timedelta(hours=number)
        ended = Step(state=state, at=at + timedelta(minutes=5), function="watch_status", event="e")
        steps = (*(replace(step, at=at) for step in run.history), ended)
        judged = Judgement(verdict=Verdict.BETTER, metric="nDCG@10", base=0.5, tuned=0.75, because="it is")
        run = replace(run, dataset=name, state=state, history=steps, judgement=judged)
        world.ledger.record(run)
        world.ledger.settle(run)


def runs_on(answer):
    return re.findall(r'<tr id="run-([^"]+)">', answer.text)


class TestTheList:
    def test_what_is_in_flight_comes_first(self, world):
        past(world, 1, name="former")
        world.land(world.put("topics", dataset()))
        page = get("/")
        assert [run.rpartition("-")[0] for run in runs_on(page)] == ["topics", "former"]
        assert page.text.index(">In flight <") < page.text.index(">Past<")
        assert 'data-says="1 in flight"' in page.text

    def test_every_past_run_is_on_one_page_of_it(self, world):
        past(world, 120)
        seen, address, pages = [], "/", 0
        while address:
            page = get(address)
            seen, pages = seen + runs_on(page), pages + 1
            found = re.search(r'<a href="([^"]+)" rel="next">Older', page.text)
            address = found and found[1].replace("&amp;", "&")
        assert seen == [f"topics-{number:012x}" for number in reversed(range(120))]
        assert pages == 3

    @pytest.mark.parametrize("count", [1, 60, 600])
    def test_what_it_asks_for_does_not_grow_with_the_history(self, world, count, monkeypatch):
        past(world, count)
        asked = []
        for method in ("list", "page", "read"):
            real = getattr(world.state, method)
            monkeypatch.setattr(
                world.state,
                method,
                lambda *given, real=real, method=method, **how: asked.append(method) or real(*given, **how),
            )
        assert len(runs_on(get("/"))) == min(count, 50)
        assert asked == ["list", "page", "list"]  # the last of them is how a page is made in memory

    def test_a_gain_is_told_with_its_sign(self, world):
        past(world, 1)
        assert "0.500 → 0.750" in get("/").text
        assert '<span class="gain good">+0.250</span>' in get("/").text

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("state=attention", ["broken"]),
            ("state=deployed", ["served"]),
            ("state=in-flight", ["flying"]),
            ("dataset=serv", ["served"]),
            ("state=attention&dataset=serv", []),
        ],
    )
    def test_it_is_narrowed_by_state_and_by_dataset(self, world, query, names):
        past(world, 1, State.REJECTED, "broken")
        past(world, 1, State.DEPLOYED, "served")
        world.land(world.put("flying", dataset()))
        page = get(f"/?{query}")
        assert [run.rpartition("-")[0] for run in runs_on(page)] == names
        assert ("No such run" in page.text) is (not names)

    def test_a_search_that_looked_through_enough_offers_to_go_on(self, world, monkeypatch):
        monkeypatch.setattr(listing, "_LINES", 2)
        monkeypatch.setattr(listing, "_CALLS", 2)
        past(world, 1, name="oldest")
        past(world, 5)
        page = get("/?dataset=old")
        assert runs_on(page) == []
        (further,) = re.findall(r'<a href="([^"]+)" rel="next">Look further back', page.text)
        assert "dataset=old" in further
        assert [run.rpartition("-")[0] for run in runs_on(get(further.replace("&amp;", "&")))] == ["oldest"]

    def test_a_run_that_was_taken_up_again_is_shown_once(self, world):
        past(world, 1)
        world.ledger.reopen(world.ledger.wanted("topics-000000000000"))
        assert runs_on(get("/")) == ["topics-000000000000"]

    def test_nothing_in_flight_is_good_news(self, world):
        past(world, 1)
        assert "every run has ended" in get("/?state=in-flight").text

    @pytest.mark.parametrize("query", ["state=everything", "behind=" + "x" * 301, "behind=%1b%5b2J"])
    def test_what_is_no_page_of_it_is_refused_in_words(self, world, query):
        page = get(f"/?{query}")
        assert (page.status_code, "Start again with all runs" in page.text) == (400, True)

    def test_what_was_searched_for_is_escaped(self, world):
        page = get(f"/?dataset={HOSTILE}")
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text


class TestADataset:
    @pytest.fixture
    def twice(self, world):
        """A dataset whose readers were moved from one space to the next."""
        files = dataset()
        world.deploy("topics", files)
        world.deploy("topics", files | {"corpus.jsonl": files["corpus.jsonl"] + b'{"_id": "more", "text": "More"}\n'})
        return world

    @pytest.mark.parametrize(
        "name", ["nobody", "topics-two", "..", "%2e%2e%2fledger", "Topics", "%3Cscript%3E", "a" * 41]
    )
    def test_one_that_is_not_there_is_not_found(self, world, name):
        past(world, 1)
        assert get(f"/datasets/{name}").status_code == 404

    def test_one_whose_name_begins_alike_is_another(self, world):
        past(world, 1)
        past(world, 1, name="topics-two")
        assert "topics-two" not in get("/datasets/topics").text

    def test_without_a_model_readers_are_pointed_nowhere(self, world):
        past(world, 1, State.REJECTED)
        page = get("/datasets/topics").text
        assert "Nowhere: no model of this dataset is deployed yet" in page
        assert "dropforge drop FOLDER --name topics" in page

    def test_it_says_where_readers_are_and_how_to_go_back(self, twice):
        alias = twice.aliases.of("topics")
        page = get("/datasets/topics").text
        assert f"<code>{alias.space}</code>" in page
        assert f'id="space-{alias.previous.run}"' in page
        assert f'id="space-{alias.run}"' not in page
        assert "<code>dropforge rollback topics</code>" in page
        (left,) = twice.aliases.left()
        until = left.since + timedelta(hours=24)
        assert f'Kept until <time datetime="{until.isoformat()}">' in page

    def test_the_newest_version_comes_first(self, twice):
        alias = twice.aliases.of("topics")
        page = get("/datasets/topics").text
        versions = re.findall(r'id="version-([^"]+)"', page)
        assert versions == [alias.run, alias.previous.run]
        twice.clock.advance(5)
        rerun(
            alias.previous.run, Wish(by="ann", at=twice.clock.now()), attempts=twice.attempts, progress=twice.progress
        )
        page = get("/datasets/topics").text
        assert re.findall(r'id="version-([^"]+)"', page) == [alias.previous.run, alias.run], "an older one, run again"

    def test_what_is_to_go_is_not_offered(self, twice):
        before = twice.aliases.of("topics").previous.run
        wish = Wish(by="ada", at=twice.clock.now())
        leave(before, wish, even_current=False, aliases=twice.aliases, progress=twice.progress)
        page = get("/datasets/topics").text
        assert "The next sweeps take it off its endpoint" in page
        assert "dropforge rollback" not in page

    def test_who_moved_readers_is_escaped(self, twice):
        wish = Wish(by=f"ada{HOSTILE}", at=twice.clock.now(), reason=HOSTILE)
        rollback("topics", "", wish, aliases=twice.aliases, host=twice.host, progress=twice.progress)
        page = get("/datasets/topics").text
        assert "ada&#34;&gt;&lt;script&gt;" in page
        assert "<script>alert" not in page

    def test_readers_of_a_model_that_is_not_served_are_a_problem(self, world):
        world.deploy("topics", dataset())
        run = world.aliases.of("topics").run
        retired = Step(state=State.RETIRED, at=world.clock.now(), function="sweep", event="e")
        world.ledger.change(run, lambda now: replace(now, state=State.RETIRED, history=(*now.history, retired)))
        assert f"<code>dropforge approve {run}</code>" in get("/datasets/topics").text


class TestHealth:
    def test_a_new_deployment_is_well(self, world):
        page = get("/health").text
        assert "All is well" in page
        assert page.count("no tick yet") == 2

    def test_a_watcher_that_stopped_is_late(self, world):
        world.watch()
        world.sweep()
        assert "All is well" in get("/health").text
        world.clock.advance(20 * 60)
        page = get("/health").text
        assert "Needs attention</strong>: watch status is late" in page
        assert "dropforge doctor" in page

    def test_what_waits_says_why(self, tmp_path):
        operator = tmp_path / "dropforge.yaml"
        operator.write_text("caps: {jobs_in_flight: 1, day_accelerator_hours: 1500000}")
        world = World(load(ENVIRONMENT | {"DROPFORGE_CONFIG": str(operator)}))
        before = bootstrap.use(world)
        try:
            for name in ("topics", "others"):
                world.land(world.put(name, dataset()))
                world.react()
            page = get("/health").text
        finally:
            bootstrap.use(before)
        assert "jobs_in_flight is 1" in page
        assert "1 of 1 jobs" in page
        assert "of 1,500,000 h" in page
        assert '<span class="state busy">full</span>' in page

    def test_what_hangs_is_named(self, world):
        world.land(world.put("topics", dataset()))
        world.react()
        world.clock.advance(13 * 3600)
        assert "1 stuck" in get("/health").text
        assert world.only_run().id in get("/health").text

    def test_what_was_set_aside_is_counted(self, world):
        for number in range(3):
            world.state.write(f"aside/notify_slack/{number}.json", b"{}", replacing=None)
        page = get("/health").text
        assert "3 set aside" in page
        assert "Notify slack" in page

    def test_the_plain_answer_stays_plain(self, world):
        answer = get("/ok")
        assert (answer.text, answer.content_type) == ("ok\n", "text/plain; charset=utf-8")


class TestLive:
    def test_an_unchanged_page_is_answered_without_its_content(self, world):
        tag = get("/").headers["ETag"]
        assert (get("/", If_None_Match=tag).status_code, get("/", If_None_Match=tag).data) == (304, b"")
        world.clock.advance(5)
        assert get("/", If_None_Match=tag).status_code == 304
        world.land(world.put("topics", dataset()))
        assert get("/", If_None_Match=tag).status_code == 200

    def test_only_what_may_change_is_asked_for_again(self, world):
        world.land(world.put("topics", dataset()))
        address = f"/runs/{world.only_run().id}"
        assert 'data-live="3"' in get(address).text
        world.react()
        world.finish_jobs()
        for _ in range(4):
            world.watch()
        assert 'data-live=""' in get(address).text
        assert "http-equiv" not in get(address).text

    def test_older_pages_of_the_list_stay_as_they_are(self, world):
        past(world, 60)
        (older,) = re.findall(r'<a href="([^"]+)" rel="next">', get("/").text)
        assert 'data-live=""' in get(older).text


@pytest.mark.parametrize(
    "path", ["/", "/health", "/datasets/topics", "/nothing", "/ok", "/live.js", "/style.css", "/icon.svg"]
)
def test_every_answer_is_protected(world, path):
    past(world, 1)
    headers = get(path).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/health", "/datasets/topics", "/ok"])
def test_pages_can_only_be_looked_at(world, path, method):
    answer = BROWSER.open(path, method=method)
    assert answer.status_code == 405
    assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    "path", ["/runs//x", "//", "/runs/" + "a" * 1_100, "/datasets/" + "a" * 1_100 + "/try", "/nothing"]
)
def test_what_is_not_there_is_not_found(world, path):
    assert get(path).status_code == 404


def test_a_record_that_cannot_be_read_is_no_outage(world):
    world.state.write("ledger/topics-0123456789ab.json", b"{}", replacing=None)
    answer = get("/runs/topics-0123456789ab")
    assert (answer.status_code, "Cannot be shown" in answer.text) == (500, True)
