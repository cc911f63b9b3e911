"""The services' limits: how much each takes, and what becomes of whoever asks for more.

Sources:
    Vertex AI         as the catalogue has them: pipeline jobs at once and a minute, requests a minute, accelerators for
                      serving where most are offered; a page of a list has 100 resources
    Cloud Storage     cloud.google.com/storage/quotas: a write a second to one object; objects.list: 1,000 names a page
    Slack             docs.slack.dev, "Rate limits": a message a second and channel
    functions         deploy/topology.json: instances, and how much each handles at once

Where a limit can be read in two ways it is the harder one here: a minute is any sixty seconds, and a second write within a
second is refused, although Cloud Storage lets bursts pass.

Not here, because no port meets it: predictions a minute (one call of `embed` is many requests, and the adapter paces them);
parallel tasks and accelerators for training (the service lets a job wait, or fails it within: `Nature.shortages`); what a
whole bucket or topic takes (thousands of requests a second); memory, and the time that computing and starting take. A
function whose instances are all busy refuses pushes, and Pub/Sub sends fewer; here a message waits for its turn instead.
"""

import json
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from math import ceil
from operator import length_hint
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from faults.simulator.hub import Hub

from dropforge.domain.catalogue import CATALOGUE, QUOTAS
from dropforge.domain.errors import Exhausted, Unavailable
from dropforge.domain.jobs import Order
from dropforge.domain.message import Message
from dropforge.settings import ServingMachines

if TYPE_CHECKING:
    from faults.simulator.vertex import Vertex

_FUNCTIONS = json.loads((Path(__file__).parents[3] / "deploy" / "topology.json").read_bytes())["functions"]
MINUTE = 60.0  # seconds
_RESOURCES = 100  # on a page of Vertex AI's
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENCE = 1.0, 60.0, 120.0  # seconds; of the client of Cloud Storage
_RETRY_AFTER = 1.0  # seconds that Slack asks for; the notifier waits for them once
_WRITES = {"write": 0, "upload": 0, "annotate": 0, "delete": 0, "copy_from": 1}  # which argument names the object
_LOCAL = frozenset({"named", "endpoint"})  # what Vertex AI is not asked for


def _handlers() -> Mapping[str, int]:
    clouds = {name: each["cloud"] for name, each in _FUNCTIONS.items()}
    return {name: cloud["instances"] * cloud["concurrency"] for name, cloud in clouds.items()}


def _seconds() -> Mapping[str, float]:
    return {name: each["timeout_seconds"] for name, each in _FUNCTIONS.items()}


@dataclass(frozen=True)
class Limits:
    """How much the services take.

    Attributes:
        jobs: Pipeline jobs that have not ended, at once.
        submissions: New jobs in a minute.
        requests: Of Vertex AI in a minute, but for predictions; a page of a list is one.
        accelerators: Models that are served, or being loaded, at once: each takes one.
        between_writes: Seconds from one write of an object to its next.
        names: On a page of a listing of Cloud Storage.
        between_posts: Seconds from one message to the next.
        handlers: How many events each function handles at once, in all of its instances.
        seconds: How long each function may take for one.
    """

    jobs: int = QUOTAS.concurrent_jobs
    submissions: int = QUOTAS.submissions_a_minute
    requests: int = QUOTAS.requests_a_minute
    accelerators: int = max(CATALOGUE.serving_quotas[ServingMachines().accelerator_type].values())
    between_writes: float = 1
    names: int = 1_000
    between_posts: float = 1
    handlers: Mapping[str, int] = field(default_factory=_handlers)
    seconds: Mapping[str, float] = field(default_factory=_seconds)

    def pages(self, call: str, answer: object) -> int:
        """How many pages an answer takes; each takes as long as a call.

        Args:
            call: `port.method`.
            answer: What came of it.
        """
        sizes = {"state.list": self.names, "drop.list": self.names, "tuner.unfinished": _RESOURCES}
        return max(1, ceil(length_hint(answer) / sizes[call])) if call in sizes else 1


class Beyond(Exception, ABC):
    """A service refuses what is beyond its limit, and its client waits and asks again before anybody hears of it."""

    @abstractmethod
    def pause(self, tries: int, waited: float, stream: Random) -> float | None:
        """How many seconds the client waits by itself; None when it gives up, and this is raised.

        Args:
            tries: How often it was refused before.
            waited: Seconds since it was asked first.
            stream: For chance.
        """


class TooManyWrites(Exhausted, Beyond):
    """An object was written just now: 429, which Google's client repeats for two minutes, with growing pauses."""

    def pause(self, tries: int, waited: float, stream: Random) -> float | None:
        """See `Beyond.pause`."""
        pause = stream.uniform(0, min(_FIRST_PAUSE * 2**tries, _LONGEST_PAUSE))
        return pause if waited + pause <= _PATIENCE else None


class TooManyPosts(Unavailable, Beyond):
    """A message was posted just now: 429 with `Retry-After`, for which the notifier waits once."""

    def pause(self, tries: int, waited: float, stream: Random) -> float | None:
        """See `Beyond.pause`."""
        return None if tries else _RETRY_AFTER


class Meter:
    """Counts what comes within any span of time.

    Attributes:
        most: The most that came within one.
    """

    def __init__(self, span: float) -> None:
        self.most = 0
        self._span = span
        self._times = deque[float]()

    def now(self, time: float) -> int:
        """How many came within the span that ends now."""
        while self._times and self._times[0] <= time - self._span:
            self._times.popleft()
        return len(self._times)

    def add(self, time: float, count: int = 1) -> None:
        """Count some."""
        self._times.extend([time] * count)
        self.most = max(self.most, self.now(time))


class Guards:
    """Stand before the services, and refuse what is beyond their limits.

    Attributes:
        requests: Those of Vertex AI that were answered.
        refused: How often each limit refused somebody.
        writes: How often objects of a kind were written, by the first part of their names.
        busiest: The most tries to write one object within a second, by the same.
        posted: When each message was taken first, in seconds, by its id.
    """

    def __init__(self, limits: Limits, hub: Hub, vertex: "Vertex") -> None:
        self.requests = Meter(MINUTE)
        self.refused = Counter[str]()
        self.writes = Counter[str]()
        self.busiest = Counter[str]()
        self.posted: dict[str, float] = {}
        self._last_post = -limits.between_posts
        self._limits = limits
        self._hub = hub
        self._vertex = vertex
        self._submissions = Meter(MINUTE)
        self._written: dict[str, float] = {}
        self._tried: dict[str, list[float]] = {}
        vertex.accelerators = limits.accelerators

    def over(self, services: Mapping[str, object]) -> dict[str, object]:
        """The services, guarded."""
        guards = {"state": self._write, "tuner": self._request, "host": self._request, "notifier": self._post}
        return {name: Guarded(each, guards[name]) if name in guards else each for name, each in services.items()}

    def _request(self, method: str, *arguments: object) -> None:
        if method in _LOCAL or method.startswith("embed"):
            return
        pages = ceil(len(self._listed(method)) / _RESOURCES) or 1
        if self.requests.now(self._hub.time) + pages > self._limits.requests:
            self._refuse("requests a minute", Exhausted("quota exceeded: requests a minute"))
        self.requests.add(self._hub.time, pages)
        if method == "submit" and isinstance(order := arguments[0], Order):
            self._submit(order)

    def _listed(self, method: str) -> Sized:
        if method == "endpoints":
            return self._vertex.served
        return self._vertex.in_flight() if method == "unfinished" else ()

    def _submit(self, order: Order) -> None:
        if self._vertex.named(order.id) in self._vertex.jobs:
            return
        if len(self._vertex.in_flight()) >= self._limits.jobs:
            self._refuse("jobs at once", Exhausted("quota exceeded: concurrent pipeline runs"))
        if self._submissions.now(self._hub.time) >= self._limits.submissions:
            self._refuse("submissions a minute", Exhausted("quota exceeded: pipeline job submissions a minute"))
        self._submissions.add(self._hub.time)

    def _write(self, method: str, *arguments: object) -> None:
        if method not in _WRITES:
            return
        name, time = str(arguments[_WRITES[method]]), self._hub.time
        kind = name.partition("/")[0]
        self._tried[name] = [*(each for each in self._tried.get(name, ()) if each > time - 1), time]
        self.busiest[kind] = max(self.busiest[kind], len(self._tried[name]))
        if time - self._written.get(name, -self._limits.between_writes) < self._limits.between_writes:
            self._refuse(f"writes of {kind}", TooManyWrites(f"{name} was written a moment ago"))
        self._written[name] = time
        self.writes[kind] += 1

    def _post(self, method: str, *arguments: object) -> None:
        if method != "tell" or not isinstance(message := arguments[0], Message):
            return
        if self._hub.time - self._last_post < self._limits.between_posts:
            self._refuse("messages", TooManyPosts("Slack answered 429"))
        self._last_post = self._hub.time
        self.posted.setdefault(message.id, self._hub.time)

    def _refuse(self, limit: str, error: Exception) -> None:
        self.refused[limit] += 1
        raise error


class Guarded:
    """A service, and who is asked before it."""

    def __init__(self, service: object, guard: Callable[..., None]) -> None:
        self._service = service
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if not callable(found):
            return found

        def asked(*arguments: object, **named: object) -> Any:
            self._guard(name, *arguments)
            return found(*arguments, **named)

        return asked
