"""What is written leads to what there is: links, words, commands; and what is written twice says the same."""

import re
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from support.commands import parsed

from dropforge.domain.datasets import KNOWN
from dropforge.domain.events import EVERY_TYPE
from dropforge.domain.facts import Verdict
from dropforge.domain.runs import State
from dropforge.domain.tuning import Tuning

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(page for part in ("docs", "deploy", "tests") for page in (ROOT / part).rglob("*.md")),
    ]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?:\]\(|\bsrc=\"|\bsrcset=\")([^)\s\"]+)")
ENGLISH, JAPANESE, WALK, WORDS, DATASETS = (
    (ROOT / name).read_text("utf-8")
    for name in ("README.md", "README.ja.md", "docs/walkthrough.md", "docs/glossary.md", "docs/datasets.md")
)


def prose(text):
    """A page without its blocks of code."""
    return FENCE.sub("", text)


def anchors(text):
    """What the headings of a page can be linked by, as GitHub makes it."""
    found = []
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        name = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return {*found, *re.findall(r"<a (?:id|name)=['\"]([^'\"]+)", text)}


def dead_links(page, text):
    """Which links of a page, by its text, lead nowhere in the project."""
    dead = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(text))):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_what_there_is(page):
    assert dead_links(page, page.read_text("utf-8")) == []


def test_a_link_that_leads_nowhere_is_found():
    text = (
        '[a](gone.md) [b](README.md#no-such) <img src="docs/gone.png"> [c](README.md#try-it-no-cloud-account) `[d](e)`'
    )
    assert dead_links(ROOT / "x.md", text) == ["gone.md", "README.md#no-such", "docs/gone.png"]


def test_every_module_that_a_word_lives_in_is_there():
    modules = re.findall(r"`([a-z_/]+(?:\.py|\.toml|/))`", WORDS)
    assert len(modules) > 40
    assert [module for module in modules if not (ROOT / "shared/dropforge" / module).exists()] == []


class TestReadme:
    def test_both_have_the_same_code(self):
        assert [block[0] for block in FENCE.finditer(JAPANESE)] == [block[0] for block in FENCE.finditer(ENGLISH)]

    def test_both_lead_to_the_same(self):
        """Expect each link of one in the other, in the same order, but for those to each other."""
        english, japanese = (
            [link for link in LINK.findall(prose(text)) if "README" not in link.partition("/")[0]]
            for text in (ENGLISH, JAPANESE)
        )
        assert japanese == english
        assert "(README.ja.md)" in ENGLISH
        assert "(README.md)" in JAPANESE

    def test_both_name_the_same_commands_under_as_many_headings(self):
        english, japanese = (re.findall(r"`([^`\n]+)`", prose(text)) for text in (ENGLISH, JAPANESE))
        assert sorted(japanese) == sorted(english)
        levels = [re.findall(r"^#+(?= )", prose(text), re.MULTILINE) for text in (ENGLISH, JAPANESE)]
        assert levels[0] == levels[1]


def commands(text):
    """Every command of ours that a page shows, in code or between backticks."""
    shown = [line.strip() for block in FENCE.finditer(text) for line in block[0].splitlines()]
    shown += re.findall(r"`([^`\n]+)`", prose(text))
    lines = (line.removeprefix("$ ").partition(" > ")[0].removesuffix(" &") for line in shown)
    return [line for line in lines if re.match(r"dropforge (?:--profile |--project )?[a-z]", line)]


@pytest.mark.parametrize("line", sorted({*commands(ENGLISH), *commands(WALK), *commands(DATASETS), *commands(WORDS)}))
def test_a_command_that_is_shown_is_understood(line):
    if len(line.split()) > 2 or line.split()[1] in {"watch", "doctor", "runs"}:  # otherwise it is only named
        parsed(line)


def defined(heading):
    """The words that a section of the glossary begins its entries with."""
    section = WORDS.partition(f"\n## {heading}\n")[2].splitlines()
    entries = takewhile(lambda line: not line.startswith("## "), section)
    return [found[1] for line in entries if (found := re.match(r"- \[?`(.+?)`", line))]


class TestGlossary:
    def test_it_has_every_state_verdict_and_type_of_event_and_no_other(self):
        assert defined("States of a run") == [state.value for state in State]
        assert defined("Verdicts") == [verdict.value for verdict in Verdict]
        types = [kind.TYPE.removeprefix("dropforge.").removesuffix(".v1") for kind in EVERY_TYPE]
        assert sorted(defined("Events")) == sorted(types)

    def test_every_word_says_where_it_is_treated_and_none_stands_twice(self):
        entries = re.split(r"^- (?=\*\*)", WORDS.partition("\n## States of a run\n")[0], flags=re.MULTILINE)[1:]
        words = [word for entry in entries for word in re.findall(r"\*\*(.+?)\*\*", entry)]
        assert len(words) == len(set(words)) > 40
        assert [entry for entry in entries if "](" not in entry] == []


class TestDatasets:
    def test_its_files_are_those_that_are_known(self):
        assert {name for name in re.findall(r"^\| `([\w.]+)` \|", DATASETS, re.MULTILINE) if "." in name} == set(KNOWN)

    def test_its_keys_are_those_of_tuning_with_their_defaults(self):
        rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", DATASETS, re.MULTILINE))
        written = {
            key: None if said == "the model's own" else yaml.safe_load(said.strip("`")) for key, said in rows.items()
        }
        assert written == asdict(Tuning())
