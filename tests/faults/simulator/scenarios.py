"""The worlds that are lived through, by name, and how to live through one again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from faults.simulator.faults import KINDS, Faults
from faults.simulator.invariants import Violation
from faults.simulator.nature import CALM, Nature
from faults.simulator.world import World

from dropforge.domain.runs import State

STORMY = {"before": 0.01, "after": 0.01, "error": 0.02, "lost": 0.01, "zombie": 0.002}
_LAST_LINES = 60


@dataclass(frozen=True)
class Scenario:
    """A kind of world.

    Attributes:
        nature: How things are.
        rates: How often which fault comes.
    """

    nature: Nature = field(default_factory=Nature)
    rates: Mapping[str, float] = field(default_factory=dict)


_FAITHFUL = Nature(drops=0)  # every message arrives
# Nobody replaces a file: when that happens just as a verdict could not be told, it is the sweep that tells it.
_UNSWEPT = replace(CALM, without={"sweep"})
CROWDED = Nature(duplicates=0.8, repeats=(0, 15), latency=2)  # handlers of one event, and ticks, meet all the time
SCENARIOS: Mapping[str, Scenario] = {
    # One call in twenty fails, one message in five comes twice and one in twenty never, folders change meanwhile.
    "storm": Scenario(rates=STORMY),
    "hard": Scenario(rates={kind: 3 * rate for kind, rate in STORMY.items()} | {"slow": 0.02}),
    "crowded": Scenario(CROWDED, STORMY),
    "faithful": Scenario(_FAITHFUL),
    "faulty": Scenario(_FAITHFUL, STORMY),
    # Messages are lost, and no call fails.
    "lossy": Scenario(Nature(drops=0.3)),
    # Each way home without the other: two that heal each other hide each other's faults.
    "events": Scenario(replace(_FAITHFUL, without={"sweep"})),
    "events-lost": Scenario(_UNSWEPT, {"lost": 0.1}),
    "events-faulty": Scenario(_UNSWEPT, STORMY),
    "sweep": Scenario(Nature(drop_all=True, drops=0)),
    # One run and nothing else, for single faults and pairs of them.
    "calm": Scenario(CALM),
    "calm-renewed": Scenario(replace(CALM, renewed=True)),
    "calm-withheld": Scenario(replace(CALM, ends=State.WITHHELD)),
    "calm-failed": Scenario(replace(CALM, ends=State.FAILED)),
    "calm-deploy-failed": Scenario(replace(CALM, ends=State.DEPLOY_FAILED)),
    "calm-swept": Scenario(replace(CALM, drop_all=True)),
}


@dataclass(frozen=True, slots=True)
class Life:
    """One world that was lived through: enough to live through it again.

    Attributes:
        scenario: Its name.
        seed: Of everything.
        folders: How many people drop one.
        at: Faults at single calls, by their numbers.
    """

    scenario: str
    seed: int
    folders: int
    at: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        faults = "".join(f" --at {number}:{kind}" for number, kind in self.at)
        return f"python tests/faults/simulate.py {self.scenario} --seed {self.seed} --folders {self.folders}{faults}"

    def world(self) -> World:
        """Live through it."""
        scenario = SCENARIOS[self.scenario]
        faults = Faults(scenario.rates, at=dict(self.at))
        return World(self.seed, self.folders, faults=faults, nature=scenario.nature).run()


def singles(scenario: str, seed: int, kinds: Iterable[str] = KINDS, *, every: int = 1) -> list[Life]:
    """One run, one fault: of these kinds, at every so many-th of the calls that it makes when nothing befalls it."""
    calls = len(Life(scenario, seed, 1).world().calls.names)
    return [Life(scenario, seed, 1, ((number, kind),)) for number in range(1, calls + 1, every) for kind in kinds]


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a life.

    Attributes:
        life: Which.
        figures: How much happened.
        violations: What does not hold.
        story: For people: each violation, and the last lines of what befell the run concerned.
    """

    life: Life
    figures: dict[str, object]
    violations: tuple[Violation, ...]
    story: str = ""


def record(life: Life) -> Record:
    """Live through a life, and say what came of it."""
    world = life.world()
    found = tuple(world.violations())
    return Record(life, world.figures(), found, _told(life, world, found) if found else "")


def _told(life: Life, world: World, found: tuple[Violation, ...]) -> str:
    told = [str(life), *(f"  {violation}" for violation in found)]
    for about in dict.fromkeys(violation.about for violation in found[:3]):
        told += [f"  the last of {about}:", *(f"    {line}" for line in world.trace.about(about, last=_LAST_LINES))]
    return "\n".join(told)
