"""Live through many worlds, and tell what did not hold, and how to see it again.

.venv/bin/python tests/faults/simulate.py storm --seeds 300 --folders 20
.venv/bin/python tests/faults/simulate.py storm --seed 17             one world, with what befell it
.venv/bin/python tests/faults/simulate.py calm --seed 1 --folders 1 --at 30:error
.venv/bin/python tests/faults/simulate.py calm --pairs                two faults, around submission and deployment
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.simulator.faults import KINDS
from faults.simulator.scenarios import SCENARIOS, Life, Record, record

MOST_PAIRS = 20_000
AFTER_SUBMISSION = 6  # calls
SHOWN = 10  # stories


def pairs(scenario: str, seed: int) -> Iterator[Life]:
    """One run each, befallen by two faults, of all kinds, within the submission's window or the deployment's."""
    names = Life(scenario, seed, 1).world().calls.names
    submission = names.index("tuner.submit") + 1
    windows = [range(submission, submission + AFTER_SUBMISSION + 1)]
    if "host.create_endpoint" in names:
        settled = len(names) - names[::-1].index("state.delete")
        windows.append(range(names.index("host.create_endpoint") + 1, settled + 1))
    for window in windows:
        for (first, second), (one, other) in product(combinations(window, 2), product(KINDS, repeat=2)):
            yield Life(scenario, seed, 1, ((first, one), (second, other)))


def thinned(lives: Sequence[Life], most: int) -> list[Life]:
    """At most so many of them, evenly from first to last."""
    return [lives[place * len(lives) // most] for place in range(most)] if len(lives) > most else list(lives)


def lived(lives: Sequence[Life], processes: int) -> Iterator[Record]:
    """Live through all of them, on several processors."""
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(record, lives, chunksize=max(1, min(50, len(lives) // processes // 4)))


def summed(records: Iterable[Record]) -> dict[str, object]:
    """The figures of all worlds together."""
    totals, faults = dict[str, float](), Counter[str]()
    for past in records:
        for name, figure in past.figures.items():
            if isinstance(figure, dict):
                faults.update(figure)
            elif isinstance(figure, int | float):
                totals[name] = totals.get(name, 0) + figure
    return {**totals, "virtual hours": round(totals["virtual hours"]), "faults": dict(sorted(faults.items()))}


def table(figures: dict[str, object]) -> Iterator[str]:
    """Figures, one on a line."""
    for name, figure in figures.items():
        rows = (
            [(f"{name}: {part}", count) for part, count in figure.items()]
            if isinstance(figure, dict)
            else [(name, figure)]
        )
        for left, right in rows:
            yield f"  {left:<34}{right:>14,}" if isinstance(right, int | float) else f"  {left:<34}{right!s:>14}"


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=list(SCENARIOS), nargs="?", default="storm")
    parser.add_argument("--seeds", type=int, default=50, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first of their seeds")
    parser.add_argument("--folders", type=int, default=20, help="how many folders are dropped in each")
    parser.add_argument("--seed", type=int, help="one world only")
    parser.add_argument("--at", action="append", default=[], metavar="CALL:KIND", help="a fault at a call of it")
    parser.add_argument("--trace", action="store_true", help="show everything that happened in it")
    parser.add_argument("--pairs", action="store_true", help="two faults at every pair of calls that matter")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args()


def main() -> int:
    """Live, and tell; 1 where something did not hold."""
    asked, began = arguments(), time.perf_counter()
    if asked.trace:
        at = tuple((int(number), kind) for number, _, kind in (one.partition(":") for one in asked.at))
        say("\n".join(Life(asked.scenario, asked.seed or 0, asked.folders, at).world().trace.lines))
    known = {"scenario": asked.scenario}
    if asked.pairs:
        every = list(pairs(asked.scenario, asked.seed or 1))
        lives = thinned(every, MOST_PAIRS)
        known |= {"pairs": len(every), "pairs tried": len(lives)}
    elif asked.seed is not None:
        at = tuple((int(number), kind) for number, _, kind in (one.partition(":") for one in asked.at))
        lives = [Life(asked.scenario, asked.seed, asked.folders, at)]
    else:
        lives = [Life(asked.scenario, asked.first + seed, asked.folders) for seed in range(asked.seeds)]
    records = list(lived(lives, asked.processes)) if len(lives) > 1 else [record(lives[0])]
    broken = [past for past in records if past.violations]
    figures = {
        **known,
        "worlds": len(records),
        **summed(records),
        "violations of": dict(Counter(found.invariant for past in broken for found in past.violations)),
        "worlds with violations": len(broken),
        "seconds": round(time.perf_counter() - began, 1),
    }
    for past in broken[:SHOWN]:
        say(past.story + "\n")
    say("\n".join(table(figures)))
    say(json.dumps(figures))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
