"""What is unusual but in order raises no alarm."""

import json
from pathlib import Path

import pytest
from support.examination import TODAY, examined, told
from support.faults.fault import LABELS, QUERIES, TRAINING, Dataset
from support.faults.texts import LONGEST_TEXTS
from support.variants import VARIANTS, with_labels

from dropforge.adapters.directory import Directory
from dropforge.domain.validator import blocks
from dropforge.examine import Examiner
from dropforge.settings import Operator

DEMONSTRATION = Path(__file__).parents[3] / "deploy/local/dropforge_local/demo/data"


@pytest.fixture(params=[1, 512 * 1024], ids=["each line a block", "each file a block"])
def block(request, monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_told_of_what_is_in_order(name):
    files, operator = VARIANTS[name]
    assert told(examined(files(), operator)) == []


@pytest.mark.parametrize("letters", LONGEST_TEXTS)
def test_the_longest_texts_are_as_long_as_they_say(letters):
    assert len(json.loads(f'"{LONGEST_TEXTS[letters]}"').encode()) == 3_072 * 4


def test_among_nineteen_labels_none_is_too_many():
    report = examined(with_labels(TRAINING, *(f"q{n}\td5\t1" for n in range(19))))
    assert report.counts == {"queries-unlabelled": 1}


def test_the_smallest_dataset_is_accepted():
    """It has three queries a file, too few to tell anything by, which is a warning."""
    files = Dataset(9).files
    for file in LABELS:
        header, *rows = files[file].splitlines(keepends=True)
        files[file] = header + b"".join(rows[:3])
    asked = [f'"_id": "{letter}{n}"'.encode() for letter in "qtv" for n in range(3)]
    kept = [line for line in files[QUERIES].splitlines(keepends=True) if any(each in line for each in asked)]
    report = examined(files | {QUERIES: b"".join(kept)})
    assert report.rows[QUERIES] == 9
    assert report.counts == {"test-too-few-queries": 1, "documents-unlabelled": 1}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seed", {"test-queries-trained-on": 1, "test-too-few-queries": 1}),
        ("banking77", {"text-duplicate": 11, "query-is-document": 1, "test-texts-trained-on": 1}),
    ],
)
def test_of_the_demonstrations_data_what_is_in_it_is_told(name, expected):
    report = Examiner(Directory(DEMONSTRATION / name), Operator()).examine_unchanged("", TODAY)
    assert report.verdict == "accepted"
    assert report.counts == expected
