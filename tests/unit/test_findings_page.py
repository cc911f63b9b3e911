"""The page of all findings is made from the rules, and each of its examples is what it says."""

import re
from pathlib import Path

import pytest
from support.data import dataset
from support.examination import examined

from dropforge.domain.errors import Missing
from dropforge.domain.rules import RULES
from dropforge.reports.findings_page import page

PAGE = Path(__file__).parents[2] / "docs/findings.md"
EXAMPLES = [rule for rule in RULES.values() if rule.wrong]


def test_a_page_without_its_mark_is_not_written_twice():
    with pytest.raises(Missing, match="has no line"):
        page(PAGE.read_text("utf-8").replace("made from rules.toml", "made"))


def test_the_page_says_what_the_rules_say():
    written = PAGE.read_text("utf-8")
    assert page(written) == written, "make it anew: python -m dropforge.reports.findings_page docs/findings.md"


def test_each_code_has_a_heading_that_links_lead_to():
    assert re.findall(r"^### (\S+)$", page(PAGE.read_text("utf-8")), re.MULTILINE)[-len(RULES) :] == list(RULES)


def test_links_lead_to_what_there_is():
    written = PAGE.read_text("utf-8")
    assert set(re.findall(r"\(#([^)]+)\)", written)) == set(RULES)


def test_examples_can_be_copied_with_their_tabs():
    assert "\n```tsv\nquery-id\tcorpus-id\tscore\nq1\td1\t0.5\n```\n" in PAGE.read_text("utf-8")


def test_what_is_wrong_is_shown_beside_what_is_right():
    assert all(bool(rule.wrong) == bool(rule.right) for rule in RULES.values())


def clean():
    """A clean dataset whose test labels, not whose training labels, name q1."""
    files = dataset()
    return files | {"training_label.tsv": files["test_label.tsv"], "test_label.tsv": files["training_label.tsv"]}


def planted(rule, example):
    """A clean dataset with the example in it."""
    files = clean()
    if rule.code.startswith("folder-"):
        return {name: files.get(name, b"x\n") for name in example.split()}
    if rule.code.startswith("tuning-"):
        return files | {"tuning.yaml": f"{example}\n".encode()}
    if rule.code.startswith("labels-"):
        rows = files["test_label.tsv"].split(b"\n", 1)[1].replace(b"q1\td1\t2\n", b"")
        return files | {"test_label.tsv": f"{example}\n".encode() + rows}
    return files | {"queries.jsonl": files["queries.jsonl"] + f"{example}\n".encode()}


def test_nothing_is_told_before_an_example_is_planted():
    assert examined(clean()).findings == ()


@pytest.mark.parametrize(
    "rule", [rule for rule in EXAMPLES if rule.code != "bytes-encoded"], ids=lambda rule: rule.code
)
def test_what_is_wrong_is_told_and_what_is_right_is_not(rule):
    assert rule.code in examined(planted(rule, rule.wrong)).counts
    right = examined(planted(rule, rule.right))
    if rule.code.startswith("folder-"):
        assert rule.code not in right.counts
    else:
        assert right.counts.keys() <= {"queries-unlabelled"}
