"""The page that a run writes: what was measured, on what, and what came of it. Every figure is of that run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from textwrap import fill

from validation.contest import Spread, Standing
from validation.engines import ENGINES, OURS, SEVERAL, STORAGE
from validation.faults import Fault
from validation.machine import described, versions
from validation.samples import RAISED_QUERIES, Shape
from validation.tables import table

_MB, _MIB = 1e6, 1024**2
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Growth:
    """How one hostile dataset was borne at two sizes."""

    titles: Sequence[str]
    bytes: Sequence[int]
    standings: Sequence[Standing]


@dataclass(slots=True)
class Results:
    """What a run found out, part by part; a part that was not run is empty.

    Attributes:
        command: How it was started.
        shape: Of the large dataset.
        repeats: Trials of each engine.
        load: How busy the machine was before.
        size: Bytes of the large dataset.
        clean: The standings on it.
        peak_of_all: The most that all processes of the several held together.
        raised_size: Bytes of the dataset with more queries.
        raised: The standings on it.
        faults: All that were planted.
        faulty: The standings on the dataset that has them.
        growths: The hostile datasets.
    """

    command: str
    shape: Shape
    repeats: int
    load: str
    size: int = 0
    clean: Sequence[Standing] = ()
    peak_of_all: int = 0
    raised_size: int = 0
    raised: Sequence[Standing] = ()
    faults: Sequence[Fault] = ()
    faulty: Sequence[Standing] = ()
    growths: list[Growth] = field(default_factory=list)


def page(results: Results) -> str:
    """The whole page in Markdown."""
    sections = [_introduction(results)]
    if results.clean:
        sections.append(_clean(results))
    if results.faulty:
        sections.append(_kinds(results))
    if results.raised:
        sections.append(_raised(results))
    if results.growths:
        sections.append(_hostile(results))
    return "\n\n".join([*sections, _NOTES]) + "\n"


def _introduction(results: Results) -> str:
    shape = results.shape
    what = (
        f"Dropforge, and other tools with which people check such files, check a dataset of {shape.documents:,} documents, "
        f"{shape.queries:,} queries and {shape.labels:,} labels ({_mb(results.size)} MB); a fifth of the documents is not "
        "ASCII."
    )
    if results.faults:
        what += f" A smaller dataset with {len(results.faults)} known faults shows how many each tool names by file and line."
    how = (
        f"Each trial is a process of its own; {results.repeats} of each engine, in turn. Figures are medians, the least "
        "and the most in parentheses. CPU seconds are user and system time of all its processes, from the interpreter's "
        'start to its end; "after imports" is what the check itself takes. MB are 1,000,000 bytes, MiB 1,048,576. The '
        "files are in the page cache."
    )
    return f"""## What a check costs

{fill(what, _WIDTH)}

- Machine: {described()}. Load average before the run: {results.load} (one minute).
- Versions: {versions(ENGINES.values())}.
- Command: `{results.command}`

{fill(how, _WIDTH)}"""


# The clean dataset


def _clean(results: Results) -> str:
    ours = next((one for one in results.clean if one.engine.name == OURS and one.trials), None)
    named = {one.engine.name: _exact(one, results.faults) for one in results.faulty}
    cost = table(
        ("engine", "CPU s", "÷ ours", "MB per CPU s", "CPU s after imports", "÷ ours", "faults named"),
        [
            (
                one.engine.title,
                _spread(cpu := one.spread("cpu")),
                _ratio(one, ours, "cpu"),
                f"{results.size / _MB / cpu.median:.0f}",
                _spread(one.spread("work_cpu")),
                _ratio(one, ours, "work_cpu"),
                named.get(one.engine.name, "") if one.engine.checks else "-",
            )
            for one in results.clean
            if one.trials
        ],
    )
    time_and_memory = table(
        ("engine", "wall s", "MB per s", "wall s after imports", "peak MiB"),
        [
            (
                one.engine.title,
                _spread(wall := one.spread("wall")),
                f"{results.size / _MB / wall.median:.0f}",
                _spread(one.spread("work_wall")),
                _mib(one.spread("peak").median),
            )
            for one in results.clean
            if one.trials
        ],
    )
    return "\n\n".join([f"### A clean dataset of {_mb(results.size)} MB", cost, time_and_memory, *_asides(results)])


def _asides(results: Results) -> list[str]:
    asides = []
    if results.peak_of_all:
        asides.append(
            f"{ENGINES[SEVERAL].title}: the peak above is that of its largest process. All its processes together held at most "
            f"{_mib(results.peak_of_all)} MiB (proportional set sizes, sampled in a run of its own)."
        )
    asides += _found_fault(results.clean)
    missing = "\n".join(f"- {one.engine.title}: {_reason(one)}" for one in results.clean if one.failure)
    return [*(fill(aside, _WIDTH) for aside in asides), *([missing] if missing else [])]


def _found_fault(clean: Iterable[Standing]) -> list[str]:
    """What must not be: a dataset that is in order was refused, or not read to its end."""
    wrong = [one for one in clean if one.trials and one.trials[0].named]
    return [f"{one.engine.title} found fault with {len(one.trials[0].named)} lines or files." for one in wrong]


def _reason(standing: Standing) -> str:
    if standing.failure != "not installed":
        return f"failed ({standing.failure})"
    return "not installed: `make bench` installs it"


# The planted faults


def _exact(standing: Standing, faults: Sequence[Fault]) -> str:
    if not standing.trials:
        return ""
    named = standing.trials[0].named
    return f"{sum((fault.file, fault.line) in named for fault in faults)} of {len(faults)}"


def _kinds(results: Results) -> str:
    tried = [one for one in results.faulty if one.trials]
    ours = next((one.trials[0].named for one in tried if one.engine.name == OURS), None)
    like_ours = [one for one in tried if one.engine.name in {SEVERAL, STORAGE} and one.trials[0].named == ours]
    shown = [one for one in tried if one not in like_ours]
    planted = Counter(fault.kind for fault in results.faults)
    by_engine = [
        Counter(fault.kind for fault in results.faults if (fault.file, fault.line) in one.trials[0].named)
        for one in shown
    ]
    rows = [(kind, str(count), *(str(found[kind]) for found in by_engine)) for kind, count in sorted(planted.items())]
    all_of_them = ("all", str(len(results.faults)), *(str(sum(found.values())) for found in by_engine))
    false = ("lines named without a fault", "", *(str(_false_alarms(one, results.faults)) for one in shown))
    heads = ("fault", "planted", *(one.engine.name for one in shown))
    return "\n\n".join(
        [
            "### Faults named by file and line",
            table(heads, [*rows, all_of_them, false]),
            _legend(shown),
            *(f"{one.engine.title}: the same lines as on one core." for one in like_ours),
        ]
    )


def _legend(shown: Iterable[Standing]) -> str:
    return fill("; ".join(f"{one.engine.name}: {one.engine.title}" for one in shown) + ".", _WIDTH)


def _false_alarms(standing: Standing, faults: Sequence[Fault]) -> int:
    belonging = {(fault.file, line) for fault in faults for line in (fault.line, *fault.others)}
    return len({place for place in standing.trials[0].named if place[1]} - belonging)


# More queries, and worse files


def _raised(results: Results) -> str:
    rows = [
        (
            one.engine.title,
            _spread(one.spread("cpu")),
            f"{results.raised_size / _MB / one.spread('cpu').median:.0f}",
            _spread(one.spread("wall")),
            _mib(one.spread("peak").median),
        )
        for one in results.raised
        if one.trials
    ]
    heads = ("engine", "CPU s", "MB per CPU s", "wall s", "peak MiB")
    return f"""### With raised limits: {RAISED_QUERIES:,} queries

The same documents and as many labels ({_mb(results.raised_size)} MB); `most_queries: {RAISED_QUERIES}` in the operator's file.

{chr(10).join([table(heads, rows), *_found_fault(results.raised)])}"""


def _hostile(results: Results) -> str:
    rows = []
    for growth in results.growths:
        works = [one.spread("work_cpu") for one in growth.standings if one.trials]
        if len(works) < 2:
            rows.append((growth.titles[0], *[""] * 5, growth.standings[0].failure or growth.standings[1].failure))
            continue
        for title, size, one, work in zip(growth.titles, growth.bytes, growth.standings, works, strict=True):
            ratio = f"{work.median / works[0].median:.2f}" if work is not works[0] else ""
            told = len(one.trials[0].named)
            rows.append((title, _mb(size), _spread(work), ratio, _mib(one.spread("peak").median), f"{told:,}"))
    heads = ("dataset", "MB", "CPU s after imports", "÷ half the size", "peak MiB", "lines named")
    return f"""### Hostile datasets

Dropforge on one core, with limits high enough to read all of it. Each dataset at two sizes: time is linear where twice
as much takes twice as long. A report keeps at most 1,000 findings, and counts the others.

{table(heads, rows)}"""


_NOTES = """### Notes

- An engine named after a tool makes the checks that the tool offers: ids and texts that are missing, empty or not strings;
  ids and texts that occur twice; labels that refer to nothing; bad scores; pairs that occur twice. Where its reader refuses
  a whole file, its most tolerant way of reading is tried next. A Python function for each row would amount to the loop over
  lines, which has its own entries.
- pandas, pyarrow and datasets have no tolerant reader of JSON. They report little of such a file, and, as they then know no
  ids, not which labels refer to nothing. Mending one line and running again would show the next.
- pyarrow, duckdb and polars use all cores within their one process; their wall seconds may be less than their CPU seconds.
- "Every guard" is a loop over lines to which every guard that its author knows of was added by hand, except bounded memory
  for long lines; it has no messages, hints or counts.
- BEIR's loader needs tqdm only. It is installed without its dependencies, which would bring PyTorch along; its figures are
  those of loading, as it checks nothing.
- "From Cloud Storage" is from the local server on 127.0.0.1, whose own CPU and memory are not counted.
- Floors check nothing: they are what merely reading all bytes costs in one process.
- A duplicate counts as named when its later line is; lines that end in CR LF, when the first of them is."""


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.least:.2f}-{spread.most:.2f})"


def _ratio(standing: Standing, ours: Standing | None, measure: str) -> str:
    return f"{standing.spread(measure).median / ours.spread(measure).median:.2f}" if ours else ""


def _mb(size: float) -> str:
    return f"{size / _MB:,.1f}"


def _mib(size: float) -> str:
    return f"{size / _MIB:,.0f}"
