"""The rules in `docs/findings.md`, made from `rules.toml`; what stands before them there is written by hand.

`python -m dropforge.reports.findings_page docs/findings.md` makes them anew.
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from dropforge.domain.rules import RULES, Rule
from dropforge.reports.pages import anew

_MARK = "<!-- The rest is made from rules.toml: python -m dropforge.reports.findings_page docs/findings.md -->\n"
_LANGUAGES = {"Records": "jsonl", "Labels": "tsv", "Quality": "jsonl", "Configuration": "yaml"}


def page(written: str) -> str:
    """The page with its rules made anew."""
    return anew(written, _MARK, _rules())


def _rules() -> Iterator[str]:
    chapters = {chapter: list(rules) for chapter, rules in groupby(RULES.values(), lambda rule: rule.chapter)}
    for chapter, rules in chapters.items():
        yield f"- **{chapter}**: {', '.join(f'[{rule.code}](#{rule.code})' for rule in rules)}"
    yield ""
    for chapter, rules in chapters.items():
        yield f"## {chapter}\n"
        for rule in rules:
            yield from _told(rule)


def _told(rule: Rule) -> Iterator[str]:
    yield f"### {rule.code}\n"
    yield f"**{rule.severity.capitalize()}.** {rule.title}. {rule.why}\n\n**Mend.** {rule.mend}\n"
    language = _LANGUAGES.get(rule.chapter.partition(":")[0], "text")
    for heading, example in (("Wrong", rule.wrong), ("Right", rule.right)):
        if example:
            yield f"{heading}:\n\n```{language}\n{example}\n```\n"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text("utf-8")), "utf-8")
