"""Which of the mutants the corpus of faults notices: `python -m support.mutation`, prints one JSON object.

Each mutant is a module of `dropforge` with one piece of its text replaced, under its real name, in a process of its own
that has not imported the package before. It is noticed when the corpus tells something of it that it does not tell of
the source as it is.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator

# What takes long to import is imported once, before the processes part; nothing of `dropforge` is.
import google_crc32c  # noqa: F401
import msgspec  # noqa: F401
import numpy as np  # noqa: F401
import yaml  # noqa: F401
from support.mutants import MUTANTS, Mutant
from support.planted import Planted

_PATIENCE = 90  # seconds that a mutant may take
_AT_A_TIME = max(os.cpu_count() or 1, 2)
WHOLE = 512 * 1024  # bytes: a block that takes a whole file

Differences = dict[str, list[str]]  # by what was examined: what it is not told though it must be, and the reverse


def _examinations(module: str = "") -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """What is examined, by name: gives how what is told differs from what must be told.

    What notices most comes first: many faults at once, then those that a mutant of this module shows in.
    """
    from support.examination import contradictions, examined, told  # noqa: PLC0415 - the mutant's loader comes first
    from support.faults import EVERY, folder, quality, settings  # noqa: PLC0415 - as above
    from support.faults.fault import found, planted, together  # noqa: PLC0415 - as above
    from support.variants import VARIANTS  # noqa: PLC0415 - as above

    from dropforge.domain.validator import blocks  # noqa: PLC0415 - as above

    def differences(files, expected, *, operator=None, block=WHOLE, examine=examined):
        blocks._BLOCK = block
        report = examine(files, operator)
        all_told, all_expected = Counter(told(report)), Counter(expected)
        return [
            *(f"missing: {each}" for each in all_expected - all_told),
            *(f"too much: {each}" for each in all_told - all_expected),
            *contradictions(report, files),
        ]

    def of_faults(faults, block=WHOLE):
        dataset = together(faults)
        return differences(dataset.files, dataset.expected, block=block)

    def of_fault(fault):
        dataset = planted(fault)
        return differences(dataset.files, dataset.expected, examine=lambda files, _: found(fault, files))

    at_once = [fault for fault in EVERY if not fault.apart]
    alone = [fault for fault in EVERY if fault.apart not in {"", "it is large"} or fault in quality.FAULTS]
    large = [fault for fault in EVERY if fault.apart == "it is large"]
    shows_in = {
        "domain.tuning": settings.FAULTS,
        "examine": folder.FAULTS,
        "domain.datasets": folder.FAULTS,
        "domain.validator.judge": quality.FAULTS,
    }
    mine = {fault.name for fault in shows_in.get(module, ())}
    side = {fault.name for fault in (*settings.FAULTS, *folder.FAULTS)}
    alone.sort(key=lambda fault: (fault.name not in mine, fault.name in side))
    # Of each shape one, in one kind of file.
    of_records, of_labels = (
        (f"faults of {file} together, each line a block", lambda file=file: of_faults(_only_in(file, at_once), 1))
        for file in ("corpus.jsonl", "training_label.tsv")
    )
    if not mine:
        yield "faults together", lambda: of_faults(at_once)
        yield "faults together, in blocks", lambda: of_faults(at_once, 2_000)
    yield from {"domain.validator.records": [of_records], "domain.validator.labels": [of_labels]}.get(module, [])
    for fault in alone:
        yield fault.name, lambda fault=fault: of_fault(fault)
    for name, (variant, operator) in VARIANTS.items():
        yield name, lambda variant=variant, operator=operator: differences(variant(), [], operator=operator)
    yield from (of_records, of_labels)
    for fault in (*large, *at_once):
        yield fault.name, lambda fault=fault: of_fault(fault)


def _only_in(file, faults):
    return [fault for fault in faults if fault.edits and all(edit.file == file for edit in fault.edits)]


def _differences_of(what: Callable[[], list[str]]) -> list[str]:
    try:
        return what()
    except Exception as error:  # noqa: BLE001 - a mutant may raise whatever it likes
        return [f"raised {error!r}"]


def _noticed(mutant: Mutant, usual: Differences) -> str:
    """By what a mutant is noticed; nothing for one that is not."""
    sys.meta_path.insert(0, Planted(mutant.module, {mutant.old: mutant.new}))
    try:
        for name, what in _examinations(mutant.module):
            if new := set(_differences_of(what)) - set(usual[name]):
                return f"{name}: {min(new)}"
    except Exception as error:  # noqa: BLE001 - as above
        return f"raised {error!r}"
    return ""


def _apart(work: Callable[[], object]) -> tuple[int, int]:
    """Do some work in a process that is forked off; gives its number and where its answer can be read."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        return child, reading
    signal.alarm(_PATIENCE)
    with os.fdopen(writing, "w") as answer:
        json.dump(work(), answer)
    os._exit(0)


def _answer(reading: int) -> object:
    """What a process answered; nothing, for one that did not come to its end."""
    with os.fdopen(reading) as answer:
        text = answer.read()
    return json.loads(text) if text else ""


def main() -> None:
    """Try every mutant."""
    child, reading = _apart(lambda: {name: _differences_of(what) for name, what in _examinations()})
    usual = _answer(reading)
    os.waitpid(child, 0)
    assert isinstance(usual, dict), "without mutants the corpus must come to its end"
    stale = {each.name for each in MUTANTS if each.is_stale}
    waiting = [mutant for mutant in MUTANTS if mutant.name not in stale]
    begun: dict[int, tuple[Mutant, int]] = {}
    noticed: dict[str, object] = {}
    while waiting or begun:
        while waiting and len(begun) < _AT_A_TIME:
            mutant = waiting.pop()
            child, reading = _apart(lambda mutant=mutant: _noticed(mutant, usual))
            begun[child] = mutant, reading
        mutant, reading = begun.pop(os.wait()[0])
        noticed[mutant.name] = _answer(reading)
    json.dump({"noticed": noticed, "stale": sorted(stale)}, sys.stdout)


if __name__ == "__main__":
    main()
