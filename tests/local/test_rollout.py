"""From a finished job to readers and back, as processes on this machine: what an operator would do and see."""

import json
import random
import re

import httpx
import pytest
from support.faulty import faults
from support.listening import Listener
from support.servers import eventually
from support.stack import PATIENCE
from support.vertex import json_lines, topics, tsv

from dropforge.domain.runs import State

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TASK = "task.text-embedding-trainer"


@pytest.fixture(scope="module")
def heard(stack):
    return Listener("model-deployed")


def poisoned(*, topics: int = 20, asked: int = 12) -> dict[str, bytes]:
    """A dataset that the base solves, and whose training labels all name the document of the next topic."""
    chance = random.Random(7)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = [["".join(chance.choices(syllables, k=3)) for _ in range(8)] for _ in range(topics)]
    queries = {f"q{topic}-{number}": topic for topic in range(topics) for number in range(asked)}
    trained = [query for query in queries if int(query.partition("-")[2]) < asked * 2 // 3]
    return {
        "corpus.jsonl": json_lines([{"_id": f"d{topic}", "text": " ".join(words[topic])} for topic in range(topics)]),
        "queries.jsonl": json_lines(
            [{"_id": query, "text": " ".join(chance.sample(words[topic], 3))} for query, topic in queries.items()]
        ),
        "training_label.tsv": tsv([f"{query}\td{(queries[query] + 1) % topics}\t1" for query in trained]),
        "test_label.tsv": tsv([f"{query}\td{queries[query]}\t1" for query in queries if query not in trained]),
    }


def test_a_poisoned_dataset_does_not_reach_its_readers(stack):
    stack.drop("poisoned", poisoned())
    run = stack.until("poisoned", "withheld", "deployed")
    assert (run.state, run.judgement.verdict) == (State.WITHHELD, "worse")
    assert stack.aliases.of("poisoned") is None
    assert stack.vertex(f"projects/dropforge-local/locations/us-central1/endpoints/{run.id}")["error"]["code"] == 404
    [told] = [message for message in stack.slack() if "poisoned: tuned model withheld" in message["text"]]
    assert re.search(r"worse than base.*fell by 0\.\d+", json.dumps(told))


def test_two_versions_and_the_way_back(stack, heard):
    stack.drop("twice", topics())
    first = stack.until("twice", "deployed")
    stack.drop(
        "twice", {"queries.jsonl": topics()["queries.jsonl"] + json_lines([{"_id": "late", "text": "a late one"}])}
    )
    second = stack.until("twice", "deployed", other_than=first.id)
    assert second.judgement.comparisons[1].against == "deployed"
    told = heard.wait("model.deployed", run=second.id)
    assert (told["space_id"], told["previous_space_id"]) == (second.serving.space, first.serving.space)
    assert told["reindex_required"] is True

    said = stack.dropforge("rollback", "twice", "--reason", "worse answers")
    assert said == f"Readers of twice are pointed to {first.serving.space}; {second.serving.space} is kept for now.\n"
    moved = heard.wait("alias.moved", run=first.id)
    assert (moved["space_id"], moved["previous_space_id"]) == (first.serving.space, second.serving.space)
    assert stack.aliases.of("twice").endpoint == first.serving.endpoint
    found = json.loads(stack.dropforge("search", "twice", "a late one", "--json"))
    assert [document["rank"] for document in found] == list(range(1, 11))

    assert "is retired" in stack.dropforge("retire", second.id)
    eventually(lambda: "error" in stack.vertex(second.serving.endpoint), seconds=PATIENCE)


def test_a_run_is_cancelled_until_nothing_bills(stack):
    with faults(stack.url, {TASK: ["pause"], "cancellation": ["delay-for-2s"]}, of="halted-*"):
        stack.drop("halted", topics())
        paused = stack.until("halted", "paused")
        stack.dropforge("cancel", paused.id, "--reason", "wrong corpus")
    run = stack.until("halted", "cancelled")
    assert stack.vertex(run.job)["state"] == "PIPELINE_STATE_CANCELLED"
    assert run.stop.reason == "wrong corpus"


def test_a_paused_job_goes_on(stack):
    with faults(stack.url, {TASK: ["pause"]}, of="paused-*"):
        stack.drop("paused", topics())
        run = stack.until("paused", "paused")
        httpx.post(f"{stack.url}/_local/{run.job}:resume").raise_for_status()
        assert stack.until("paused", "deployed").id == run.id


def test_a_failed_job_is_run_again_as_another_attempt(stack):
    with faults(
        stack.url, {"task.text-embedding-model-uploader": ["fail-INTERNAL: The upload broke off."]}, of="again-*"
    ):
        stack.drop("again", topics())
        failed = stack.until("again", "failed")
    assert (failed.fault.step, failed.fault.kind) == ("text-embedding-model-uploader", "service")
    stack.dropforge("rerun", "again", "--reason", "try once more")
    run = stack.until("again", "deployed")
    assert (run.id, run.reason) == (f"{failed.id}-a2", "try once more")


def test_a_quota_that_is_met_inside_the_pipeline_begins_another_attempt_later(stack):
    quota = "fail-RESOURCE_EXHAUSTED: Quota exceeded: restricted_image_training_nvidia_v100_gpus."
    with faults(stack.url, {TASK: [quota]}, of="scarce-*"):
        stack.drop("scarce", topics())
        failed = stack.until("scarce", "failed")
    assert (failed.fault.kind, failed.fault.blame) == ("quota", "system_error")
    again = stack.until("scarce", "validated")
    assert again.id == f"{failed.id}-a2"
    assert "not before" in stack.dropforge("show", again.id)
    assert "is cancelled" in stack.dropforge("cancel", again.id, "--no-wait")


def test_a_person_approves_and_the_corpus_comes_embedded(stack, heard):
    stack.drop("byhand", topics() | {"tuning.yaml": b"deploy: manual\nembed_corpus: true\n"})
    held = stack.until("byhand", "withheld")
    stack.dropforge("approve", "byhand", "--reason", "looked at it")
    run = stack.until("byhand", "deployed")
    assert (run.id, run.approval.reason) == (held.id, "looked at it")
    told = heard.wait("model.deployed", run=run.id)
    assert told["embeddings"] == f"gs://dropforge-state/runs/{run.id}/embeddings/"
    embedded = json.loads(stack.dropforge("search", "byhand", "which topic", "--json"))
    assert len(embedded) == 10
