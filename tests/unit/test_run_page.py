"""A run's page and the try-it page: what they show of a run in each state, with hostile texts everywhere."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote

import flask
import pytest
from support.data import dataset
from support.runs import validated
from support.world import ENVIRONMENT, World

from dropforge import bootstrap, wire
from dropforge.console import tryit
from dropforge.console.pages import respond
from dropforge.console.run import commands, costs, curves, lasting
from dropforge.domain.errors import Unavailable
from dropforge.domain.facts import Request as Wish
from dropforge.domain.facts import Serving
from dropforge.domain.maps import Map, Shelf, map_name, shelf_name
from dropforge.domain.plan import Estimate
from dropforge.domain.runs import State, advance
from dropforge.domain.spaces import Alias
from dropforge.settings import load

HOSTILE = "</title><script>alert(1)</script>\"'&amp;\x1b[31m\u202e{{ 7 * 7 }}"
APP = flask.Flask(__name__)
ALLOWED = {"console_predictions": True}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, with what is wrong about them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "link", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture
def world():
    world = world_with(**ALLOWED)
    before = bootstrap.use(world)
    yield world
    bootstrap.use(before)


@pytest.fixture(autouse=True)
def fresh():
    tryit._turns.__init__()
    tryit._answered.cache_clear()
    tryit._opened.cache_clear()


def world_with(**operator):
    settings = load(ENVIRONMENT)
    return World(replace(settings, operator=replace(settings.operator, **operator)))


def get(path):
    with APP.test_request_context(path) as context:
        return respond(context.request)


def page_of(path, status=200):
    answer = get(path)
    assert answer.status_code == status
    text = answer.get_data(as_text=True)
    page = Page(text)
    assert page.tags.count("script") == 1, "no script but our own"
    assert not {name for name, _ in page.attributes if name == "style" or name.startswith("on")}
    return text


def hostile(files):
    """The same dataset with texts that would like to be markup."""

    def spoilt(lines):
        records = [json.loads(line) for line in lines.splitlines()]
        return "".join(json.dumps(record | {"text": HOSTILE + record["text"]}) + "\n" for record in records).encode()

    return files | {name: spoilt(files[name]) for name in ("corpus.jsonl", "queries.jsonl")}


class TestMeasured:
    def test_a_measured_run_leaves_a_map_and_a_shelf(self, world):
        world.deploy("topics", dataset())
        run = world.only_run()
        drawn = wire.decode(world.state.read(map_name(run.id))[0], Map, "map")
        shelf = wire.decode(world.state.read(shelf_name(run.id))[0], Shelf, "shelf")
        assert (len(drawn.queries), len(drawn.documents)) == (40, 20)
        assert {query.after for query in drawn.queries} == {1}
        assert len(shelf.documents) == 20
        assert shelf.models.keys() == {"base", "tuned"}

    def test_what_goes_wrong_with_a_map_does_not_touch_the_gate(self, world, monkeypatch):
        def broken(*_):
            raise RuntimeError("no convergence")

        monkeypatch.setattr("dropforge.domain.projection.plane", broken)
        world.deploy("topics", dataset())
        run = world.only_run()
        assert (run.state, run.judgement.measured) == (State.DEPLOYED, True)
        assert "Where the models put the texts" not in page_of(f"/runs/{run.id}")

    def test_a_map_that_cannot_be_stored_does_not_either(self, world):
        write = world.state.write

        def fails(name, *arguments, **named):
            if name.endswith(("map.json", "shelf.json")):
                raise Unavailable("not now")
            return write(name, *arguments, **named)

        world.state.write = fails
        world.deploy("topics", dataset())
        assert (world.only_run().state, world.only_run().judgement.measured) == (State.DEPLOYED, True)

    def test_without_figures_of_the_base_there_is_nothing_to_compare(self, world):
        world.host.embed_by_base = lambda *_: [[0.0]]
        world.deploy("topics", dataset())
        run = world.only_run()
        assert run.judgement.measured
        assert list(world.state.list(map_name(run.id))) == []


class TestRunPage:
    def test_a_deployed_run_shows_figures_gain_examples_map_and_events(self, world):
        world.deploy("topics", dataset())
        run = world.only_run()
        text = page_of(f"/runs/{run.id}")
        [comparison] = run.judgement.comparisons
        for shown in (
            f"{run.judgement.figures['base']['R@10']:.3f}",
            f"Against the base model: {comparison.gain:+.3f}, from {comparison.low:+.3f} to {comparison.high:+.3f}.",
            "40 of 40 find their document first",
            run.judgement.examples[0].text,
            "dropforge.model.deployed.v1",
            f"{run.id}/deployed",
            "dropforge retire topics-",
            "readers use it",
            'href="/datasets/topics/try"',
        ):
            assert shown in text, shown

    def test_hostile_texts_are_shown_and_never_markup(self, world):
        world.deploy("topics", hostile(dataset()))
        run = world.only_run()
        assert run.judgement.examples
        text = page_of(f"/runs/{run.id}")
        assert "&lt;script&gt;" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "49" not in run.judgement.examples[0].text
        assert "{{ 7 * 7 }}" in text

    @pytest.mark.parametrize(
        "damaged",
        [
            b"",
            b"{}",
            b"\xff",
            b'{"queries":[],"documents":[],"explained":{}}',
            (
                b'{"queries":[{"text":"","base":[0,0],"tuned":[0,0],"document":-1,"before":1,"after":1}],"documents":[],'
                b'"explained":{"base":[0,0],"tuned":[0,0]}}'
            ),
        ],
    )
    def test_a_map_that_cannot_be_read_is_left_out(self, world, damaged):
        world.deploy("topics", dataset())
        run = world.only_run()
        world.state.write(map_name(run.id), damaged, replacing=None)
        assert "Where the models put the texts" not in page_of(f"/runs/{run.id}")

    def test_a_run_in_flight_is_looked_at_again_and_one_that_is_settled_is_not(self, world):
        world.land(world.put("topics", dataset()))
        world.react()
        run = world.only_run()
        text = page_of(f"/runs/{run.id}")
        assert 'data-live="3"' in text
        assert "so far" in text
        assert "dropforge cancel topics-" in text
        world.finish_jobs()
        for _ in range(4):
            world.watch()
        assert 'data-live=""' in page_of(f"/runs/{run.id}")

    def test_the_page_of_a_run_that_waits_says_the_same_for_a_minute(self, world):
        """Expect a page that nothing happened to, to be answered without its content."""
        world.land(world.put("topics", dataset()))
        world.react()
        run = world.only_run()
        world.clock.advance(3_600)
        first = get(f"/runs/{run.id}").headers["ETag"]
        world.clock.advance(2)
        assert get(f"/runs/{run.id}").headers["ETag"] == first

    def test_a_rejected_run_shows_its_findings_first(self, world):
        world.land(world.put("topics", dataset() | {"test_label.tsv": b"nonsense\n"}))
        text = page_of(f"/runs/{world.only_run().id}")
        assert "<details open>" in text
        assert text.index("Findings") < text.index("Timeline")
        assert "dropforge rerun" not in text

    def test_in_the_cloud_it_says_that_there_is_no_curve(self, world):
        world.deploy("topics", dataset())
        assert "Vertex AI publishes no curve for this pipeline." in page_of(f"/runs/{world.only_run().id}")


class TestCurve:
    def points(self, *figures):
        return {
            "steps": 100,
            "points": [{"step": 50 * (n + 1), "loss": loss, "nDCG@10": 1 - loss} for n, loss in enumerate(figures)],
        }

    def test_what_a_tuner_left_below_its_output_is_drawn(self, world):
        run = replace(validated(), job="jobs/1")
        place = f"runs/{run.id}/output/123/job/trainer/training_curve.json"
        world.state.write(place, json.dumps(self.points(0.5, 0.25)).encode(), replacing=None)
        loss, validation = curves(world.state, run)
        assert (loss.name, loss.best, validation.best) == ("Loss", 0.25, 0.75)

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b'{"steps": 1}', b'{"steps":1,"points":[{"step":"x"}]}', b'{"steps":1,"points":[{}]}']
    )
    def test_what_is_no_curve_is_left_out(self, world, content):
        run = replace(validated(), job="jobs/1")
        world.state.write(f"runs/{run.id}/output/training_curve.json", content, replacing=None)
        assert curves(world.state, run) == []

    def test_a_run_without_a_job_has_none(self, world):
        assert curves(world.state, validated()) == []


class TestCost:
    def run(self, **estimate):
        known = Estimate(
            examples=1, steps=1, batch_size=1, epochs=1, machine_type="m", accelerator_type="a", accelerator_count=1,
            machine_hours=2.0, accelerator_hours=2.0, assumed="so", **estimate,
        )  # fmt: skip
        run = replace(validated(), estimate=known)
        at = run.updated
        for state, hours in ((State.SUBMITTED, 1), (State.SUCCEEDED, 4), (State.DEPLOYING, 4), (State.DEPLOYED, 5)):
            run = advance(run, state, at=at + timedelta(hours=hours), function="f", event="e")
        return run

    def test_what_it_took_stands_beside_what_was_expected(self):
        run = self.run(currency="USD", price=10.0, serving_price_per_hour=4.0)
        found = {cost.what: (cost.expected, cost.actual) for cost in costs(run, run.updated + timedelta(hours=9))}
        assert found == {
            "Time to tune": ("2 h", "3 h"),
            "Tuning": ("USD 10.00", "USD 15.00"),
            "Endpoint": ("USD 4.00 an hour", "USD 40.00 in 10 h"),
        }

    def test_without_prices_there_is_no_figure_made_up(self):
        run = self.run()
        assert [cost.what for cost in costs(run, run.updated)] == ["Time to tune"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (12.9, "12 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7_800, "2 h 10 min"),
        (360_000, "4 d 4 h"),
    ],
)
def test_a_time_is_told_in_its_two_largest_units(seconds, told):
    assert lasting(timedelta(seconds=seconds)) == told


def test_commands_can_be_pasted_whatever_the_dataset_is_called():
    run = replace(validated("a b;rm-0123456789ab"), dataset="a b;rm", state=State.DEPLOYED)
    alias = Alias(dataset="a b;rm", space="s", run=run.id, endpoint="e", dimensions=3)
    texts = [command.text for command in commands(run, alias)]
    assert "dropforge search 'a b;rm' QUERY" in texts
    assert "dropforge retire 'a b;rm-0123456789ab' --even-current" in texts


def test_commands_and_buttons_offer_the_same():
    """Given a run that is being opened to readers, one that is about to stop, one without readers: expect what is granted."""
    served = Serving(endpoint="e", deployed_model="1", decision="open")
    opening = replace(validated("topics-0123456789ab"), state=State.DEPLOYING, serving=served)
    stopping = replace(opening, serving=None, stop=Wish(by="ann", at=opening.started))
    former = replace(opening, state=State.DEPLOYED)
    for run in (opening, stopping):
        assert [command.text for command in commands(run, None)] == ["dropforge show topics-0123456789ab"]
    assert {"dropforge rollback topics --to topics-0123456789ab", "dropforge retire topics-0123456789ab"} <= {
        command.text for command in commands(former, None)
    }


class TestTryIt:
    def test_both_models_rank_what_was_kept_side_by_side(self, world):
        world.deploy("topics", dataset())
        text = page_of("/datasets/topics/try?q=query+79")
        assert "Among 20 documents" in text
        assert text.count("cosine") == 20
        assert "by the base model" in text

    def test_each_document_says_where_the_other_model_has_it(self, world):
        world.deploy("topics", dataset())
        run = world.only_run()
        [shelf] = world.state.list(shelf_name(run.id))
        found = tryit.tried(world, world.aliases.of("topics"), run, shelf.generation, "query 79")
        best = found.hits["tuned"][0]
        assert (best.rank, best.book.id, best.book.text) == (1, "d19", "document 19")
        assert best.score == pytest.approx(1, abs=0.01)
        assert best.other > 1, "the base model does not know it"
        places = {hit.book.id: hit.rank for hit in found.hits["base"]}
        assert all(hit.other == places.get(hit.book.id, hit.other) for hit in found.hits["tuned"])

    def test_a_query_asks_each_model_once_and_the_same_one_no_more(self, world):
        world.deploy("topics", dataset())
        asked = []
        embed = world.host.embed
        world.host.embed = lambda endpoint, texts, task: asked.append(texts) or embed(endpoint, texts, task)
        page_of("/datasets/topics/try?q=one")
        page_of("/datasets/topics/try?q=one")
        assert [[text.text for text in texts] for texts in asked] == [["one"]]

    def test_hostile_texts_and_queries_are_never_markup(self, world):
        world.deploy("topics", hostile(dataset()))
        text = page_of(f"/datasets/topics/try?q={quote(HOSTILE)}")
        assert "&lt;script&gt;" in text

    def test_too_many_tries_are_told_kindly(self, world):
        world.deploy("topics", dataset())
        for number in range(30):
            assert "wait a moment" not in page_of(f"/datasets/topics/try?q={number}")
        assert "wait a moment" in page_of("/datasets/topics/try?q=one+more")
        world.clock.advance(61)
        assert "wait a moment" not in page_of("/datasets/topics/try?q=one+more")

    def test_a_query_that_is_too_long_asks_nobody(self, world):
        world.deploy("topics", dataset())
        world.host.embed = None
        assert "shorten it" in page_of(f"/datasets/topics/try?q={'x' * 501}")

    def test_a_model_that_does_not_answer_is_told_kindly(self, world):
        world.deploy("topics", dataset())
        serving = world.only_run().serving
        for _ in range(2):
            with suppress(Unavailable):
                world.host.discard(serving.endpoint, serving.deployed_model)
        assert "its endpoint is gone" in page_of("/datasets/topics/try?q=one")

    def test_where_nothing_was_kept_it_says_what_to_do(self, world):
        world.deploy("topics", dataset())
        world.state.delete(shelf_name(world.only_run().id))
        assert "dropforge search topics QUERY" in page_of("/datasets/topics/try?q=one")

    @pytest.mark.parametrize(
        "damaged",
        [b"", b'{"documents":[],"models":{}}', b'{"documents":[],"models":{"base":{"dimensions":3,"vectors":"AAAA"}}}'],
    )
    def test_a_shelf_that_cannot_be_read_is_told(self, world, damaged):
        world.deploy("topics", dataset())
        world.state.write(shelf_name(world.only_run().id), damaged, replacing=None)
        assert 'role="alert"' in page_of("/datasets/topics/try?q=one")

    def test_a_dataset_without_readers_is_not_found(self, world):
        page_of("/datasets/nobody/try?q=one", 404)

    @pytest.mark.parametrize(
        ("operator", "environment", "asks"),
        [
            ({}, {}, False),
            (ALLOWED, {}, True),
            ({}, {"DROPFORGE_VERTEX_ENDPOINT": "http://127.0.0.1:1"}, True),
            ({"console_predictions": False}, {"DROPFORGE_VERTEX_ENDPOINT": "http://127.0.0.1:1"}, False),
        ],
    )
    def test_models_are_asked_only_where_it_is_allowed(self, operator, environment, asks):
        settings = load(ENVIRONMENT | environment)
        world = World(replace(settings, operator=replace(settings.operator, **operator)))
        before = bootstrap.use(world)
        try:
            world.deploy("topics", dataset())
            text = page_of("/datasets/topics/try?q=one")
        finally:
            bootstrap.use(before)
        assert ("Among 20 documents" in text) is asks
        assert ("console_predictions: true" in text) is not asks
