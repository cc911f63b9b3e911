"""What people are told next is what they can do; and no text of a dataset stands in a headline."""

from datetime import UTC, datetime

import pytest

from dropforge.domain import events
from dropforge.domain.facts import Comparison, Fault, Judgement, Verdict
from dropforge.domain.message import Tone
from dropforge.domain.messages import message_of, verdict_of
from dropforge.domain.runs import State

MOMENT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RUN = {
    "id": "topics-1/x",
    "time": MOMENT,
    "dataset": "topics",
    "run": "topics-1",
    "version": "0a",
    "attempt": 1,
    "started": MOMENT,
    "links": {},
}


def stuck(state):
    return message_of(events.RunStuck(**RUN, state=state, since=MOMENT)).next_step


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (State.VALIDATED, "`dropforge show topics-1` says what it waits for"),
        (State.SUCCEEDED, "the log of `sweep`"),
        (State.RUNNING, "Look at the pipeline job"),
        (State.PAUSED, "Resume the pipeline job"),
        (State.DEPLOYING, "Look at the endpoint"),
    ],
)
def test_who_hears_of_a_stuck_run_learns_where_to_look(state, says):
    assert says in stuck(state)


@pytest.mark.parametrize(("job", "says"), [("", "No job was started"), ("jobs/1", "Look at the pipeline job")])
def test_where_no_job_was_started_nobody_is_sent_to_it(job, says):
    refused = Fault(code="REFUSED", message="retired", step="plan", blame="system_error", kind="service")
    ended = events.JobComplete(**RUN, state=State.FAILED, outcome="failed", job=job, seconds=1, error=refused)
    assert says in message_of(ended).next_step


def deployed(**more):
    served = {"model": "m", "endpoint": "endpoints/1", "space_id": "topics-1/768/DEFAULT", "previous_space_id": ""}
    how = {"dimensions": 768, "metrics": {}, "judgement": None, "current": True, "reindex_required": True}
    return message_of(events.ModelDeployed(**RUN, **served, **how, state=State.DEPLOYED, **more))


def test_who_had_the_corpus_embedded_is_told_where_its_vectors_are():
    told = deployed(embeddings="gs://b/vectors/")
    assert ("Vectors", "gs://b/vectors/") in told.facts
    assert told.next_step == "Import the vectors of the corpus, then switch readers to this endpoint."
    assert "Embed the documents anew" in deployed().next_step


def test_a_folder_that_nobody_has_looked_at_is_not_named_in_the_headline():
    hostile = "<!channel> \x1b[31m"
    told = message_of(
        events.DatasetIncomplete(
            id="i", time=MOMENT, dataset=hostile, missing=("corpus.jsonl",), probably_meant={}, unknown=()
        )
    )
    assert told.headline == "A dropped folder is incomplete"
    [(_, shown)] = told.facts
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("ended", "tone"),
    [
        ({"deployed": 2, "cancelled": 1}, Tone.GOOD),
        ({"cancelled": 1}, Tone.GOOD),
        ({"deployed": 2, "failed": 1}, Tone.BAD),
        ({}, Tone.NEUTRAL),
    ],
)
def test_a_day_is_bad_only_where_something_happened_that_nobody_wanted(ended, tone):
    day = events.DaySummedUp(
        id="d", time=MOMENT, dataset="", since=MOMENT, until=MOMENT, ended=ended, in_flight={}, attention=(), gains=()
    )
    assert message_of(day).tone is tone


def compared(against, verdict):
    return Comparison(against=against, model="m", figure=0.5, gain=0.1, low=0.0, high=0.2, verdict=verdict)


@pytest.mark.parametrize(
    ("verdict", "comparisons", "says"),
    [
        (Verdict.INSUFFICIENT, (), "cannot tell"),
        (Verdict.BETTER, (), "better than base"),
        (
            Verdict.BETTER,
            (compared("base", Verdict.BETTER), compared("deployed", Verdict.BETTER)),
            "better than base and the model in use",
        ),
        (
            Verdict.NOT_WORSE,
            (compared("base", Verdict.BETTER), compared("deployed", Verdict.NOT_WORSE)),
            "better than base, not worse than the model in use",
        ),
        (
            Verdict.WORSE,
            (compared("base", Verdict.INSUFFICIENT), compared("deployed", Verdict.WORSE)),
            "cannot tell from base, worse than the model in use",
        ),
    ],
)
def test_the_gate_says_which_model_it_speaks_of(verdict, comparisons, says):
    judged = Judgement(verdict=verdict, metric="nDCG@10", base=0.5, tuned=0.6, because="b", comparisons=comparisons)
    assert verdict_of(judged) == says
