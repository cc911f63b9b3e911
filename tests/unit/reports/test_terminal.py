"""A terminal shows what matters last, each caret below its column, and obeys nothing of a dataset."""

import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.reports import HOSTILE, broken, clean, hostile, many, texts

from dropforge.domain.findings import Findings
from dropforge.domain.rules import RULES, Severity
from dropforge.reports import terminal

GOLDEN = Path(__file__).with_name("golden")


def shown(report, width=80, *, colour=False, advice=()):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    terminal.show(report, console, 0.0312, advice)
    return console.file.getvalue()


def cells(text):
    """How many cells a terminal gives a text, by Unicode's own tables."""
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def read(name, now):
    """The golden text; written when it is not there, for somebody to look at."""
    file = GOLDEN / name
    if not file.exists():
        file.write_text(now, "utf-8")
        pytest.fail(f"{name} was not there: look at what has been written, and keep it")
    return file.read_text("utf-8")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_broken_folder_looks_so(width):
    now = shown(broken(), width)
    assert now == read(f"broken-{width}.txt", now)


def test_a_clean_folder_looks_so():
    now = shown(clean())
    assert now == read("clean.txt", now)


def test_more_findings_than_are_shown_are_counted_by_code():
    now = shown(many(3000))
    assert now == read("many.txt", now)
    assert [now.count(f"[{code}]") for code in ("labels-unknown-document", "id-missing", "text-long")] == [19, 1, 0]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_each_rule_is_explained(rule):
    console = Console(file=io.StringIO(), width=80)
    terminal.explain(rule, console)
    said = " ".join(console.file.getvalue().split())
    for words in (f"{rule.severity}[{rule.code}]", rule.title, rule.why, rule.mend, rule.chapter):
        assert " ".join(words.split()) in said
    assert "\t" not in console.file.getvalue()
    assert ("⇥ is a tab" in said) == ("\t" in rule.right)


def test_the_most_important_comes_last():
    lines = shown(broken(), 200, advice=("advice",)).rstrip().splitlines()
    severities = [found[1] for line in lines if (found := re.match(r"(error|warning|note)\[", line))]
    assert severities == sorted(severities, key=[*Severity].index, reverse=True)
    assert lines[-1].startswith("rejected: ")
    assert "advice" in lines[-4:]


def test_what_to_do_is_told_once_for_findings_that_follow_each_other():
    hint = RULES["labels-unknown-document"].mend
    assert shown(broken(), 200).count(hint) == 1


def test_colours_are_for_terminals():
    assert "\x1b[" not in shown(broken())
    assert "\x1b[1;31merror[labels-score]\x1b[0m" in shown(broken(), colour=True)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_dataset_is_obeyed(text, width):
    require_harmless(shown(hostile(f"a {text} b {text}"), width))


@given(texts, st.integers(20, 200), st.integers(0, 60))
def test_no_text_of_a_dataset_is_obeyed(text, width, column):
    require_harmless(shown(hostile(text, column), width))


def require_harmless(output):
    assert all(char == "\n" or char.isprintable() for char in output)
    assert not re.search(r"^\s*::", output, re.MULTILINE), "a runner obeys ::command:: at the beginning of a line"
    assert not re.search(r"##\w*\[", output), "a runner obeys ##[command] anywhere"


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("q1\td1\t0.5", 7),
        ("\t\tx", 3),
        ("日本語のタイトル x 日本語", 10),
        ("日本語", 2),
        ("e\u0301e\u0301e\u0301x", 7),
        ("abc", 1),
        ("abc", 3),
        ("x" * 300, 150),
        ("日" * 300, 150),
        ("\x1b" * 300, 150),
        ("e\u0301" * 200, 201),
        ('{"_id": "d3", "title": "日本語\tのタイトル", "text": ""}', 47),
    ],
)
def test_the_caret_stands_below_its_column(line, column, width):
    findings = Findings()
    findings.add("labels-score", "test_label.tsv", 123, "m", column=column, source=line)
    lines = shown(findings.report(), width).splitlines()
    excerpt = next(line for line in lines if line.startswith(" 123 | "))
    caret = next(line for line in lines if line.strip("| ") == "^")

    before = [part for part in range(len(excerpt) + 1) if cells(excerpt[:part]) == caret.index("^")]
    expected = {"\t": "⇥", "\x1b": "\\"}.get(line[column - 1], line[column - 1])
    assert expected in {excerpt[part] for part in before if part < len(excerpt)}
    assert cells(excerpt) <= width


@given(st.text(st.characters(categories=["L", "Nd", "P"]), min_size=1, max_size=300), st.data())
def test_a_line_is_cut_to_the_width_around_its_column(line, data):
    column, width = data.draw(st.integers(1, len(line))), data.draw(st.integers(40, 120))
    findings = Findings()
    findings.add("labels-score", "test_label.tsv", 7, "m", column=column, source=line)
    lines = shown(findings.report(), width).splitlines()
    excerpt, caret = lines[lines.index("   |") + 1 :][:2]
    assert cells(excerpt) <= width
    assert caret.index("^") < width


def test_a_short_check_takes_more_than_no_time():
    assert "0.03 s" in shown(clean())
