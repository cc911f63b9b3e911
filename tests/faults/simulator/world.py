"""A whole world in virtual time: people, services, functions and faults, from a seed; and what of it must hold."""

from collections import Counter
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, ClassVar, cast

from faults.simulator import bounds, invariants
from faults.simulator.bus import PERIODS, Bus, Delivery
from faults.simulator.calls import Calls
from faults.simulator.chance import Chance
from faults.simulator.faults import Fate, Faults
from faults.simulator.hub import Hub
from faults.simulator.instances import Fleet
from faults.simulator.invariants import Violation
from faults.simulator.limits import Guards
from faults.simulator.listening import Listener
from faults.simulator.nature import Asked, Kind, Nature
from faults.simulator.people import Deed, Plan, plan
from faults.simulator.slack import Slack
from faults.simulator.storage import DropBucket, StateBucket
from faults.simulator.trace import Trace
from faults.simulator.vertex import Vertex
from faults.simulator.wishes import Wish
from support.world import ENVIRONMENT

from dropforge import bootstrap, settings
from dropforge.adapters.memory import MemoryDisk
from dropforge.aliases import Aliases
from dropforge.domain.caps import Caps
from dropforge.domain.datasets import ROOT
from dropforge.domain.jobs import Order
from dropforge.domain.runs import Run, State
from dropforge.domain.spaces import Alias
from dropforge.settings import Settings

if TYPE_CHECKING:
    from dropforge.adapters.memory import ManualClock

_KEPT = 0.5  # hours that a space without readers is kept here, so that worlds need not be days long


@cache
def _settings(caps: Caps) -> Settings:
    loaded = settings.load(ENVIRONMENT)
    return replace(loaded, operator=replace(loaded.operator, keep_previous_hours=_KEPT, caps=caps))


class World:
    """One world; nothing of it is shared with another.

    Attributes:
        vertex_type: What stands for Vertex; likewise for the others. A test takes a worse one.
        wishes: What people have asked for by hand.
        guards: Who refuses what is beyond the services' limits; None where they take whatever is asked.
    """

    vertex_type: ClassVar[type[Vertex]] = Vertex
    slack_type: ClassVar[type[Slack]] = Slack
    state_type: ClassVar[type[StateBucket]] = StateBucket
    bus_type: ClassVar[type[Bus]] = Bus

    def __init__(
        self,
        seed: int,
        folders: int,
        *,
        faults: Faults | None = None,
        nature: Nature | None = None,
        horizon: float = 20_000,
    ) -> None:
        self.seed = seed
        self.faults = faults or Faults()
        self.nature = nature or Nature()
        self.horizon = horizon
        self.settings = _settings(self.nature.caps)
        self.hub = Hub()
        self.trace = Trace(self.hub)
        self.listener = Listener()
        self._chance = chance = Chance(seed)
        self.plans = [plan(number, chance, self.nature) for number in range(folders)]
        self._plans = {planned.folder: planned for planned in self.plans}
        self.fate = Fate(self.faults, chance.stream("faults"))
        disk = MemoryDisk(cast("ManualClock", self.hub))  # all that it asks of a clock is the time
        self.state = self.state_type(disk)
        self.state.reached = self._reached
        self.calls = Calls(
            self.hub, self.fate, chance.stream("calls"), self.trace, self.nature.latency, self.nature.limits
        )
        self.bus = self.bus_type(self.hub, chance, self.nature, self.trace, self.records, self._handle)
        self.drop = DropBucket(disk, self.bus.finalized)
        self.vertex = self.vertex_type(self.hub, lambda folder: self.plan_of(folder).fate, self._content, self._ended)
        self.wishes: list[Wish] = []
        self.slack = self.slack_type()
        services: dict[str, object] = {
            "drop": self.drop,
            "state": self.state,
            "bus": self.bus,
            "tuner": self.vertex,
            "host": self.vertex,
            "notifier": self.slack,
        }
        limits = self.nature.limits
        self.guards = Guards(limits, self.hub, self.vertex) if limits else None
        self.fleet = Fleet(
            self.hub,
            self.calls,
            self.guards.over(services) if self.guards else services,
            self.settings,
            chance.stream("fleet"),
            self.trace,
            self.nature.skew,
            limits,
        )
        self._came = Counter[tuple[str, State]]()
        self._final: set[str] = set()
        self._calm_since: float | None = None
        self._found: list[Violation] | None = None

    # Living

    def run(self) -> "World":
        """Let it live until nothing more happens, or until its horizon."""
        before = bootstrap.use(None)
        for planned in self.plans:
            for deed in planned.deeds:
                self.hub.at(deed.time, partial(self._do, planned.folder, deed))
        self.bus.start()
        try:
            with self.listener.attached():
                self.hub.run(self.horizon, self._is_over)
                self.fleet.stop()
        finally:
            bootstrap.use(before)
        return self

    def _handle(self, delivery: Delivery) -> None:
        self.fleet.handle(delivery)

    def _do(self, folder: str, deed: Deed) -> None:
        name = f"{ROOT}{folder}/{deed.file}"
        self.trace.add(f"somebody {'deletes' if deed.data is None else 'uploads'} {name}")
        if deed.data is None:
            self.drop.delete(name)
        else:
            self.drop.write(name, deed.data, replacing=None)

    def _reached(self, run: Run) -> None:
        """A run has made a step: people who waited for it will ask for something."""
        self._came[run.dataset, run.state] += 1
        for asked in self.plan_of(run.dataset).asks:
            if (asked.once, asked.nth) == (run.state, self._came[run.dataset, run.state]):
                least, most = asked.after
                delay = least + (most - least) * self._chance.draw("asked", run.id, asked.kind, asked.once, asked.nth)
                self.hub.at(delay, partial(self._ask, asked, run))

    def _ask(self, asked: Asked, run: Run) -> None:
        """Somebody asks for something, as things are now."""
        alias = self.state.alias(run.dataset)
        former = alias.previous.run if alias and alias.previous else ""
        about = former if asked.former else "" if asked.kind is Kind.ROLLBACK else run.id
        if about or asked.kind is Kind.ROLLBACK:
            wish = Wish(
                asked.kind, run.dataset, about, asked.even_current, lambda: self.hub.time, former, self.hub.time
            )
            self.wishes.append(wish)
            self.trace.add(f"somebody asks: {wish}")
            self.bus.ask(wish)

    def _ended(self, job: str) -> None:
        if self.nature.tells_of_jobs:
            self.bus.ended(job)

    def _is_over(self) -> bool:
        """Whether everything has been settled for two sweeps, with nobody to come and no fault to come."""
        time = self.hub.time
        if time <= max([self.faults.end, *(planned.last for planned in self.plans)]) or not self._is_settled():
            self._calm_since = None
            return False
        if self._calm_since is None:
            self._calm_since = time
        return time - self._calm_since > 2 * max(
            period for schedule, period in PERIODS.items() if schedule not in self.nature.without
        )

    def _is_settled(self) -> bool:
        if self.state.holds("active/") or (self.is_swept and self.state.holds("retiring/")):
            return False
        self._final = self._final or {invariants.last_run(self, planned) for planned in self.plans}
        return self._final <= self.records.keys()

    def _content(self, order: Order) -> tuple[str, ...]:
        """What a job reads, by name and checksum."""
        paths = [str(value) for key, value in sorted(order.parameters.items()) if key.endswith("_path") and value]
        found = {file.uri: file for file in self.state.list(f"runs/{order.id}/input/")} if paths else {}
        if paths and not found:  # it may read from anywhere
            found = {file.uri: file for file in self.state.list("runs/")}
        return tuple(
            sorted(f"{path.rpartition('/')[2]} {found[path].crc32c if path in found else 'gone'}" for path in paths)
        )

    # Looking

    @property
    def records(self) -> dict[str, Run]:
        """Every run of the ledger."""
        return self.state.records

    @property
    def is_swept(self) -> bool:
        """Whether the sweep runs at all: nobody else retires a space."""
        return "sweep" not in self.nature.without

    @cached_property
    def longest_queue(self) -> float:
        """How long a run waits for services that have limits, at the most, in seconds; asked once all is over."""
        return bounds.queue(self)

    def plan_of(self, folder: str) -> Plan:
        """What people did with a folder."""
        return self._plans[folder]

    def alias(self, folder: str) -> Alias | None:
        """Where a dataset's readers are pointed to."""
        return Aliases(self.state).of(folder)

    def violations(self) -> list[Violation]:
        """What does not hold, now that it is over."""
        if self._found is None:
            self._found = list(invariants.violations(self))
        return self._found

    def figures(self) -> dict[str, object]:
        """How much happened."""
        return {
            "folders": len(self.plans),
            "runs": len(self.records),
            "calls": len(self.calls.names),
            **{name: self.bus.counts[name] for name in ("published", "deliveries", "duplicated", "dropped", "wishes")},
            "faults": dict(sorted(Counter(fired.kind for fired in self.fate.fired).items())),
            "timeouts": len(self.bus.timeouts),
            "dead letters": len(self.bus.dead),
            "granted": sum(bool(wish.granted) for wish in self.wishes),
            "repairs": self.listener.repairs,
            "repeated posts": self.slack.posts.total() - len(self.slack.posts),
            "virtual hours": round(self.hub.time / 3600, 2),
            "violations": len(self.violations()),
        }
