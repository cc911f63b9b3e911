"""Mutants: bugs that systems of this kind have had, each planted in the real code."""

from dataclasses import dataclass

from support.planted import Replacement

VARIABLE = "DROPFORGE_MUTANT"  # names the mutant that `faults.mutated` plants


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug.

    Attributes:
        name: What is wrong, in a few words.
        replacements: What makes it so.
        tests: Where it shows soonest, as pytest is told of it; when it does not show there, all tests are tried.
    """

    name: str
    replacements: tuple[Replacement, ...]
    tests: tuple[str, ...] = ("tests/faults/test_single_faults.py",)


SIMULATED = ("tests/faults/test_simulated.py",)
FLOW = ("tests/unit/test_flow.py",)
SWEEP = ("tests/unit/test_sweep.py",)
LEDGER = ("tests/unit/test_ledger.py",)

MUTANTS = (
    Mutant(
        "a random job id",
        (
            Replacement(
                "domain.jobs",
                "        id=run.id,\n",
                "        id=f'{run.id}-{__import__(\"secrets\").token_hex(2)}',\n",
            ),
        ),
    ),
    Mutant(
        "acknowledged, and not published",
        (Replacement("progress", "            self.tell(stands, told=len(stands.history) - 1)\n", ""),),
        FLOW,
    ),
    Mutant(
        "the state before the effect",
        (
            Replacement(
                "workers.submit",
                "        job = tuner.submit(order)\n",
                '        job = f"projects/p/locations/l/pipelineJobs/{order.id}"\n'
                "        progress.reach(run.id, State.SUBMITTED, function=FUNCTION, event=cause, job=job)\n"
                "        tuner.submit(order)\n",
            ),
        ),
    ),
    Mutant(
        "a blind write of the ledger",
        (Replacement("ledger", "wire.encode(run), replacing=replacing, ", "wire.encode(run), replacing=None, "),),
        SIMULATED,
    ),
    Mutant(
        "deduplicated by event id",
        (
            Replacement(
                "delivery",
                "            incoming = read(event)\n",
                '            seen = made.__dict__.setdefault("_seen", set())\n'
                '            if event["id"] in seen:\n'
                "                return\n"
                '            seen.add(event["id"])\n'
                "            incoming = read(event)\n",
            ),
        ),
    ),
    Mutant(
        "one's own 412 read as another's win, on a change",
        (
            Replacement("ledger", "if now is None or now.token != mine.token:", "if True:"),
            Replacement(
                "progress",
                "if stands is stood[0]:\n            self.catch_up(stands)",
                "if stands is stood[0]:\n            pass",
            ),
        ),
        LEDGER,
    ),
    Mutant(
        "one's own 412 read as another's win, on a record",
        (
            Replacement("ledger", "if found.token != mine.token:", "if True:"),
            Replacement("progress", "            self.catch_up(stored)\n", "            pass\n"),
        ),
        LEDGER,
    ),
    Mutant(
        "a claim read as done",
        (
            Replacement(
                "claims",
                "            if stored.done:\n",
                "            if stored.done or stored.until > self._clock.now():\n",
            ),
        ),
    ),
    Mutant(
        "no fencing of a look that was held up",
        (Replacement("workers.watch", "if stood.state is not State.DEPLOYING or stood.fault is None:", "if False:"),),
        FLOW,
    ),
    Mutant(
        "no fencing of a claim that has run out",
        (
            Replacement(
                "claims",
                "self._state.delete(_path(name), generation=self._held.pop(name))",
                "self._state.delete(_path(name), generation=self._held.pop(name) and None)",
            ),
        ),
        LEDGER,
    ),
    Mutant(
        "a look that is out of date believed",
        (Replacement("progress", "if now.history != run.history or to not in", "if to not in"),),
        FLOW,
    ),
    Mutant(
        "a sweep that stops at the first error",
        (Replacement("workers.sweep", "        with isolated(**{chore.kind: chore.name}):\n", "        if True:\n"),),
        SWEEP,
    ),
    Mutant(
        "the marker removed before publishing",
        (
            Replacement(
                "progress",
                "        untold = run.history[told:]\n",
                "        untold = run.history[told:]\n        if untold and run.is_settled:\n            self.ledger.settle(run)\n",
            ),
        ),
    ),
    Mutant(
        "ticked off before published",
        (
            Replacement(
                "progress",
                "        untold = run.history[told:]\n",
                "        untold = run.history[told:]\n        if untold:\n            self.ledger.note_told(run)\n",
            ),
        ),
    ),
    Mutant(
        "cancelled read as succeeded",
        (Replacement("domain.jobs", "JobState.CANCELLED: State.CANCELLED,", "JobState.CANCELLED: State.SUCCEEDED,"),),
        FLOW,
    ),
    Mutant(
        "PAUSED read as finished",
        (Replacement("domain.jobs", "JobState.PAUSED: State.PAUSED,", "JobState.PAUSED: State.FAILED,"),),
        FLOW,
    ),
    Mutant(
        "a folder noted as taken in before it was",
        (
            Replacement(
                "workers.validate",
                "            outcome = self._judge(folder, cause, settled=settled)\n",
                "            self.progress.ledger.note_intake(folder.dataset, folder.drop)\n"
                "            outcome = self._judge(folder, cause, settled=settled)\n",
            ),
        ),
        SIMULATED,
    ),
    Mutant(
        "a sweep that leaves the work to events",
        (Replacement("workers.sweep", "            return self._submit(run)\n", '            return ""\n'),),
        SWEEP,
    ),
    Mutant(
        "an error acknowledged as success",
        (
            Replacement(
                "delivery",
                "            if isinstance(error, Transient):\n",
                "            if isinstance(error, Transient):\n                return\n            if isinstance(error, Transient):\n",
            ),
        ),
        SIMULATED,
    ),
    Mutant(
        "a space that nobody remembers to retire",
        (
            Replacement(
                "aliases",
                '                self._state.write(RETIRING + left.run, b"", replacing=None)\n',
                "                pass\n",
            ),
        ),
        SWEEP,
    ),
    Mutant(
        "a job that is not listed is no news",
        (
            Replacement(
                "workers.watch",
                "(job is None or RUN_STATE[job] is not owed.state)",
                "(job is not None and RUN_STATE[job] is not owed.state)",
            ),
        ),
        FLOW,
    ),
)
