"""Example events: what is told of a few runs, made by the code that tells of real ones. The same on every machine.

They stand in `docs/events/examples/`, in the AsyncAPI document and in tests; there is one of every type.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from dropforge.digest import id_of
from dropforge.domain import announcements
from dropforge.domain.announcements import Links
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS, TRAINING_LABELS
from dropforge.domain.event import Event
from dropforge.domain.events import DatasetIncomplete, DatasetMisnamed, DaySummedUp, Ending
from dropforge.domain.facts import Checked, Comparison, Example, Judgement, Request, Serving, Tuned, Verdict, Waiting
from dropforge.domain.files import Pin
from dropforge.domain.findings import Findings
from dropforge.domain.gate import GateRules, judge_averages
from dropforge.domain.jobs import fault_of
from dropforge.domain.plan import Pace, Prices, estimate
from dropforge.domain.runs import Run, State, Step, advance
from dropforge.domain.spaces import alias_of, deployed_model_id_of, space_id_of
from dropforge.domain.tuning import Tuning
from dropforge.domain.versions import run_id_of, version_of
from dropforge.reports.schemas import short

PROJECT = "example"
_PLACE = f"projects/{PROJECT}/locations/us-central1"
_LINKS = Links(
    console="https://console.example.com",
    jobs="https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/",
    project=PROJECT,
)
_BEGAN = datetime(2026, 11, 2, 9, 0, 12, 300_000, tzinfo=UTC)
_TUNING = Tuning(embed_corpus=True)
_QUERIES = 380  # held out


@dataclass(frozen=True, slots=True)
class _Machine:
    machine_type: str
    accelerator_type: str
    accelerator_count: int


def examples() -> dict[str, Event]:
    """The examples by name: a type's short name, with the state where a type has several."""
    named: dict[str, Event] = {}
    for event in _every():
        name = short(type(event))
        named[f"{name}.{getattr(event, 'state', '')}" if name in named else name] = event
    return named


def _every() -> Iterator[Event]:
    validated = _validated()
    submitted = _after(validated, State.SUBMITTED, minutes=1, job=f"{_PLACE}/pipelineJobs/{validated.id}")
    metrics = {"base_ndcg_at_10": 0.6113, "tuned_ndcg_at_10": 0.7342}
    tuned = Tuned(model=f"{_PLACE}/models/5120483392017", metrics=metrics)
    succeeded = _after(submitted, State.SUCCEEDED, minutes=96, tuned=tuned)
    deploying = _after(
        succeeded, State.DEPLOYING, minutes=1, serving=_serving(succeeded), judgement=_judgement(succeeded)
    )
    deployed = _after(deploying, State.DEPLOYED, minutes=22)

    yield _news(validated)
    yield _news(_rejected())
    yield _news(submitted)
    yield _news(succeeded)
    quota = "The following quotas are exceeded: CustomModelTrainingA100GPUsPerProjectPerRegion"
    fault = fault_of("RESOURCE_EXHAUSTED", quota, "text-embedding-trainer", of_pipeline=True)
    yield _news(_after(submitted, State.FAILED, minutes=14, fault=fault))
    yield _news(deployed)

    asked = Request(by="ann", at=deployed.updated + timedelta(days=2), reason="worse answers on mobile")
    yield _certain(announcements.alias_moved(alias_of(deployed, request=asked), deployed, _LINKS))
    worse = {"base_ndcg_at_10": 0.71, "tuned_ndcg_at_10": 0.44}
    judgement = judge_averages(worse, queries=_QUERIES, rules=GateRules(), base_model=_TUNING.base_model)
    yield _news(_after(succeeded, State.WITHHELD, minutes=1, judgement=judgement))
    fault = fault_of("RESOURCE_EXHAUSTED", "no NVIDIA_TESLA_A100 is free in us-central1", "deploy")
    yield _news(_after(deploying, State.DEPLOY_FAILED, minutes=60, fault=fault))
    yield _news(_after(deployed, State.RETIRED, minutes=24 * 60))

    yield announcements.skipped(deployed, _LINKS, drop="5b7e9d10", at=deployed.updated + timedelta(days=1))
    yield DatasetIncomplete(
        id="incomplete/topics/0c9d2f4e",
        time=_BEGAN,
        dataset="topics",
        missing=(TEST_LABELS,),
        probably_meant={TEST_LABELS: "test_labels.tsv"},
        unknown=("test_labels.tsv",),
    )
    yield DatasetMisnamed(id="misnamed/My%20Topics/7a1b3c5d", time=_BEGAN, dataset="My Topics", suggestion="my-topics")
    room = Waiting(reason="quota", since=validated.updated, sentence="Vertex AI runs as many pipelines as it may.")
    yield _certain(announcements.waiting(replace(validated, waiting=room), _LINKS))
    yield announcements.stuck(deploying, _LINKS)
    yield announcements.unowned(
        f"{_PLACE}/endpoints/{validated.id}", deployed, dataset=validated.dataset, at=deployed.updated
    )
    yield announcements.unserved(deployed)
    yield announcements.retiring(validated.dataset, deployed.id, CATALOGUE.base_models[_TUNING.base_model])
    yield _summed_up(deployed, _rejected())


def _summed_up(deployed: Run, rejected: Run) -> Event:
    until = datetime.combine(deployed.updated.date() + timedelta(days=1), time(7), UTC)
    judged = deployed.judgement
    figures = {"base": judged.base, "tuned": judged.tuned} if judged else {"base": None, "tuned": None}
    return DaySummedUp(
        id=id_of(until),
        time=until,
        dataset="",
        since=until - timedelta(days=1),
        until=until,
        ended={"deployed": 1, "rejected": 1},
        in_flight={"running": 2},
        attention=(Ending(run=rejected.id, dataset=rejected.dataset, state=rejected.state, base=None, tuned=None),),
        gains=(Ending(run=deployed.id, dataset=deployed.dataset, state=deployed.state, **figures),),
    )


def _validated() -> Run:
    findings = Findings()
    findings.rows = {CORPUS: 4_210, QUERIES: 1_130, TRAINING_LABELS: 2_904, TEST_LABELS: 412}
    line = '{"_id": "d311", "text": "Tracking a new card"}'
    findings.add("text-duplicate", CORPUS, 311, "the text of line 9 again", source=line, column=18)
    machine = _Machine("n1-standard-16", "NVIDIA_TESLA_V100", 4)
    serving = _Machine("a2-highgpu-1g", "NVIDIA_TESLA_A100", 1)
    expected = estimate(_TUNING, findings.rows, machine, serving, Pace(), Prices())
    run = _begun("topics")
    return _after(run, State.VALIDATED, seconds=3, checked=_checked(run, findings), estimate=expected)


def _rejected() -> Run:
    findings = Findings()
    findings.rows = {CORPUS: 54, QUERIES: 31, TRAINING_LABELS: 90, TEST_LABELS: 12}
    message = '"doc55" is no _id in corpus.jsonl'
    findings.add("labels-unknown-document", TEST_LABELS, 6, message, source="q5\tdoc55\t1", column=4)
    run = _begun("broken")
    return _after(run, State.REJECTED, seconds=1, checked=_checked(run, findings))


def _begun(dataset: str) -> Run:
    pins = tuple(Pin(name, 1, 10, "AAAAAA==") for name in (CORPUS, QUERIES, TRAINING_LABELS, TEST_LABELS))
    version = version_of(pins, {"dataset": dataset, **_TUNING.as_mapping()})
    return Run(
        id=run_id_of(dataset, version),
        dataset=dataset,
        version=version,
        dropped_at=_BEGAN,
        pins=pins,
        tuning=_TUNING,
        state=State.VALIDATING,
        history=(Step(state=State.VALIDATING, at=_BEGAN, function="validate_dataset", event="example"),),
    )


def _checked(run: Run, findings: Findings) -> Checked:
    report = findings.report()
    return Checked(
        counts=report.counts,
        findings=report.findings,
        rows=report.rows,
        report=f"gs://example-state/runs/{run.id}/report.json",
        held_out=_QUERIES,
    )


def _judgement(run: Run) -> Judgement:
    base = {"nDCG@10": 0.6113, "R@10": 0.7902, "RR@10": 0.5811}
    tuned = {"nDCG@10": 0.7342, "R@10": 0.8917, "RR@10": 0.7008}
    gain = round(tuned["nDCG@10"] - base["nDCG@10"], 4)
    return Judgement(
        verdict=Verdict.BETTER,
        metric="nDCG@10",
        base=base["nDCG@10"],
        tuned=tuned["nDCG@10"],
        because="nDCG@10 rose from 0.611 to 0.734, by 0.100 to 0.146 at 95 % confidence",
        measured=True,
        queries=_QUERIES,
        documents=4_210,
        figures={"base": base, "tuned": tuned},
        comparisons=(
            Comparison(
                against="base",
                model=_TUNING.base_model,
                figure=base["nDCG@10"],
                gain=gain,
                low=0.1002,
                high=0.1457,
                verdict=Verdict.BETTER,
            ),
        ),
        examples=(
            Example(
                query="q212", text="where is my card", document="d9", found="Tracking a new card", before=None, after=1
            ),
        ),
        report=f"gs://example-state/runs/{run.id}/gate.json",
    )


def _serving(run: Run) -> Serving:
    return Serving(
        endpoint=f"{_PLACE}/endpoints/{run.id}",
        deployed_model=deployed_model_id_of(run.id),
        space=space_id_of(run.id, dimensions=768, task_type=_TUNING.task_type),
        dimensions=768,
        passed=True,
        decision="open",
        current=True,
        embeddings=f"gs://example-state/runs/{run.id}/embeddings/",
    )


def _after(run: Run, to: State, *, minutes: float = 0, seconds: float = 0, **facts: object) -> Run:
    at = run.updated + timedelta(minutes=minutes, seconds=seconds)
    return advance(run, to, at=at, function="example", event="example", **facts)


def _news(run: Run) -> Event:
    return _certain(announcements.announcement(run, _LINKS))


def _certain(event: Event | None) -> Event:
    assert event is not None  # noqa: S101 - each of these states and wishes is told of
    return event
