"""Whatever happens to a dataset, the same is told of it as by a validator that is slow and obvious."""

import io
import json
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from support.data import dataset
from support.examination import contradictions
from support.mishaps import clean, is_long, joined, mishaps
from support.obvious import Obvious

from dropforge.domain.catalogue import Limits
from dropforge.domain.datasets import CORPUS, QUERIES, TEST_LABELS
from dropforge.domain.findings import Findings, quoted
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator import blocks
from dropforge.domain.validator.check import check

# The same examples each time: whoever changes the validator is told at once, and nobody by accident.
STEADY = settings(
    max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
# More are never drawn; small tables are full ones.
LIMITS = Limits(most_documents=100, most_queries=100, most_labels=200)
WHOLE = 512 * 1024
# What is told of one line because of another, so that it matters which of them comes first.
OF_TWO_LINES = {"id-duplicate", "text-duplicate", "labels-duplicate", "labels-conflict"}
AT_THE_FIRST_OF_ALL = {"bytes-line-ends", "record-unknown-field", "labels-only-zero", "text-script"}
# On one line and in one column: which of them is told first must not depend on the blocks.
TIED = clean()
TIED[CORPUS][2] = b'{"_id": "d1", "t\\u0065xt": 7}\n'


def checked(files, block=WHOLE, progress=int):
    streams = {name: io.BytesIO(data) for name, data in files.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK", block)
        return check(streams, Tuning(), Findings(), LIMITS, progress=progress)


# A broken record: what is called _id within it is not its own.
INNER = b'{"_id": 7, "text": 7, "_id": [{"_id": "d1"}]}\n'


@settings(STEADY, max_examples=500)
@given(mishaps().map(joined))
def test_the_same_is_told_as_by_an_obvious_validator(files):
    report, obvious = checked(files), Obvious(files)
    told = {(found.code, found.file, found.line) for found in report.findings}
    assert comparable(told, files) == comparable(obvious.check(), files)
    assert report.rows == obvious.rows


def comparable(places, files):
    """Without what only one of the two can tell: other scripts, and long texts that are nearly the same."""
    return {
        (code, file, line)
        for code, file, line in places
        if code != "text-script" and not (code == "text-duplicate" and is_long(files[file].split(b"\n")[line - 1]))
    }


@STEADY
@given(mishaps().map(joined), st.integers(200, 3_000))
@example(joined(TIED), 100)
def test_the_size_of_a_block_makes_no_difference(files, block):
    assert checked(files, block) == checked(files)


@STEADY
@given(mishaps(most=12).map(joined))
@example(dataset() | {CORPUS: INNER + dataset()[CORPUS]})
def test_a_report_is_true_of_itself(files):
    report = checked(files)
    assert contradictions(report, files) == []
    assert report.rows.keys() == files.keys()
    for found in report.findings:
        assert found.line <= len(files[found.file].split(b"\n")) if found.file else found.line == 0


@STEADY
@given(mishaps().map(joined), st.integers(100, 3_000))
def test_every_byte_is_taken_in(files, block):
    sizes = []
    checked(files, block, progress=sizes.append)
    assert sum(sizes) == sum(map(len, files.values()))


@STEADY
@given(mishaps(most=12).map(joined))
def test_what_is_told_is_short(files):
    for found in checked(files).findings:
        assert len(found.message) < 500
        assert len(found.excerpt) < 1_500
        assert (found.caret > 0) == (found.column > 0)
        assert found.caret <= len(found.excerpt) + 1


@STEADY
@given(mishaps(), st.integers(0, 1_000))
def test_the_order_of_the_lines_makes_no_difference(lines, seed):
    files = joined(lines)
    files = {file: data if data.endswith(b"\n") else data + b"\n" for file, data in files.items()}
    before = checked(files)
    assume(not before.counts.keys() & OF_TWO_LINES)
    assume(all(data.split(b"\n", 1)[0].strip() for data in files.values()))  # the header is the first line
    after = checked({file: shuffled(data, Random(seed)) for file, data in files.items()})
    assert after.counts == before.counts
    assert by_content(after) == by_content(before)


def shuffled(data, chance):
    """The lines in another order, but for the first."""
    first, *others = [line + b"\n" for line in data.split(b"\n")[:-1]]
    chance.shuffle(others)
    return b"".join([first, *others])


def by_content(report):
    return Counter(
        (found.code, found.file, found.column, "" if found.code in AT_THE_FIRST_OF_ALL else found.excerpt)
        for found in report.findings
    )


# An id, and what may become of it on its way into a label.
IDENTITIES = st.text(st.sampled_from("abAB1 '\"é😀-"), min_size=1, max_size=4).filter(lambda text: text.strip("\"' "))
SLIPS = st.sampled_from(
    [
        str.upper,
        str.lower,
        str.title,
        "{} ".format,
        " {} ".format,
        "'{}'".format,
        '"{}'.format,
        '{}"'.format,
        '" {} "'.format,
        '""{}""'.format,
        "{}x".format,
        "x{}".format,
        '"'.format,
    ]
)


@STEADY
@given(st.lists(IDENTITIES, min_size=1, max_size=5, unique=True), SLIPS)
@example(["q1"], '"{}'.format)
def test_what_is_not_there_is_not_there_and_what_was_meant_is(identities, slip):
    files = joined(clean())
    files[QUERIES] += "".join(
        json.dumps({"_id": identity, "text": f"Another query, {place}"}) + "\n"
        for place, identity in enumerate(identities)
        if identity != "q1"
    ).encode()
    files[TEST_LABELS] += f"{slip(identities[0])}\td1\t1\n".encode()
    there = {quoted(json.loads(line)["_id"]) for line in files[QUERIES].splitlines()}
    for found in checked(files).findings:
        if found.code == "labels-unknown-query":
            named, _, meant = found.message.partition(" is no _id in queries.jsonl")
            assert named not in there
            assert not meant or meant.removeprefix("; did you mean ").removesuffix("?") in there
