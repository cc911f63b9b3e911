"""Everything is done and nobody is told: the answers of writes, submissions, deployments, publications, posts get lost."""

from contextlib import ExitStack
from dataclasses import dataclass

from faults.storms.facts import drained
from faults.storms.invariants import check, repeats
from faults.storms.listener import Listener
from faults.storms.stack import StormyStack
from support.faulty import faults

from dropforge.domain.runs import State

_LOST = "return-reset-connection-after-commit"
_WRITES = ("insert", "patch", "update", "delete", "rewrite", "copy")
_CALLS = ("aiplatform.pipelineJobs.create", "aiplatform.endpoints.create", "aiplatform.endpoints.deployModel")


@dataclass(frozen=True)
class LostAnswers:
    """What came of it.

    Attributes:
        folders: How many were dropped.
        lost: How many answers of each method were lost.
        drained_in: Seconds from the last drop until nothing was owed.
        jobs: How many pipeline jobs there are.
        repeated: Slack messages that came more often than they should.
    """

    folders: int
    lost: dict[str, int]
    drained_in: float
    jobs: int
    repeated: int


def lost_answers(stack: StormyStack, listener: Listener, prefix: str, *, folders: int = 10) -> LostAnswers:
    """Lose the first answer of every conditional write, and of the other calls as many answers as there are folders.

    A call that says nothing of who repeats it would lose every answer for ever, so those are counted.
    """
    names = [f"{prefix}-{number:03}" for number in range(folders)]
    counted = f"{_LOST} x{folders}"
    with ExitStack() as storm:
        asked = [
            storm.enter_context(faults(stack.url(server), {method: [told] for method in methods}, **options))
            for server, methods, told, options in (
                (
                    "storage",
                    [f"storage.objects.{write}" for write in _WRITES],
                    f"{_LOST} x*",
                    {"everyone": True, "only": "conditional", "once_per": "invocation"},
                ),
                ("vertex", _CALLS, counted, {"everyone": True}),
                ("pubsub", ["Publish"], counted, {"everyone": True}),
                ("slack", ["slack.post"], counted, {"everyone": True}),
            )
        ]
        stack.drop_many(names)
        facts = drained(stack, listener, prefix, names, seconds=180 + 15 * folders)
        lost = {method: times for one in asked for method, times in one.fired.items() if times}
    check(facts, expected=State.DEPLOYED, repeated=lost.get("slack.post", 0))
    for method in ("storage.objects.insert", "Publish", "slack.post", *_CALLS):
        assert lost.get(method), f"no answer of {method} was lost: {lost}"
    return LostAnswers(
        folders=folders,
        lost=lost,
        drained_in=facts.seconds,
        jobs=facts.jobs.total(),
        repeated=repeats(facts).total(),
    )
