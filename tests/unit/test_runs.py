"""The table of transitions holds, and nothing else does."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs import MOMENT, validated

from dropforge.domain.announcements import Links, announcement
from dropforge.domain.errors import NotAllowed
from dropforge.domain.files import Pin
from dropforge.domain.jobs import Machines, fault_of, order_for, resource_labels_of
from dropforge.domain.runs import NEXT, SETTLED, State, advance, as_of
from dropforge.domain.versions import run_id_of, version_of


@given(st.lists(st.sampled_from(State), max_size=12))
def test_no_sequence_of_wishes_leaves_the_table(wishes):
    run = validated()
    for to in wishes:
        if to in NEXT[run.state]:
            run = advance(run, to, at=MOMENT, function="test", event="e")
        else:
            with pytest.raises(NotAllowed):
                advance(run, to, at=MOMENT, function="test", event="e")
    steps = [step.state for step in run.history]
    assert all(after in NEXT[before] for before, after in pairwise(steps))
    assert run.state is steps[-1]


def test_every_state_can_be_reached_and_every_unsettled_one_left():
    reachable = {State.VALIDATING}.union(*NEXT.values())
    assert reachable == set(State)
    assert {state for state in State if not NEXT[state]} <= SETTLED


def test_history_never_goes_backwards_though_a_clock_does():
    run = advance(validated(), State.SUBMITTED, at=MOMENT - timedelta(hours=1), function="test", event="e")
    assert run.updated == validated().updated


def test_what_is_told_of_a_step_does_not_depend_on_what_came_later():
    links = Links("http://console.example", "p", "l")
    told_at_once = []
    run = validated()
    for state, facts in ((State.SUBMITTED, {"job": "j"}), (State.FAILED, {"fault": fault_of("INTERNAL", "m")})):
        told_at_once.append(announcement(run, links))
        run = advance(run, state, at=MOMENT, function="test", event="e", **facts)
    told_at_once.append(announcement(run, links))
    assert [announcement(as_of(run, step), links) for step in run.history[1:]] == told_at_once


def test_a_state_reached_twice_is_told_under_two_ids():
    run = validated()
    links = Links("", "p", "l")
    for state in (State.SUBMITTED, State.PAUSED, State.RUNNING, State.PAUSED):
        run = advance(run, state, at=MOMENT, function="test", event="e")
    assert announcement(run, links).id == f"{run.id}/paused/2"


def test_the_same_bytes_in_any_order_are_the_same_version():
    one, other = Pin("a", 1, 10, "x"), Pin("b", 2, 20, "y")
    again = Pin("a", 7, 10, "x")
    assert version_of([one, other], {"k": 1}) == version_of([other, again], {"k": 1})
    assert version_of([one, other], {"k": 1}) != version_of([one, other], {"k": 2})
    assert version_of([one], {}) != version_of([Pin("a", 1, 11, "x")], {})


def test_names_fit_what_vertex_allows():
    run_id = run_id_of("x" * 40, "f" * 64, attempt=99)
    assert len(run_id) <= 63
    assert run_id_of("topics", "0123456789abcdef") == "topics-0123456789ab"
    assert all(len(value) <= 63 for value in resource_labels_of(validated(), {"cost-centre": "x" * 63}).values())


@pytest.mark.parametrize(
    ("model", "template", "own", "absent"),
    [
        ("text-embedding-005", "v1.1.4", {"train_steps", "learning_rate_multiplier"}, {"iterations", "project"}),
        ("textembedding-gecko@002", "v1.1.1", {"iterations", "project", "location"}, {"train_steps"}),
    ],
)
def test_an_order_speaks_the_language_of_its_template(model, template, own, absent):
    run = validated(base_model=model)
    order = order_for(run, data="gs://state/runs/r/", project="p", location="l", machines=Machines())

    assert order.template.endswith(f"/tune-text-embedding-model/{template}")
    assert own <= order.parameters.keys()
    assert not absent & order.parameters.keys()
    assert order.parameters["validation_label_path"] == ""
