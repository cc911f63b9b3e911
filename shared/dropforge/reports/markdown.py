"""A report as Markdown, fit for a pull request or an issue tracker.

Whatever a dataset can influence stands in code spans: no link, mention, reference or HTML is made of what is in them
(CommonMark, "Code spans").
"""

import re
from collections.abc import Iterator

from dropforge.domain.findings import Finding, Report, chosen
from dropforge.domain.rules import RULES
from dropforge.domain.text import harmless, shortened
from dropforge.reports.summary import by_code, codes_of, outcome_of, place_of

SHOWN = 40  # so that the whole fits into a comment, which GitHub takes up to 65,536 characters long
_LONGEST = 300  # characters of a text


def markdown(report: Report) -> str:
    """The report as Markdown: what it comes to, then what was found, by code."""
    shown = by_code(chosen(report.findings, SHOWN))
    lines = [f"### Dataset {report.verdict}: {outcome_of(report)}"]
    for code, severity, count in codes_of(report):
        rule, findings = RULES[code], shown.get(code, [])
        times = f", {count:,} times" if count > 1 else ""
        lines += ["", f"**{severity.capitalize()}** `{code}`{times}: {rule.title}. {rule.mend}", ""]
        lines += [f"- {item}" for item in _items(findings, rule.mend)]
        if findings and count > len(findings):
            lines.append(f"- and {count - len(findings):,} more")
    return "\n".join(lines).rstrip()


def _items(findings: list[Finding], mend: str) -> Iterator[str]:
    for finding in findings:
        hint = finding.hint if finding.hint != mend else ""
        yield " ".join(code_span(text) for text in (place_of(finding), finding.message, hint) if text)


def code_span(text: str) -> str:
    """The text as a code span, cut, whatever is in it."""
    text = shortened(harmless(text), _LONGEST)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    # One space on each side is taken off again, unless there are only spaces.
    space = " " if text.strip() and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{space}{text}{space}{fence}"
