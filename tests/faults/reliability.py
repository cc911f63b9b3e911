"""Live through everything, and write what came of it into docs/reliability.md: `make simulate`.

.venv/bin/python tests/faults/reliability.py                    all campaigns, and every mutant
.venv/bin/python tests/faults/reliability.py --write FILE       and put the tables between that file's marks
"""

import argparse
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.mutants import MUTANTS, Mutant
from faults.simulate import lived, pairs, say, summed
from faults.simulator.scenarios import Life, singles
from faults.test_mutants import EVERYWHERE, caught_by
from support.written import write

SEED = 1  # of the worlds of one folder
FOLDERS = 20
STORIES = 5


@dataclass(frozen=True, slots=True)
class Campaign:
    """Many worlds of a kind, and what they are, for people."""

    title: str
    lives: Callable[[], Sequence[Life]]


def many(scenario: str, seeds: int) -> Callable[[], Sequence[Life]]:
    """Worlds of twenty folders, one a seed."""
    return lambda: [Life(scenario, seed, FOLDERS) for seed in range(seeds)]


CAMPAIGNS = (
    Campaign("5 % of calls fail, 20 % of messages come twice, 5 % never, 15 % of folders change", many("storm", 1_000)),
    Campaign("three times as many calls fail, and some are slow", many("hard", 150)),
    Campaign("80 % of messages come twice within seconds: handlers overlap all the time", many("crowded", 150)),
    Campaign("30 % of messages never come, no call fails", many("lossy", 100)),
    Campaign("events alone: the sweep does not run, nothing fails", many("events", 100)),
    Campaign("events alone, 5 % of calls fail", many("events-faulty", 100)),
    Campaign("events alone, the answer to 10 % of calls is lost", many("events-lost", 100)),
    Campaign("the sweep alone: no event ever comes", many("sweep", 50)),
    Campaign("people cancel, rerun, approve, roll back, retire; 5 % of calls fail", many("wishes", 200)),
    Campaign("the operator lets four jobs run at once; 5 % of calls fail", many("capped", 40)),
    Campaign(
        "the services take six jobs at once, two models, a message every two seconds; 5 % of calls fail",
        many("limited", 40),
    ),
    Campaign("one fault of every kind at every call: a run that ends deployed", partial(singles, "calm", SEED)),
    Campaign("... whose deployment fails", partial(singles, "calm-deploy-failed", SEED)),
    Campaign("... whose events never come", partial(singles, "calm-swept", SEED)),
    Campaign("... whose dataset changes, so that its first space is retired", partial(singles, "calm-renewed", SEED)),
    *(
        Campaign(title, partial(singles, scenario, seed, every=every))
        for title, scenario, seed, every in (
            ("... whose model turns out worse when it is measured", "calm-deceptive", SEED, 3),
            ("... for which no machine is free at first", "calm-stumbles", SEED, 3),
            ("... which meets a quota, and is tuned again", "calm-quota", SEED, 5),
            ("... one of three, which may only run one after another", "calm-capped", SEED, 7),
            ("... that failed, and is rerun by hand", "calm-rerun", SEED, 3),
            ("... that was withheld, and is approved by hand", "calm-approved", SEED, 2),
            ("... whose deployment failed, and is approved by hand", "calm-approved-again", SEED, 3),
            ("... whose readers are pointed back to the previous space", "calm-rolled-back", SEED, 5),
            ("... that is retired by hand, and approved again", "calm-retired", SEED, 3),
            ("... approved by people who do not repeat what failed", "calm-approved-once", SEED, 3),
            ("... rolled back by such people", "calm-rolled-back-once", SEED, 7),
            ("... retired by such people", "calm-retired-once", SEED, 1),
            ("... that is cancelled once it is validated", "calm-cancelled", 2, 2),
            ("... while its job waits", "calm-cancelled", 6, 2),
            ("... while its job runs", "calm-cancelled", 7, 2),
            ("... once its job has ended", "calm-cancelled", 8, 2),
            ("... while it is being deployed", "calm-cancelled", 1, 2),
        )
    ),
    Campaign(
        "two faults, of all kinds, at every pair of calls around submission and deployment",
        lambda: list(pairs("calm", SEED)),
    ),
)


def row(campaign: Campaign, processes: int) -> tuple[str, int]:
    """A campaign as a line of the table, and how many violations there were."""
    began = time.perf_counter()
    records = list(lived(campaign.lives(), processes))
    broken = [past for past in records if past.violations]
    for past in broken[:STORIES]:
        say(past.story + "\n")
    violated = Counter(found.invariant for past in broken for found in past.violations)
    figures = summed(records)
    fired = sum(figures["faults"].values())  # type: ignore[attr-defined] - a mapping of counts
    lost = violated["everything ends"] + violated["nothing is lost"]
    columns = [
        *(len(records), figures["folders"], figures["runs"], figures["calls"], fired),
        *(figures["duplicated"], figures["dropped"], lost),
        *(violated["one job a version"], violated["one deployment a run"], violated.total()),
        round(time.perf_counter() - began),
    ]
    return f"| {campaign.title} | " + " | ".join(f"{figure:,}" for figure in columns) + " |", violated.total()


FIGURES = (
    *("worlds", "folders", "runs", "calls", "faults", "messages doubled", "messages dropped"),
    *("**lost**", "**submitted twice**", "**deployed twice**", "violations in all", "s"),
)
HEAD = (f"| what happens | {' | '.join(FIGURES)} |", f"|---|{'---:|' * len(FIGURES)}")


def campaigns(processes: int) -> Iterator[tuple[str, int]]:
    """The table of campaigns, line by line, each with its violations."""
    yield from ((line, 0) for line in HEAD)
    for campaign in CAMPAIGNS:
        yield row(campaign, processes)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    yield f"\nPeak memory of a process: {peak:.0f} MiB, {processes} processes.", 0


def mutants(processes: int) -> Iterator[tuple[str, int]]:
    """The table of mutants, line by line, each with whether it survived."""
    yield from (("| planted bug | caught by |", 0), ("|---|---|", 0))

    def test(mutant: Mutant) -> str:
        return caught_by(mutant, mutant.tests) or caught_by(mutant, EVERYWHERE)

    with ThreadPoolExecutor(processes) as pool:
        for mutant, caught in zip(MUTANTS, pool.map(test, MUTANTS), strict=True):
            yield f"| {mutant.name} | {f'`{caught}`' if caught else '**nothing**'} |", int(not caught)


def main() -> int:
    """Live, and tell; 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="the document whose tables are written anew")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    violations = 0
    for name, table in (("simulated", campaigns), ("mutants", mutants)):
        lines = []
        for line, wrong in table(asked.processes):
            say(line)
            lines.append(line)
            violations += wrong
        if asked.write:
            write(asked.write, name, lines)
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main())
