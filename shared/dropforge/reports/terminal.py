"""A report as a terminal shows it: each finding with its place in the file, as a compiler would."""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from dropforge.domain.findings import Finding, Report, chosen
from dropforge.domain.messages import counted
from dropforge.domain.rules import Rule, Severity
from dropforge.domain.text import COMMAND, ESCAPED_MARK, TAB, harmless
from dropforge.reports.summary import by_code, codes_of, outcome_of, place_of

SHOWN = 20

_TONES: Mapping[Severity, str] = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTE: "bold cyan",
}
_FRAME = "bright_blue"


def show(report: Report, console: Console, seconds: float, advice: Sequence[str] = ()) -> None:
    """Show a report; what matters most comes last, where a terminal stands when all is printed.

    Args:
        report: The report.
        console: Where to show it, within its width.
        seconds: How long the check took.
        advice: Lines of ours to say before the verdict; whatever they quote of a dataset is `harmless`.
    """
    shown = chosen(report.findings, SHOWN)
    for findings in _groups(shown):
        told = ""
        for finding in findings:
            _print(console, *_finding(finding, console, told), Text())
            told = finding.hint
    total = sum(report.counts.values())
    if total > len(shown):
        _print(console, Text(f"{len(shown)} of {counted(total, 'finding')} are shown. All of them, by code:"), Text())
        _print(console, *_counts(report), Text())
    if report.verdict == "accepted":
        _print(console, *_rows(report), Text())
    if shown:
        _print(console, Text(f"More on a finding:  dropforge check --explain {_groups(shown)[-1][0].code}"))
    _print(console, *map(Text, advice), *([Text()] if shown or advice else []))
    verdict = Text(report.verdict, "bold red" if report.verdict == "rejected" else "bold green")
    _print(console, *_folded(Text.assemble(verdict, f": {outcome_of(report, seconds)}"), console, indent=2))


def explain(rule: Rule, console: Console) -> None:
    """Show a rule: what is wrong, what comes of it, what to do, an example."""
    _print(console, *_title(rule.severity, rule.code, rule.title, console))
    _print(console, Text(rule.chapter, "dim"), Text(), *_folded(Text(rule.why), console), Text())
    _print(console, *_help(rule.mend, console))
    for heading, example in (("wrong", rule.wrong), ("right", rule.right)):
        if example:
            lines = example.replace("\t", TAB).splitlines()
            _print(console, Text(), Text(heading, "bold"), *(Text(f"  {line}") for line in lines))
    if "\t" in rule.right:
        _print(console, Text(), Text(f"{TAB} is a tab", "dim"))


def _groups(shown: Sequence[Finding]) -> list[list[Finding]]:
    """The findings of each code together, the errors last."""
    by_severity = ([finding for finding in shown if finding.severity is severity] for severity in reversed(Severity))
    return [group for findings in by_severity for group in by_code(findings).values()]


def _finding(finding: Finding, console: Console, told: str) -> Iterator[Text]:
    """The lines of a finding; what to do is left out where it was told just before."""
    file, message = harmless(finding.file), harmless(finding.message)
    alone = not finding.line
    if alone and file and not message.startswith(file):
        message = f"{file}: {message}"
    yield from _title(finding.severity, finding.code, message, console)
    gutter = " " * (0 if alone else len(str(finding.line)) + 1)
    if not alone:
        yield Text.assemble((f"{gutter}--> ", _FRAME), harmless(place_of(finding)))
    if finding.excerpt:
        yield from _excerpt(finding, console, gutter)
    if finding.hint != told:
        yield from _help(finding.hint, console, gutter)


def _title(severity: Severity, code: str, message: str, console: Console) -> Iterator[Text]:
    title = Text.assemble((f"{severity}[{code}]", _TONES[severity]), (f": {message}", "bold"))
    yield from _folded(title, console, indent=4)


def _help(hint: str, console: Console, gutter: str | None = None) -> Iterator[Text]:
    head = Text.assemble("" if gutter is None else (f"{gutter} = ", _FRAME), ("help: ", "bold"))
    yield from _folded(Text(harmless(hint)), console, head=head, indent=len(head))


def _excerpt(finding: Finding, console: Console, gutter: str) -> Iterator[Text]:
    """The line, cut around the column to the console's width, and a caret below the column."""
    bar = (f"{gutter} | ", _FRAME)
    room = max(console.width - len(gutter) - 3, 10)
    before, after = _around(finding)
    if cell_len(before + after) > room:
        while cell_len(before) > room * 2 // 3:
            before = f"…{before[2:]}"
        rest = Text(after)
        rest.truncate(room - cell_len(before), overflow="ellipsis")
        after = rest.plain
    yield Text(f"{gutter} |", _FRAME)
    yield Text.assemble(
        (f" {finding.line} | ", _FRAME), before, (after[:1], "bold" if finding.caret else ""), after[1:]
    )
    if finding.caret:
        yield Text.assemble(bar, " " * cell_len(before), ("^", _TONES[finding.severity]))


def _around(finding: Finding) -> tuple[str, str]:
    """The excerpt before its caret, and from it on; in an excerpt without a caret, nothing and everything."""
    at = max(finding.caret - 1, 0)
    marks = sum(found.start() < at for found in COMMAND.finditer(finding.excerpt))
    at += marks * (len(ESCAPED_MARK) - 1)
    excerpt = harmless(finding.excerpt)
    return excerpt[:at], excerpt[at:]


def _counts(report: Report) -> Iterator[Text]:
    codes = codes_of(report)
    width = max(len(f"{count:,}") for *_, count in codes)
    for code, severity, count in codes:
        yield Text.assemble(f"{count:{width},}  ", (f"{severity:7}", _TONES[severity]), f"  {code}")


def _rows(report: Report) -> Iterator[Text]:
    names = max(map(len, report.rows), default=0)
    width = max((len(f"{rows:,}") for rows in report.rows.values()), default=0)
    for file, rows in report.rows.items():
        what = "label" if file.endswith(".tsv") else "record"
        yield Text(f"{file:{names}}  {rows:{width},} {what}{'s' * (rows != 1)}")


def _folded(text: Text, console: Console, *, head: Text | None = None, indent: int = 0) -> Iterator[Text]:
    """The text in the console's width; all lines but the first are indented.

    Two colons that begin a line only because of that get a mark before them: a CI runner would obey them as a command.
    """
    first, *rest = text.wrap(console, max(console.width - indent, 20), overflow="fold") or [text]
    yield Text.assemble(head or "", first)
    for line in rest:
        yield Text.assemble(" " * indent, "…" * line.plain.lstrip().startswith("::"), line)


def _print(console: Console, *lines: Text) -> None:
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)
