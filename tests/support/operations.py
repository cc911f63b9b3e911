"""What a plain run asks of Cloud Storage, Pub/Sub and Vertex AI, counted at the ports, by function."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from support.data import dataset
from support.world import World

from dropforge.domain.jobs import JobState, Look
from dropforge.domain.runs import State
from dropforge.markers import ACTIVE
from dropforge.workers.deploy import deploy
from dropforge.workers.notify import notify
from dropforge.workers.submit import submit
from dropforge.workers.validate import validate
from dropforge.workers.watch import watch

STORAGE, PUBSUB, VERTEX = "Cloud Storage", "Pub/Sub", "Vertex AI"
FUNCTIONS = {
    validate: "validate_dataset",
    submit: "submit_tuning",
    watch: "watch_status",
    deploy: "deploy_model",
    notify: "notify_slack",
}
_OF_A_TICK = ("bookmarks/", "ticks/")
_ASKS_NOBODY = frozenset({"bucket", "named", "endpoint"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port.

    Attributes:
        function: Who called.
        service: Whom.
        what: The port's method.
        about: Of Cloud Storage, the object or prefix.
    """

    function: str
    service: str
    what: str
    about: str = ""

    @property
    def is_of_the_tick(self) -> bool:
        """Whether a watcher's tick makes it once, however many runs there are."""
        if self.function == "submit_tuning":
            return False
        return self.what == "unfinished" or self.about == ACTIVE or self.about.startswith(_OF_A_TICK)


@dataclass
class Counted:
    """A port that writes down who called it, and how; calls of its own methods by itself are no calls."""

    port: Any
    service: str
    calls: list[Call]
    caller: list[str]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        return partial(self._called, name, found) if callable(found) and name not in _ASKS_NOBODY else found

    def _called(self, name: str, method: Any, *arguments: Any, **options: Any) -> Any:
        if self.caller:
            about = str(getattr(arguments[0], "name", arguments[0])) if self.service == STORAGE else ""
            self.calls.append(Call(self.caller[-1], self.service, name, about))
        return method(*arguments, **options)


@dataclass
class Watched:
    """A world whose ports are counted while a function works."""

    world: World = field(default_factory=World)
    calls: list[Call] = field(default_factory=list)
    caller: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        services = {"drop": STORAGE, "state": STORAGE, "bus": PUBSUB, "tuner": VERTEX, "host": VERTEX}
        for name, service in services.items():
            setattr(world, name, Counted(getattr(world, name), service, self.calls, self.caller))
        perform = world.perform

        def performed(work: Any, event: object) -> Any:
            self.caller.append(FUNCTIONS.get(work, work.__name__))
            try:
                return perform(work, event)
            finally:
                self.caller.pop()

        world.perform = performed  # type: ignore[method-assign]


def calls_of_a_run() -> list[Call]:
    """Every call that a first small run causes, from the first file's event until it is deployed and told."""
    watched = Watched()
    world = watched.world
    world.land(world.put("topics", dataset()))
    world.react()
    for job in world.tuner.looks:
        world.tuner.looks[job] = Look(state=JobState.RUNNING)
    world.watch()
    world.finish_jobs()
    while world.only_run().state is not State.DEPLOYED:
        world.watch()
    return watched.calls


def by(calls: list[Call], *attributes: str) -> Counter[tuple[str, ...]]:
    """How many calls have the same of these attributes."""
    return Counter(tuple(getattr(call, name) for name in attributes) for call in calls)
