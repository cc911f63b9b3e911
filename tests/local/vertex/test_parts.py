"""Filters, lists and templates of the local Vertex AI."""

import msgspec
import pytest
from support.vertex import TEMPLATES

from dropforge_local.vertex.errors import ApiError
from dropforge_local.vertex.filters import compile_filter
from dropforge_local.vertex.listing import ListRequest, page
from dropforge_local.vertex.state import State
from dropforge_local.vertex.templates import resolve

JOB = {
    "name": "jobs/1",
    "displayName": "Topics of July",
    "state": "PIPELINE_STATE_RUNNING",
    "createTime": "2026-07-01T10:00:00.500000Z",
    "templateUri": f"{TEMPLATES}/v1.1.4",
    "labels": {"run": "topics-1", "a.b": "c"},
    "pipelineSpec": {"pipelineInfo": {"name": "tune-text-embedding-model"}},
}
PATHS = {"queries_path": "gs://b/q", "corpus_path": "gs://b/c", "train_label_path": "gs://b/t"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        'state="PIPELINE_STATE_RUNNING"',
        "state=PIPELINE_STATE_RUNNING",
        'state!="PIPELINE_STATE_FAILED"',
        'labels.run="topics-1" AND state!="PIPELINE_STATE_SUCCEEDED" AND state!="PIPELINE_STATE_FAILED"',
        'labels.run="topics-1"',
        "labels.run:*",
        'labels.a.b="c"',
        'NOT labels.other="x"',
        'labels.other!="x"',
        'create_time>"2026-07-01T10:00:00Z"',
        'create_time<="2026-07-01T12:00:00.5+02:00"',
        'create_time>"2026-06-01T00:00:00Z" AND create_time<"2026-08-01T00:00:00Z"',
        f'template_uri="{TEMPLATES}/v1.1.4"',
        'display_name="Topics*"',
        'pipeline_name="tune-text-embedding-model"',
        'state="X" OR (labels.run="topics-1" AND NOT state="Y")',
        'display_name="a\\"b" OR state="PIPELINE_STATE_RUNNING"',
    ],
)
def test_a_filter_finds_the_job(text):
    assert compile_filter(text)(JOB)


@pytest.mark.parametrize(
    "text",
    [
        'state="PIPELINE_STATE_FAILED"',
        'state!="PIPELINE_STATE_FAILED" AND state!="PIPELINE_STATE_RUNNING"',
        'labels.run="topics-2"',
        "labels.other:*",
        'state="PIPELINE_STATE_RUNNING" AND labels.run="x"',
        'create_time<"2026-07-01T10:00:00Z"',
        'end_time>"2026-07-01T10:00:00Z"',
        'NOT state="PIPELINE_STATE_RUNNING"',
        'display_name="Topics"',
    ],
)
def test_a_filter_leaves_the_job_out(text):
    assert not compile_filter(text)(JOB)


@pytest.mark.parametrize(
    "text",
    ["state", 'state="x" state="y"', "state=", '(state="x"', 'create_time>"soon"', "state>3", "=x", '"state"="x"'],
)
def test_text_that_is_no_filter_is_refused(text):
    with pytest.raises(ApiError, match="Invalid filter"):
        compile_filter(text)


def resources(count):
    return [{"name": f"jobs/r{number}", "displayName": f"{number % 3}"} for number in range(count)]


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path)
    yield state
    state.close()


@pytest.fixture
def jobs(state):
    """Five jobs, of which `r0` is the newest."""
    for one in reversed(resources(5)):
        state.insert(one["name"], one)
    return state.members("jobs")


def names(shown):
    return [one["name"].rpartition("/")[2] for one in shown]


def test_a_resource_that_arrives_between_pages_repeats_nothing(state, jobs):
    first, token = page(jobs, ListRequest(page_size=2))
    state.insert("jobs/new", {"name": "jobs/new"})
    second, _ = page(jobs, ListRequest(page_size=2, page_token=token))
    assert names(first + second) == ["r0", "r1", "r2", "r3"]


def test_a_page_goes_on_when_its_last_resource_is_gone(state, jobs):
    _, token = page(jobs, ListRequest(page_size=2))
    state.delete("jobs/r1")
    rest, end = page(jobs, ListRequest(page_token=token))
    assert names(rest)[-1] == "r4"
    assert end == ""


def test_a_page_reads_no_more_than_it_shows(jobs, monkeypatch):
    read = []
    monkeypatch.setattr(
        "dropforge_local.vertex.state._read", lambda text: read.append(text) or msgspec.json.decode(text)
    )
    _, token = page(jobs, ListRequest(page_size=1))
    read.clear()
    second, _ = page(jobs, ListRequest(page_size=1, page_token=token))
    assert names(second) == ["r1"]
    assert len(read) == 2  # and whether there is more


def test_several_orders_apply_in_turn(jobs):
    ordered, _ = page(jobs, ListRequest(order_by="display_name desc, create_time"))
    assert names(ordered) == ["r2", "r1", "r4", "r0", "r3"]


@pytest.mark.parametrize(
    "request_",
    [
        ListRequest(page_size=-1),
        ListRequest(order_by="color"),
        ListRequest(order_by="create_time sideways"),
        ListRequest(page_token="mine"),
    ],
)
def test_a_list_request_that_is_wrong_is_refused(jobs, request_):
    with pytest.raises(ApiError):
        page(jobs, request_)


def test_a_page_of_another_list_is_refused(jobs):
    _, token = page(jobs, ListRequest(page_size=1))
    with pytest.raises(ApiError, match="belongs to a list with another filter"):
        page(jobs, ListRequest(page_token=token, filter='state="x"'))


@pytest.mark.parametrize("version", ["v1.1.3", "v1.1.4"])
def test_numbers_may_come_as_text(version):
    values = PATHS | {"batch_size": "64", "learning_rate_multiplier": "0.5", "train_steps": 200.0}
    resolved = resolve(f"{TEMPLATES}/{version}", values)
    assert (resolved["batch_size"], resolved["learning_rate_multiplier"], resolved["train_steps"]) == (64, 0.5, 200)
    assert isinstance(resolved["train_steps"], int)


@pytest.mark.parametrize("version", ["v1.1.1", "v1.1.2"])
def test_the_first_family_has_defaults_of_its_own(version):
    resolved = resolve(f"{TEMPLATES}/{version}", PATHS | {"project": "p"})
    assert (resolved["iterations"], resolved["base_model_version_id"]) == (1000, "textembedding-gecko@001")


@pytest.mark.parametrize("value", ["nan", "inf", "", True, None, [1]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ApiError, match="NUMBER"):
        resolve(f"{TEMPLATES}/v1.1.4", PATHS | {"learning_rate_multiplier": value})
