"""A dataset's own configuration holds within the operator's bounds, and what Vertex refuses late is refused at once."""

from datetime import date

import pytest

from dropforge.domain.findings import Findings
from dropforge.domain.rules import Severity
from dropforge.domain.tuning import Bounds, Tuning, resolve

TODAY = date(2026, 11, 23)


def resolved(text, bounds=Bounds(), today=TODAY):  # noqa: B008 - frozen
    findings = Findings()
    return resolve(text, bounds, today, findings), findings.report()


def test_without_a_file_the_operators_defaults_hold():
    defaults = Tuning(train_steps=500)
    assert resolved(None, Bounds(defaults))[0] == defaults


def test_what_the_dataset_says_is_laid_over_the_defaults():
    tuning, report = resolved(b"train_steps: 200\ntask_type: CLUSTERING\nlearning_rate_multiplier: 2\n")

    assert report.verdict == "accepted"
    assert tuning == Tuning(train_steps=200, task_type="CLUSTERING", learning_rate_multiplier=2.0)


@pytest.mark.parametrize(
    ("text", "code", "line", "told"),
    [
        (b"train_stops: 100", "tuning-unknown-key", 1, "did you mean train_steps?"),
        (b"deploy: always\nbatch_size: 4096", "tuning-bad-value", 2, "a whole number from 1 to 1,023"),
        (b"batch_size: true", "tuning-bad-value", 1, "a whole number from 1 to 1,023"),
        (b"train_steps: 30", "tuning-bad-value", 1, "a whole number from 31"),
        (b"base_model: text-embedding-05", "tuning-bad-value", 1, "did you mean text-embedding-005?"),
        (b"machine_type: a3-megagpu-8g", "tuning-unknown-key", 1, "no setting"),
        (b"service_account: me@evil.example", "tuning-unknown-key", 1, "no setting"),
        (b"template: v9", "tuning-unknown-key", 1, "no setting"),
        (b"batch_size: [1, 2]", "tuning-bad-value", 1, "a list or mapping"),
        (b"batch_size: 2020-99-99", "tuning-bad-value", 1, "2020-99-99"),
        (b"batch_size: !foo 1", "tuning-bad-value", 1, '"1"'),
        (b'batch_size: !!int ""', "tuning-bad-value", 1, '""'),
        (b"batch_size: !!bool maybe", "tuning-bad-value", 1, "maybe"),
        (b"batch_size: 5\nbatch_size: 6", "tuning-duplicate-key", 2, "is already on line 1"),
        (b"- a\n- b\n", "tuning-not-a-mapping", 1, "not a mapping"),
        (b"a: b: c", "tuning-not-yaml", 1, "not YAML"),
        (b"[" * 20_000, "tuning-not-yaml", 0, "nested too deeply"),
        (b"\xff", "tuning-not-utf8", 0, "not UTF-8 at byte 0"),
        (b"base_model: text-embedding-004\ntask_type: CODE_RETRIEVAL_QUERY", "tuning-task-not-for-model", 2, "004"),
        (b"base_model: textembedding-gecko@002", "tuning-retired-model", 1, "retired on 2025-04-21"),
    ],
)
def test_each_fault_is_told_where_it_is(text, code, line, told):
    _, report = resolved(text)

    [finding] = report.findings
    assert (finding.code, finding.line) == (code, line)
    assert told in finding.message
    assert report.verdict == "rejected"


def test_an_operator_can_allow_a_retired_model():
    tuning, report = resolved(
        b"base_model: textembedding-gecko@002", Bounds(allowed_retired=frozenset({"textembedding-gecko@002"}))
    )

    assert tuning.base_model == "textembedding-gecko@002"
    assert report.verdict == "accepted"
    assert [finding.code for finding in report.of(Severity.WARNING)] == ["tuning-retired-model-allowed"]


def test_a_policy_that_the_operator_does_not_allow_is_a_finding():
    bounds = Bounds(allowed_deploy=frozenset({"manual", "unless_worse"}))
    tuning, report = resolved(b"train_steps: 200\ndeploy: always", bounds)

    [finding] = report.findings
    assert (finding.code, finding.line, report.verdict) == ("tuning-deploy-not-allowed", 2, "rejected")
    assert finding.message == "deploy is always, which the operator does not allow"
    assert finding.hint == "Use one of unless_worse, manual, or leave the line out to get unless_worse."
    assert tuning.deploy == "unless_worse"
    assert resolved(b"deploy: manual", bounds)[0].deploy == "manual"


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (None, 0, "Plan to move on."),
        (b"train_steps: 200\nbase_model: text-embedding-004", 2, "Plan to move on to text-embedding-005."),
    ],
)
def test_a_model_near_its_end_is_a_warning(text, line, hint):
    _, report = resolved(text, today=date(2027, 1, 2))

    [finding] = report.findings
    assert report.verdict == "accepted"
    assert (finding.code, finding.line, finding.hint) == ("tuning-model-retires-soon", line, hint)
    assert "will be retired on 2027-04-01" in finding.message
    assert resolved(text, today=date(2026, 12, 31))[1].findings == ()


def test_a_model_is_not_tuned_in_its_last_month_unless_the_operator_allows_it():
    first_day, told = date(2027, 3, 1), "has taken no new tuning since 2027-03-01, and will be retired on 2027-04-01"
    [finding] = resolved(b"base_model: text-embedding-004", today=first_day)[1].findings
    assert (finding.code, finding.line, finding.hint) == ("tuning-closed-model", 1, "Tune text-embedding-005 instead.")
    assert told in finding.message

    bounds = Bounds(allowed_retired=frozenset({"text-embedding-004"}))
    tuning, report = resolved(b"base_model: text-embedding-004", bounds, today=first_day)
    assert (tuning.base_model, report.verdict) == ("text-embedding-004", "accepted")
    assert [finding.code for finding in report.of(Severity.WARNING)] == ["tuning-closed-model-allowed"]


@pytest.mark.parametrize("setting", ["output_dimensionality: 256", "learning_rate_multiplier: 2"])
def test_the_first_template_family_takes_neither_dimensions_nor_learning_rate(setting):
    bounds = Bounds(allowed_retired=frozenset({"textembedding-gecko@003"}))
    _, report = resolved(b"base_model: textembedding-gecko@003\n" + setting.encode(), bounds)

    assert [finding.code for finding in report.of(Severity.ERROR)] == ["tuning-key-not-for-model"]
