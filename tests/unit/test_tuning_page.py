"""The page about tuning says what its tables say, what it tells people to write is understood, and its datasets are as it says."""

import re
from pathlib import Path

import pytest
from bench.tuned import datasets
from bench.tuned.datasets import Dataset
from support.examination import TODAY, examined
from support.vertex import topics

from dropforge.domain.findings import Findings
from dropforge.domain.gate import GateRules
from dropforge.domain.tuning import Bounds, resolve

PAGE = Path(__file__).parents[2] / "docs/tuning.md"
TEXT = PAGE.read_text("utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("|")]
CHANGE = re.compile(
    r"(?P<base>[\d.]+) → (?P<tuned>[\d.]+) \| +(?P<gain>[+-][\d.]+) \((?P<low>[+-][\d.]+) to (?P<high>[+-][\d.]+)\)"
    r" \| +`(?P<verdict>\w+)`"
)
ROUNDED = 0.0011  # two figures of three digits, and their difference
MARGIN = GateRules().margin


@pytest.fixture
def dataset(tmp_path):
    """Thirty topics, each a document; each test query's document was trained on."""
    for name, content in topics().items():
        (tmp_path / name).write_bytes(content)
    return datasets.read(tmp_path)


def test_the_only_figures_of_the_text_are_the_widths_of_intervals_in_the_table():
    prose = " ".join(re.sub(r"<!-- begin.+?<!-- end|^\|.*$", "", TEXT, flags=re.DOTALL | re.MULTILINE).split())
    told = re.search(
        r"leave (0\.\d+) to (0\.\d+), all of them less than (0\.\d+); the 75 of cranfield leave (0\.\d+)", prose
    )
    assert re.findall(r"(?<![\d.])0\.\d+", prose) == list(told.groups())
    _, _, table = TEXT.partition("<!-- begin: gate -->")
    widths = {
        tuple(cell.strip() for cell in row.split("|")[1:3]): float(found["high"]) - float(found["low"])
        for row in table.partition("<!-- end")[0].splitlines()
        if (found := CHANGE.search(row))
    }
    samples = sorted(widths[name, "the sample"] for name in ("banking77", "jsquad"))
    low, high, most, few = map(float, told.groups())
    assert [round(width, 2) for width in samples] == [low, high]
    assert max(widths[name, "all of it"] for name in ("banking77", "jsquad")) < most
    assert round(widths["cranfield", "all of it"], 2) == few


def test_gains_and_verdicts_follow_from_the_figures_beside_them():
    found = [match.groupdict() for row in ROWS if (match := CHANGE.search(row))]
    assert len(found) > 30
    for row in found:
        base, tuned, gain, low, high = (float(row[name]) for name in ("base", "tuned", "gain", "low", "high"))
        assert abs(tuned - base - gain) <= ROUNDED, row
        assert low <= gain <= high, row
        expected = {
            "better": low >= 0,
            "not_worse": low >= -MARGIN or gain == 0,
            "worse": high <= 0,
            "insufficient": low <= 0 <= high or low < -MARGIN,
        }
        assert expected[row["verdict"]], row


def test_the_configuration_that_it_shows_is_understood():
    [example] = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)
    findings = Findings()
    tuning = resolve(example.encode(), Bounds(), TODAY, findings)
    assert findings.report().verdict == "accepted"
    assert tuning.deploy == "only_if_better"


def test_what_others_measured_is_marked_as_theirs():
    _, _, theirs = TEXT.partition("## Beside a whole transformer")
    assert "not measured by this bench" in theirs
    assert "<!-- begin" not in theirs


def test_what_is_read_is_what_was_there(dataset):
    assert examined(dataset.files).counts == examined(topics()).counts
    assert dataset.seen == 1


@pytest.mark.parametrize("make", [datasets.poisoned, datasets.shuffled, datasets.by_document])
def test_variants_are_datasets_that_the_validator_accepts(dataset, make):
    assert make(dataset) == make(dataset)
    assert examined(make(dataset).files).verdict == "accepted"


def test_fewer_labels_are_a_part_of_more(dataset):
    tenth, half = (datasets.with_share_of_labels(dataset, share) for share in (0.1, 0.5))
    assert (len(tenth.train), len(half.train)) == (12, 60)
    assert set(tenth.train) < set(half.train) < set(dataset.train)
    assert half.test == dataset.test


def test_poison_is_consistent_and_leaves_the_test_right(dataset):
    bad = datasets.poisoned(dataset)
    meant = {(right[1], wrong[1]) for right, wrong in zip(dataset.train, bad.train, strict=True)}
    assert len(meant) == len({right for right, _ in meant}) == len({wrong for _, wrong in meant}) == 30
    assert all(right != wrong for right, wrong in meant)
    assert bad.test == dataset.test


def test_shuffled_labels_have_the_same_documents_and_no_order(dataset):
    bad = datasets.shuffled(dataset)
    right = sum(label in set(dataset.train) for label in bad.train)
    assert right < len(dataset.train) / 5
    assert {document for _, document, _ in bad.train} == {document for _, document, _ in dataset.train}
    assert bad.test == dataset.test


def test_a_split_by_document_shares_none(dataset):
    split = datasets.by_document(dataset)
    assert split.seen == 0
    assert {label[1] for label in split.train} | {label[1] for label in split.test} == {
        label[1] for label in dataset.train
    }


def test_queries_with_several_documents_are_not_split(dataset):
    several = Dataset("several", dataset.corpus, dataset.queries, dataset.train, [("q", "d1", 1), ("q", "d2", 1)])
    assert datasets.by_document(several) is None


def test_a_folder_that_the_validator_refuses_is_told(tmp_path):
    for name, content in topics().items():
        (tmp_path / name).write_bytes(content + (b"q0-0\td0\tmany\n" if name == "test_label.tsv" else b""))
    with pytest.raises(SystemExit, match=r"is refused: test_label\.tsv:62: .*many"):
        datasets.read(tmp_path)


def test_a_folder_without_a_file_is_told(tmp_path):
    with pytest.raises(SystemExit, match=r"has no corpus\.jsonl, queries\.jsonl"):
        datasets.read(tmp_path)
