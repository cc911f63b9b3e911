"""What is so after a storm, as each service tells it itself."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from faults.storms.listener import Listener
from faults.storms.stack import StormyStack
from support.servers import eventually

from dropforge.domain.announcements import Links, announced
from dropforge.domain.jobs import RUN_LABEL
from dropforge.domain.messages import message_of
from dropforge.domain.runs import SETTLED, Run

_LINKS = Links("", "", "")
_HEARING = 60  # seconds for the last events to reach a subscriber


@dataclass(frozen=True)
class Facts:
    """Of the datasets whose names begin alike.

    Attributes:
        dropped: Names of the folders that were dropped.
        runs: The ledger's records.
        jobs: How many pipeline jobs Vertex lists, by the run that their label names.
        models: The models that are deployed on Vertex's endpoints, by run; an endpoint without one is there, too.
        active: Markers that say that something is owed.
        heard: How often an outside subscriber heard each event, by id.
        told: How often Slack took each headline.
        dead: Dead letters, of whatever dataset.
        seconds: How long it took until nothing was owed.
    """

    dropped: frozenset[str]
    runs: tuple[Run, ...]
    jobs: Counter[str]
    models: dict[str, list[str]]
    active: tuple[str, ...]
    heard: Counter[str]
    told: Counter[str]
    dead: tuple[str, ...]
    seconds: float

    @property
    def states(self) -> dict[str, int]:
        """How many runs are in each state."""
        return dict(Counter(run.state.value for run in self.runs))


def ids(run: Run) -> list[str]:
    """Ids of the events that tell of a run's history."""
    return [event.id for event in announced(run, _LINKS)]


def headlines(run: Run) -> list[str]:
    """What people are to read of a run's history."""
    return [message.headline for event in announced(run, _LINKS) if (message := message_of(event))]


def drained(
    stack: StormyStack,
    listener: Listener,
    prefix: str,
    dropped: Iterable[str],
    *,
    seconds: float,
    telling: float = _HEARING,
) -> Facts:
    """The facts, once every folder that was dropped has come home and has been told of.

    Args:
        stack: What was stormed.
        listener: Who listened to it from outside.
        prefix: How the names of the storm's datasets begin.
        dropped: Names of the folders.
        seconds: How long all of them may take to come home; what is not home then is among the facts.
        telling: How long the last events may take to be dealt with after that, so that people have been told.
    """
    began, wanted = time.monotonic(), frozenset(dropped)

    def home() -> bool:
        time.sleep(0.5)  # a look costs those who are waited for
        states = {one["name"]: one["metadata"].get("state") for one in stack.objects(f"ledger/{prefix}")}
        settled = [name for name, state in states.items() if state in SETTLED]
        return len(settled) >= len(wanted) and not stack.objects(f"active/{prefix}")

    _quietly(home, seconds)
    took = time.monotonic() - began
    runs = _runs(stack, prefix)
    wanted_ids = {identity for run in runs for identity in ids(run)}
    _quietly(lambda: wanted_ids <= listener.heard.keys(), _HEARING)
    # What is still to be delivered may do something twice that has been done once.
    _quietly(stack.is_idle, telling)
    return Facts(
        dropped=wanted,
        runs=_runs(stack, prefix),
        jobs=Counter(one["labels"][RUN_LABEL] for one in _of(prefix, stack.resources("pipelineJobs"))),
        models={
            one["labels"][RUN_LABEL]: [model["id"] for model in one.get("deployedModels", [])]
            for one in _of(prefix, stack.resources("endpoints"))
        },
        active=tuple(one["name"] for one in stack.objects(f"active/{prefix}")),
        heard=Counter({name: times for name, times in listener.heard.items() if name.startswith(prefix)}),
        told=Counter(text for text in stack.messages() if text.startswith(prefix)),
        dead=tuple(json.dumps(letter) for letter in json.loads(stack.dropforge("dlq", "list", "--json"))),
        seconds=round(took, 1),
    )


def _runs(stack: StormyStack, prefix: str) -> tuple[Run, ...]:
    names = [one["name"] for one in stack.objects(f"ledger/{prefix}")]
    found = (stack.ledger.load(name.removeprefix("ledger/").removesuffix(".json")) for name in names)
    return tuple(run for run in found if run)


def _of(prefix: str, resources: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in resources if one.get("labels", {}).get(RUN_LABEL, "").startswith(prefix)]


def _quietly(condition: Any, seconds: float) -> None:
    """Wait for a condition; whoever reads the facts says what it means when it does not come."""
    try:
        eventually(condition, seconds=seconds)
    except AssertionError:
        return
