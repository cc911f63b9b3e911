"""A GitHub workflow is given one annotation a finding, and obeys nothing of a dataset."""

import re

import pytest
from hypothesis import given
from support.reports import HOSTILE, broken, clean, hostile, many, texts

from dropforge.domain.text import printable
from dropforge.reports.github import SHOWN, annotations

PROPERTY = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}


def unescaped(text, escapes):
    return re.sub("|".join(escapes), lambda found: escapes[found[0]], text)


def obeyed(log):
    """The commands that a runner takes out of a log, as its own reader does (actions/runner, `ActionCommand.cs`)."""
    commands = []
    for line in re.split(r"\r\n|\r|\n", log):
        if not line.lstrip().startswith("::"):
            assert not re.search(r"##\w*\[", line), "the old form of a command may stand anywhere"
            continue
        command, end, data = line.lstrip()[2:].partition("::")
        assert end
        name, _, properties = command.partition(" ")
        pairs = dict(pair.split("=", 1) for pair in properties.split(",") if pair)
        commands.append(
            (name, {key: unescaped(value, PROPERTY) for key, value in pairs.items()}, unescaped(data, DATA))
        )
    return commands


def test_a_broken_folder_is_annotated():
    log = annotations(broken(), "data/topics/")
    assert (
        "::error file=data/topics/test_label.tsv,line=21,col=9,title=labels-score::"
        'the score is "0.5", not a whole number from 0 up. Use 0 for unrelated, 1 and more for how relevant.'
    ) in log.splitlines()
    kinds = [name for name, _, _ in obeyed(log)]
    assert kinds == ["error"] * 7 + ["warning", "notice"]
    assert log.endswith("\nrejected: 7 errors, 1 warning, 1 note in 4 files, 12,346 records and 120 labels")


def test_a_clean_folder_has_no_annotation():
    assert annotations(clean(), ".") == "accepted: no findings in 4 files, 21 records and 41 labels"


def test_more_than_github_shows_are_counted():
    log = annotations(many(500), ".")
    assert [name for name, _, _ in obeyed(log)] == ["error"] * SHOWN + ["warning"] * 2 + ["notice"]
    assert "491 more findings: `--format json` lists them" in log


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (".", "notes.txt"),
        ("./data/", "data/notes.txt"),
        ("../data", "../data/notes.txt"),
        ("/abs/a, b: c%", "/abs/a, b: c%/notes.txt"),
        ("gs://bucket/datasets/topics/", "gs://bucket/datasets/topics/notes.txt"),
    ],
)
def test_paths_are_those_of_the_repository(place, path):
    assert obeyed(annotations(broken(), place))[-1][1]["file"] == path


def require_told(text):
    report = hostile(text)
    commands = obeyed(annotations(report, "data"))
    assert [name for name, _, _ in commands] == ["error", "error", "warning", "notice"]
    for (_, properties, data), finding in zip(commands, report.findings, strict=True):
        assert properties["title"] == finding.code
        assert properties.keys() <= {"file", "line", "col", "title"}
        assert data.startswith(printable(text))
        assert data.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_dataset_is_obeyed(text):
    require_told(f"a{text}b")
    require_told(text)


@given(texts)
def test_no_text_of_a_dataset_is_obeyed(text):
    require_told(text)
