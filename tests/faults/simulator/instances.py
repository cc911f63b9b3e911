"""Instances of functions: each has ports, claims and a clock of its own, and handles one event at a time."""

import math
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from faults.simulator.calls import Calls, Killed
from faults.simulator.hub import Hub
from faults.simulator.limits import Limits
from faults.simulator.trace import Trace
from faults.simulator.wishes import PERSON, grant
from greenlet import greenlet

from dropforge import bootstrap
from dropforge.domain.errors import Transient
from dropforge.settings import Settings

if TYPE_CHECKING:
    from faults.simulator.bus import Delivery

ROOT = Path(__file__).parents[3]
_NAMES_ONLY = frozenset({"bucket", "endpoint"})  # what an adapter answers by itself
_FRESH = 0.1  # share of deliveries that get a new instance although one is idle


@cache
def entry_point(name: str) -> Callable[[Any], None]:
    """A function, loaded from its file; of a person, what they do."""
    if name == PERSON:
        return grant
    spec = spec_from_file_location(f"simulated_{name}", ROOT / "functions" / name / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    entry: Callable[[Any], None] = getattr(module, name)
    return entry


class Proxy:
    """A service as an instance sees it: every method is one call over the network."""

    def __init__(self, port: object, name: str, instance: "Instance", calls: Calls) -> None:
        self._port = port
        self._name = name
        self._instance = instance
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in _NAMES_ONLY:
            found = partial(self._call, f"{self._name}.{name}", found)
        self.__dict__[name] = found
        return found

    def _call(self, name: str, method: Callable[..., Any], *arguments: object, **named: object) -> Any:
        about = arguments[0] if arguments else ""
        return self._calls.make(self._instance, name, partial(method, *arguments, **named), about, 0)


class SkewedClock:
    """A clock that is off by some seconds."""

    def __init__(self, hub: Hub, skew: float, instance: "Instance", calls: Calls) -> None:
        self._hub = hub
        self._skew = timedelta(seconds=skew)
        self._instance = instance
        self._calls = calls

    def now(self) -> datetime:
        """The present moment, as far as it knows."""
        return self._hub.now() + self._skew

    def sleep(self, seconds: float) -> None:
        """Come back after this long; at once for zero or less."""
        if seconds > 0:
            self._calls.make(self._instance, "clock.sleep", lambda: None, f"{seconds:.1f}", seconds)


class Instance(bootstrap.Ports):
    """One process of one function.

    Attributes:
        function: Its name.
        delivery: What it is handling, or handled last.
        is_dead: Whether it was killed: no call of it comes through any more.
    """

    delivery: "Delivery"

    def __init__(self, function: str, number: int, settings: Settings) -> None:
        super().__init__(settings)
        self.function = function
        self.is_dead = False
        self._number = number

    def __str__(self) -> str:
        return f"{self.function}#{self._number} [{self.delivery.message.about}]"


class Fleet:
    """All instances.

    Attributes:
        bugs: Whatever came out of a function that nobody expects, with its stack.
        ticks: How long each function took for every tick, in seconds.
        most_waiting: How many deliveries waited for an instance of each function at once, at the most.
    """

    def __init__(
        self,
        hub: Hub,
        calls: Calls,
        services: Mapping[str, object],
        settings: Settings,
        stream: Random,
        trace: Trace,
        skew: float,
        limits: Limits | None = None,
    ) -> None:
        self.bugs: list[str] = []
        self.ticks = defaultdict[str, list[float]](list)
        self.most_waiting = Counter[str]()
        self._hub = hub
        self._calls = calls
        self._services = services
        self._settings = settings
        self._stream = stream
        self._trace = trace
        self._skew = skew
        self._idle: dict[str, list[Instance]] = {}
        self._busy: dict[greenlet, Instance] = {}
        self._numbers = count(1)
        self._handlers: Mapping[str, int] = limits.handlers if limits else {}
        self._seconds: Mapping[str, float] = limits.seconds if limits else {}
        self._under_way = Counter[str]()
        self._waiting = defaultdict[str, deque["Delivery"]](deque)

    def handle(self, delivery: "Delivery") -> None:
        """Give a delivery to an instance that is idle, or to a new one; it waits where there may be no more of them."""
        function = delivery.function
        self._waiting[function].append(delivery)
        self._go_on(function)
        self.most_waiting[function] = max(self.most_waiting[function], len(self._waiting[function]))

    def _go_on(self, function: str) -> None:
        while self._waiting[function] and self._under_way[function] < self._handlers.get(function, math.inf):
            self._begin(self._waiting[function].popleft())

    def _begin(self, delivery: "Delivery") -> None:
        delivery.begin()
        self._under_way[delivery.function] += 1
        instance = self._take(delivery.function)
        instance.delivery = delivery
        handler = greenlet(self._work)
        self._busy[handler] = instance
        bootstrap.use(instance)
        handler.switch(handler, instance, delivery)

    def stop(self) -> None:
        """Let go of every handler that is still under way."""
        for handler, instance in list(self._busy.items()):
            instance.is_dead = True
            bootstrap.use(instance)
            handler.throw(Killed())

    def _work(self, handler: greenlet, instance: Instance, delivery: "Delivery") -> None:
        answered, began = False, self._hub.time
        try:
            entry_point(instance.function)(delivery.message.event)
            answered = True
        except Killed:
            self._trace.add(f"{instance} killed")
        except Transient as error:
            self._trace.add(f"{instance} raised {type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001 - whatever it is, it is told as a violation
            self.bugs.append(f"{instance} raised\n{traceback.format_exc()}")
        del self._busy[handler]
        self._under_way[instance.function] -= 1
        if delivery.message.is_tick:
            self.ticks[instance.function].append(self._hub.time - began)
        self._hub.at(0, partial(self._go_on, instance.function))
        if not instance.is_dead:
            self._idle[instance.function].append(instance)
        delivery.end(acknowledged=answered)

    def _take(self, function: str) -> Instance:
        idle = self._idle.setdefault(function, [])
        if idle and self._stream.random() >= _FRESH:
            return idle.pop()
        lasting = self._seconds.get(function, self._settings.timeout_seconds)
        instance = Instance(function, next(self._numbers), replace(self._settings, timeout_seconds=lasting))
        skew = self._stream.uniform(-self._skew, self._skew)
        instance.__dict__["clock"] = SkewedClock(self._hub, skew, instance, self._calls)
        for name, service in self._services.items():
            instance.__dict__[name] = Proxy(service, name, instance, self._calls)
        return instance
