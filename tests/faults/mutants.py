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
LOST = ("tests/unit/test_lost_ledger.py",)
LEDGER = ("tests/unit/test_ledger.py",)
BUDGET = ("tests/unit/test_budget.py",)
HELD_UP = ("tests/faults/test_held_up.py",)
ACTIONS = ("tests/unit/test_actions.py",)

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
        "the state written before the effect",
        (
            Replacement(
                "orders",
                "            job = self.tuner.submit(self._order(run))\n",
                "            job = self.tuner.named(run.id)\n"
                "            order = self._order(run)\n"
                "            run = self.progress.reach(run, State.SUBMITTED, function=FUNCTION, event=cause, job=job)\n"
                "            self.tuner.submit(order)\n",
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
        "a 412 from one's own first try read as a lost race, on a change",
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
        "a 412 from one's own first try read as a lost race, on a record",
        (
            Replacement("ledger", "if found.token != mine.token:", "if True:"),
            Replacement("progress", "            self.catch_up(stored)\n", "            pass\n"),
        ),
        LEDGER,
    ),
    Mutant(
        "a claim that is still held read as done",
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
        (Replacement("workers.rollout", "if stood.state is not State.DEPLOYING or stood.fault is None:", "if False:"),),
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
        "an outdated look believed",
        (Replacement("progress", "if now.history != run.history or to not in", "if to not in"),),
        FLOW,
    ),
    Mutant(
        "a note that a run waits, overwritten by whoever published the run's steps",
        (Replacement("progress", " and not is_marked", ""),),
        ("tests/faults/test_scale.py",),
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
        "an old line of the history over a newer one",
        (Replacement("history", "replacing=line.generation if line else NEW", "replacing=None"),),
        LEDGER,
    ),
    Mutant(
        "the marker removed before the history has its line",
        (
            Replacement(
                "ledger",
                "            if self._history.note(now, line):\n",
                "            for marker in markers:\n"
                "                self._state.delete(marker.name, generation=marker.generation)\n"
                "            if self._history.note(now, line):\n",
            ),
        ),
        LEDGER,
    ),
    Mutant(
        "ticked off before it is published",
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
        (
            Replacement(
                "workers.sweep",
                "        if run.state is State.VALIDATED:\n            outcome",
                '        if run.state is State.VALIDATED:\n            return ""\n            outcome',
            ),
        ),
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
                "                self.leave((joining if wanted is stored else stored).run)\n",
                "                pass\n",
            ),
        ),
        SWEEP,
    ),
    Mutant(
        "a job that is not listed is ignored",
        (
            Replacement(
                "workers.watch",
                "(job is None or RUN_STATE[job] is not owed.state)",
                "(job is not None and RUN_STATE[job] is not owed.state)",
            ),
        ),
        FLOW,
    ),
    Mutant(
        "a passing failure of a deployment is final",
        (Replacement("workers.rollout", "if fault.code not in _PASSING or tries >= _TRIES:", "if True:"),),
    ),
    Mutant(
        "the gate is not asked",
        (
            Replacement(
                "workers.rollout",
                "if gate.passes(judgement, run.tuning.deploy):",
                "if True:",
            ),
        ),
    ),
    Mutant(
        "the alias moves before the gate",
        (
            Replacement(
                "workers.rollout",
                "        if serving.passed:\n            return {}\n        if",
                "        if serving.passed:\n            return {}\n        self.aliases.move(alias_of(run))\n        if",
            ),
        ),
    ),
    Mutant(
        "a withheld model is left on its endpoint",
        (
            Replacement(
                "workers.rollout",
                "        if not self.aliases.lead_to(run):\n",
                "        if False:\n",
            ),
        ),
    ),
    Mutant(
        "another attempt reads the old input prefix",
        (
            Replacement(
                "orders",
                'data=f"gs://{self.state.bucket}/runs/{run.id}/",',
                "data=f\"gs://{self.state.bucket}/runs/{run.id.removesuffix('-a2')}/\",",
            ),
        ),
    ),
    Mutant(
        "a cap counts only today",
        (Replacement("budget", "if kept.day >= self._today or run in flying}", "if kept.day >= self._today}"),),
        BUDGET,
    ),
    Mutant(
        "cancel forgets the job",
        (
            Replacement("actions.cancel", "    progress.ledger.note_stopping(run)\n", ""),
            Replacement("actions.cancel", "            tuner.cancel(run.job)\n", "            pass\n"),
        ),
    ),
    Mutant(
        "approve without a marker",
        (Replacement("progress", "        self.ledger.reopen(run)\n", ""),),
        ("tests/faults/test_single_faults.py::test_any_call_fails[calm-approved-once-before-everything ends]",),
    ),
    Mutant(
        "a rollback that tells nobody",
        (Replacement("actions.rollback", "        progress.bus.publish(moved)\n", ""),),
    ),
    Mutant(
        "a rollback to a space that is about to go",
        (Replacement("actions.rollback", ' or serving.decision == "retire"', ""),),
        ACTIONS,
    ),
    Mutant(
        "readers are turned away once, and a look that was held up points them back",
        (
            Replacement("actions.retire", "    if left.request and left.even_current:\n", "    if False:\n"),
            Replacement(
                "actions.retire",
                "    left = next(",
                "    if even_current:\n        aliases.remove(run.dataset, run.id)\n    left = next(",
            ),
        ),
        ACTIONS,
    ),
    Mutant(
        "a rollback that is repeated undoes itself",
        (Replacement("actions.rollback", "is_cut_off = not to and aliases.is_untold(dataset)", "is_cut_off = False"),),
        ("tests/faults/test_single_faults.py::test_any_call_fails[calm-rolled-back-before-wishes come true]",),
    ),
    Mutant(
        "a rollback that is published again says something else",
        (
            Replacement(
                "domain.announcements",
                "previous_space_id=alias.previous_space,",
                'previous_space_id=alias.previous.space if alias.previous else "",',
            ),
        ),
    ),
    Mutant(
        "a cancellation published before the validation",
        (
            Replacement(
                "actions.cancel",
                "        progress.catch_up(run)  # whoever validated it may have been cut off before telling of it\n",
                "",
            ),
        ),
        SIMULATED,
    ),
    Mutant(
        "a run that no longer waits is forgotten",
        (Replacement("workers.watch", "                    self.progress.tell(run, told=owed.told)\n", ""),),
        HELD_UP,
    ),
    Mutant(
        "a look from before an approval overrules it",
        (Replacement("workers.rollout", "is_old = now.history != run.history or not", "is_old = not"),),
        HELD_UP,
    ),
    Mutant(
        "a marker removed by a handler that was held up",
        (
            Replacement(
                "ledger",
                "                self._state.delete(marker.name, generation=marker.generation)\n",
                "                self._state.delete(marker.name)\n",
            ),
        ),
        HELD_UP,
    ),
    Mutant(
        "an endpoint that was never on record is left behind",
        (
            Replacement(
                "workers.sweep",
                "        if run and endpoint.name == self.host.endpoint(run.id) and",
                "        if run and run.serving and endpoint.name == self.host.endpoint(run.id) and",
            ),
        ),
        ("tests/faults/test_single_faults.py::test_any_call_fails[calm-cancelled-before-one deployment a run]",),
    ),
    Mutant(
        "a new run is submitted before those that wait",
        (Replacement("workers.submit", "cause=event.id, is_new=True", "cause=event.id"),),
        ("tests/unit/test_orders.py",),
    ),
    Mutant(
        "room is given back for a job that cost something",
        (
            Replacement(
                "actions.cancel",
                "        if not run.job:  # nothing was submitted, so it cost nothing\n            budget",
                "        budget",
            ),
        ),
        ACTIONS,
    ),
    Mutant(
        "a run whose cancellation was asked for is submitted",
        (Replacement("orders", "        if run.stop:", "        if False:"),),
        ACTIONS,
    ),
    Mutant(
        "a record that is made late has no marker",
        (Replacement("workers.validate", "if (mine is None or is_late) and", "if not is_late and mine is None and"),),
        SWEEP,
    ),
    Mutant(
        "a marker that was set back hides a job that has ended",
        (
            Replacement(
                "workers.watch",
                " or owed.touched < late",
                "",
            ),
        ),
        SWEEP,
    ),
    Mutant(
        "a marker that a late validator left on an ended run stays until a sweep",
        (
            Replacement(
                "workers.watch",
                " or owed.touched < late",
                " or (owed.state is State.VALIDATED and owed.touched < late)",
            ),
        ),
        SWEEP,
    ),
    Mutant(
        "the endpoint of a lost record is removed",
        (Replacement("workers.sweep", "endpoint.created >= endpoint_since(run) and ", ""),),
        LOST,
    ),
)
