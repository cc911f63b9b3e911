"""Long texts that are nearly the same are found by their sketches; others are not taken for them."""

import json
import random
from io import BytesIO

import pytest

from dropforge.domain.findings import Findings
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator.check import check

COUNT = 200
WORDS = [
    "".join(random.Random(n).choices("etaoinshrdlucmfwypvbgkjqxz", weights=range(26, 0, -1), k=2 + n % 9))
    for n in range(3_000)
]


@pytest.fixture(scope="module")
def texts():
    chance = random.Random(11)
    return [" ".join(chance.choices(WORDS, k=120)) for _ in range(COUNT)]


def told_alike(texts, others, **fields):
    """How many of the others are told to have the text of the one at the same place."""
    records = [{"_id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    records += [fields | {"_id": f"copy-of-{n}", "text": text} for n, text in enumerate(others)]
    corpus = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    report = check({"corpus.jsonl": BytesIO(corpus)}, Tuning(), Findings())
    told = {
        finding.line: int(finding.message.rpartition(" ")[2])
        for finding in report.findings
        if finding.code == "text-duplicate"
    }
    assert all(earlier == line - COUNT for line, earlier in told.items()), "only its own original is named"
    return len(told)


def changed(text, change):
    words = text.split()
    words[change.randrange(len(words))] = "another"
    return " ".join(words)


def test_a_copy_is_always_found(texts):
    assert told_alike(texts, texts) == COUNT


def test_a_copy_in_capitals_is_always_found(texts):
    assert told_alike(texts, [text.upper() for text in texts]) == COUNT


def test_a_copy_with_a_field_after_the_text_is_found(texts):
    assert told_alike(texts, texts, title="of its own") >= COUNT * 0.9


def test_most_texts_with_one_word_changed_are_found(texts):
    chance = random.Random(3)
    assert told_alike(texts, [changed(text, chance) for text in texts]) >= COUNT * 0.8


def test_most_texts_with_a_sentence_added_are_found(texts):
    assert told_alike(texts, [f"{text} and one more short sentence" for text in texts]) >= COUNT * 0.8


def test_texts_of_which_half_is_the_same_are_not_taken_for_copies(texts):
    halves = [" ".join(text.split()[:60] + other.split()[60:]) for text, other in zip(texts, texts[::-1], strict=True)]
    assert told_alike(texts, halves) <= COUNT * 0.02


def test_the_texts_themselves_are_not_alike(texts):
    assert told_alike(texts, []) == 0
