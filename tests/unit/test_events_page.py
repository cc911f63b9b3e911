"""The published contract is made from the types, and holds for what is really published."""

import json
import re
from pathlib import Path

import pytest
import yaml
from support.data import dataset
from support.schemas import EVENTS, problems, validator
from support.world import World

from dropforge import wire
from dropforge.domain.events import EVERY_TYPE, JobComplete
from dropforge.domain.jobs import JobState
from dropforge.reports.asyncapi import headers
from dropforge.reports.contract import documents, page, write
from dropforge.reports.examples import PROJECT
from dropforge.reports.schemas import schema, short

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = DOCS / "events.md"
ANEW = "make it anew: python -m dropforge.reports.contract docs"
# What AsyncAPI 3.0.0 lets each object have, as its specification says; the first of each are those that it must have.
ALLOWED = {
    "document": "asyncapi info | id servers defaultContentType channels operations components",
    "info": "title version | description termsOfService contact license tags externalDocs",
    "server": "host protocol | protocolVersion pathname description title summary variables security tags bindings",
    "channel": "| address messages title summary description servers parameters tags externalDocs bindings",
    "parameter": "| enum default description examples location",
    "operation": "action channel | title summary description security tags bindings traits messages reply",
    "components": "| schemas servers channels operations messages parameters tags",
    "message": "| headers payload correlationId contentType name title summary description tags bindings examples traits",
    "example": "| headers payload name summary",
}
SAME_IN_BOTH = {
    *("$ref", "title", "description", "type", "format", "examples"),
    *("properties", "required", "additionalProperties", "items", "anyOf"),
}
MESSAGES = [json.loads(path.read_text("utf-8")) for path in sorted((EVENTS / "examples").glob("*.json"))]


def named(message):
    return message["attributes"]["ce-id"]


@pytest.fixture(scope="module")
def asyncapi():
    return yaml.safe_load((EVENTS / "asyncapi.yaml").read_text("utf-8"))


def test_what_is_published_is_what_the_types_say():
    there = {str(path.relative_to(DOCS)): path.read_text("utf-8") for path in EVENTS.rglob("*.*")}
    assert there == documents(), ANEW
    assert page(PAGE.read_text("utf-8")) == PAGE.read_text("utf-8"), ANEW


def test_files_of_types_that_are_gone_go(tmp_path):
    (tmp_path / "events/schemas").mkdir(parents=True)
    (tmp_path / "events/schemas/gone.json").write_text("{}")
    (tmp_path / "events.md").write_text(PAGE.read_text("utf-8"), "utf-8")
    write(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in (tmp_path / "events").rglob("*.*")} == set(documents())


def test_links_lead_to_what_there_is():
    written = PAGE.read_text("utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", written, re.MULTILINE)
    }
    assert set(re.findall(r"\(#([^)]+)\)", written)) <= anchors
    files = {link for link in re.findall(r"\]\(([^)#]+)\)", written) if "://" not in link}
    assert files
    assert [link for link in files if not (DOCS / link).exists()] == []


def test_the_message_that_is_shown_is_the_example():
    written = PAGE.read_text("utf-8")
    example = json.loads((EVENTS / "examples/job.complete.json").read_text("utf-8"))
    missing = [pair for pair in example["attributes"].items() if any(f"`{text}`" not in written for text in pair)]
    assert missing == []


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_an_example_is_what_its_schemas_say(message):
    attributes, data = message["attributes"], message["data"]
    assert problems(attributes, data) == []
    [kind] = [kind for kind in EVERY_TYPE if attributes["ce-type"] == kind.TYPE]
    assert list(validator(headers(kind)).iter_errors(attributes)) == []
    assert attributes.keys() == headers(kind)["properties"].keys()


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED])
def test_what_a_run_really_tells_is_what_the_schemas_say(end):
    world = World()
    world.land(world.put("topics", dataset() | {"nonsense.txt": b"x"}))
    world.land(world.put("broken", dataset() | {"test_label.tsv": b"query-id\tcorpus-id\tscore\nq1\tnowhere\t1\n"}))
    world.react()
    world.finish_jobs(end)
    for _ in range(4):
        world.watch()
    told = [wire.publishable(event, PROJECT) for event in world.bus.published]
    assert len({attributes["ce-type"] for _, attributes in told}) >= 4
    assert [problem for data, attributes in told for problem in problems(attributes, json.loads(data))] == []


class TestASchema:
    DATA = json.loads((EVENTS / "examples/job.complete.json").read_text("utf-8"))["data"]

    def wrong(self, **changed):
        return [error.message for error in validator(schema(JobComplete)).iter_errors(self.DATA | changed)]

    def test_refuses_what_is_missing_or_of_another_type(self):
        assert self.wrong(seconds="long") == ["'long' is not of type 'number'"]
        assert self.wrong(started="yesterday") == ["'yesterday' is not a 'date-time'"]
        assert len(self.wrong(error={"code": 7})) == 1
        without = {name: value for name, value in self.DATA.items() if name != "run"}
        [error] = validator(schema(JobComplete)).iter_errors(without)
        assert error.message == "'run' is a required property"

    def test_takes_what_a_later_release_may_add(self):
        assert self.wrong(added_later=[1], state="dreaming") == []

    @pytest.mark.parametrize("kind", EVERY_TYPE, ids=short)
    def test_says_the_same_in_draft_7(self, kind):
        """AsyncAPI's tools read draft 7: there, what stands beside a reference is not read."""
        whole = schema(kind)
        made = [*parts(whole), *(part for inner in whole.get("$defs", {}).values() for part in parts(inner))]
        assert [part for part in made if "$ref" in part and len(part) > 1] == []
        assert {keyword for part in made for keyword in part} <= SAME_IN_BOTH | {"$schema", "$id", "$defs"}


def parts(of):
    """A schema and the schemas in it."""
    yield of
    inner = [*of.get("properties", {}).values(), *of.get("anyOf", ()), of.get("items"), of.get("additionalProperties")]
    for one in filter(None, inner):
        yield from parts(one)


class TestTheAsyncApiDocument:
    def test_is_one(self, asyncapi):
        assert asyncapi["asyncapi"] == "3.0.0"
        messages = asyncapi["components"]["messages"].values()
        objects = {
            "document": [asyncapi],
            "info": [asyncapi["info"]],
            "server": asyncapi["servers"].values(),
            "channel": asyncapi["channels"].values(),
            "parameter": [each for channel in asyncapi["channels"].values() for each in channel["parameters"].values()],
            "operation": asyncapi["operations"].values(),
            "components": [asyncapi["components"]],
            "message": messages,
            "example": [example for message in messages for example in message["examples"]],
        }
        for kind, allowed in ALLOWED.items():
            needed, _, others = (set(part.split()) for part in allowed.partition("|"))
            for each in objects[kind]:
                assert needed <= each.keys() <= needed | others, kind
        assert {operation["action"] for operation in asyncapi["operations"].values()} == {"send"}

    def test_has_every_public_topic_with_its_types(self, asyncapi):
        topology = json.loads((ROOT / "deploy/topology.json").read_text("utf-8"))
        public = {name for name, topic in topology["topics"].items() if topic["public"]}
        assert asyncapi["channels"].keys() == public
        for topic, channel in asyncapi["channels"].items():
            assert channel["messages"].keys() == {short(kind) for kind in EVERY_TYPE if topic == kind.TOPIC}
            assert channel["address"] == f"projects/{{project}}/topics/{topic}"

    def test_refers_to_what_there_is(self, asyncapi):
        references = re.findall(r"\$ref: '?([^'\n]+)", (EVENTS / "asyncapi.yaml").read_text("utf-8"))
        assert len(references) == 2 * len(asyncapi["channels"]) + 2 * len(EVERY_TYPE)
        for reference in references:
            file, _, place = reference.partition("#/")
            found = json.loads((EVENTS / file).read_text("utf-8")) if file else asyncapi
            for name in place.split("/") if place else ():
                found = found[name]
            assert found

    def test_shows_an_example_of_each_message(self, asyncapi):
        for name, message in asyncapi["components"]["messages"].items():
            assert message["examples"], name
            for example in message["examples"]:
                assert problems(example["headers"], example["payload"]) == []
