"""The worlds that are lived through, by name, and how to live through one again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from faults.simulator.faults import KINDS, Faults
from faults.simulator.invariants import Violation
from faults.simulator.limits import Limits
from faults.simulator.nature import CALM, Asked, Ending, Kind, Nature
from faults.simulator.wishes import PERSON
from faults.simulator.world import World

from dropforge.domain.caps import Caps
from dropforge.domain.runs import State

STORMY = {"before": 0.01, "after": 0.01, "error": 0.02, "lost": 0.01, "zombie": 0.002}
_LAST_LINES = 60


@dataclass(frozen=True)
class Scenario:
    """A kind of world.

    Attributes:
        nature: How things are.
        rates: How often which fault comes.
        folders: How many people drop one, where a single fault is tried at every call.
    """

    nature: Nature = field(default_factory=Nature)
    rates: Mapping[str, float] = field(default_factory=dict)
    folders: int = 1


_FAITHFUL = Nature(drops=0)  # every message arrives
# Nobody replaces a file: when that happens just as a verdict could not be told, it is the sweep that tells it.
_UNSWEPT = replace(CALM, without={"sweep"})
_TOLD = replace(CALM, tells_of_jobs=True)
_LONG = replace(_TOLD, running=(2_400, 3_000))  # longer than three sweeps: a job that nobody stops shows
_CANCELLED = (
    (Asked(Kind.CANCEL, State.VALIDATED, (0, 3)),),
    (Asked(Kind.CANCEL, State.SUBMITTED, (0, 15)),),
    (Asked(Kind.CANCEL, State.RUNNING, (0, 200)),),
    (Asked(Kind.CANCEL, State.SUCCEEDED, (0, 3)),),
    (Asked(Kind.CANCEL, State.DEPLOYING, (0, 150)),),
)
_AGAIN = Asked(Kind.RERUN, State.FAILED, (5, 30))
_APPROVED = Asked(Kind.APPROVE, State.WITHHELD, (5, 30))
_MENDED = Asked(Kind.APPROVE, State.DEPLOY_FAILED, (5, 30))
_BACK = Asked(Kind.ROLLBACK, State.DEPLOYED, (5, 30), nth=2)
_BACK_TO = Asked(Kind.ROLLBACK, State.DEPLOYED, (5, 30), nth=2, former=True)
_AWAY = Asked(Kind.RETIRE, State.DEPLOYED, (5, 30), even_current=True)
_AFTER_ALL = Asked(Kind.APPROVE, State.RETIRED, (5, 30))
# So narrow that twenty folders meet each of them.
NARROW = Limits(
    jobs=6,
    submissions=4,
    requests=24,
    accelerators=2,
    between_posts=2,
    handlers={
        "validate_dataset": 4,
        "submit_tuning": 2,
        "watch_status": 2,
        "deploy_model": 2,
        "notify_slack": 4,
        "sweep": 1,
    },
)
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
    # People ask by hand for whatever can be asked for, of most folders several times.
    "wishes": Scenario(Nature(wishes=0.8, reuploads=0.8), STORMY),
    "wishes-calm": Scenario(Nature(wishes=0.8, reuploads=0.8, drops=0)),
    "capped": Scenario(Nature(caps=Caps(jobs_in_flight=4), running=(100, 200), reuploads=0.3), STORMY),
    "limited": Scenario(Nature(limits=NARROW, running=(100, 200), reuploads=0.3), STORMY),
    # One run and nothing else, for single faults and pairs of them.
    "calm": Scenario(CALM),
    "calm-renewed": Scenario(replace(CALM, renewed=True)),
    "calm-withheld": Scenario(replace(CALM, ends=Ending.WORSE)),
    "calm-deceptive": Scenario(replace(CALM, ends=Ending.DECEPTIVE)),
    "calm-failed": Scenario(replace(CALM, ends=Ending.FAILED)),
    "calm-deploy-failed": Scenario(replace(CALM, refusals=1)),
    "calm-stumbles": Scenario(replace(_TOLD, stumbles=2)),
    "calm-quota": Scenario(replace(_TOLD, shortages=1)),
    "calm-swept": Scenario(replace(CALM, drop_all=True)),
    "calm-capped": Scenario(replace(CALM, caps=Caps(jobs_in_flight=1)), folders=3),
    # ... and people who ask for something by hand.
    "calm-cancelled": Scenario(replace(_LONG, asks=_CANCELLED)),
    "calm-rerun": Scenario(replace(CALM, ends=Ending.FAILED, asks=((_AGAIN,),))),
    "calm-approved": Scenario(replace(CALM, ends=Ending.WORSE, asks=((_APPROVED,),))),
    "calm-approved-again": Scenario(replace(CALM, refusals=1, asks=((_MENDED,),))),
    "calm-rolled-back": Scenario(replace(CALM, renewed=True, asks=((_BACK,), (_BACK_TO,)))),
    "calm-approved-once": Scenario(replace(CALM, ends=Ending.WORSE, asks=((_APPROVED,),), gives_up=True)),
    "calm-rolled-back-once": Scenario(replace(CALM, renewed=True, asks=((_BACK,),), gives_up=True)),
    "calm-retired-once": Scenario(replace(CALM, asks=((_AWAY,),), gives_up=True)),
    "calm-cancelled-once": Scenario(replace(_LONG, asks=_CANCELLED, gives_up=True)),
    "calm-retired": Scenario(replace(CALM, asks=((_AWAY, _AFTER_ALL),))),
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
    """One fault: of these kinds, at every so many-th of the calls of a world in which nothing befalls anybody.

    Of what people call themselves, at every call.
    """
    folders = SCENARIOS[scenario].folders
    callers = Life(scenario, seed, folders).world().calls.callers
    numbers = [number for number, caller in enumerate(callers) if number % every == 0 or caller == PERSON]
    return [Life(scenario, seed, folders, ((number + 1, kind),)) for number in numbers for kind in kinds]


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
