"""Events that earlier releases published are read as they were meant: within `v1` fields are only ever added."""

import json
from pathlib import Path

import pytest
from support.schemas import problems

from dropforge import wire
from dropforge.domain.events import EVERY_TYPE
from dropforge.reports.examples import PROJECT

RELEASES = Path(__file__).parents[1] / "events/releases"
RECORDED = sorted(RELEASES.glob("*/*.json"))


def recorded(path):
    message = json.loads(path.read_text("utf-8"))
    return message["attributes"], message["data"]


def vanished(before, after, place="data"):
    """What was told before and is not told now, or otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from vanished(value, after[name], f"{place}.{name}") if name in after else [f"{place}.{name}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from vanished(*pair, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {before!r} is {after!r}"


def test_of_the_first_release_every_type_was_recorded():
    types = {recorded(path)[0]["ce-type"] for path in RECORDED if path.parent.name == "0.1"}
    assert len(types) == 18
    assert types <= {kind.TYPE for kind in EVERY_TYPE}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_of_an_earlier_release_is_read_and_nothing_of_it_vanishes(path):
    attributes, data = recorded(path)
    event = wire.read_message(json.dumps(data).encode(), attributes)
    now, attributes_now = wire.publishable(event, PROJECT)
    assert list(vanished(data, json.loads(now))) == []
    assert list(vanished(attributes, attributes_now, "attributes")) == []


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_todays_schemas_accept_it(path):
    assert problems(*recorded(path)) == []


def test_a_field_that_vanishes_is_told():
    assert list(vanished({"a": {"b": 1}, "c": [{"d": 1}]}, {"a": {}, "c": [{"d": 2}]})) == [
        "data.a.b",
        "data.c[0].d: 1 is 2",
    ]
