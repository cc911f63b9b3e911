"""Every call to a service: it takes its time, a fault may befall it, and the one who called goes on with what came of it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from faults.simulator.faults import ASKED_AGAIN, DRAGS, FREEZES, Fate, Fired
from faults.simulator.hub import Hub
from faults.simulator.limits import Beyond, Limits
from faults.simulator.trace import Trace, shown
from greenlet import getcurrent, greenlet

from dropforge import bootstrap
from dropforge.domain.errors import Unavailable

if TYPE_CHECKING:
    from faults.simulator.instances import Instance

# Clients of storage and Pub/Sub ask again by themselves. A write that names the generation it replaces is then refused
# by its own first try.
_ASKED_AGAIN = frozenset({"write", "annotate", "copy_from", "delete", "publish"})
_LONG = {"drop.open": 20.0, "state.copy_from": 10.0}  # times the ordinary latency: whole files


class Killed(BaseException):
    """The instance is gone: nothing that catches errors sees it."""


@dataclass(slots=True)
class Call:
    """One call of an instance."""

    instance: "Instance"
    caller: greenlet
    name: str
    target: Callable[[], Any]
    about: str
    come: float = 0
    refused: int = 0

    def __str__(self) -> str:
        return f"{self.instance} {self.name} {self.about}"


class Calls:
    """Makes calls, and has faults befall them.

    Attributes:
        names: `port.method` of every call, in their order.
        callers: The function that made each.
    """

    def __init__(
        self, hub: Hub, fate: Fate, stream: Random, trace: Trace, latency: float, limits: Limits | None = None
    ) -> None:
        self.names: list[str] = []
        self.callers: list[str] = []
        self._hub = hub
        self._fate = fate
        self._stream = stream
        self._trace = trace
        self._latency = latency
        self._limits = limits

    def make(self, instance: "Instance", name: str, target: Callable[[], Any], about: object, lasting: float) -> Any:
        """Called in an instance's greenlet: make a call, and come back with its answer or its error.

        Args:
            instance: Who calls.
            name: `port.method`.
            target: What the call does.
            about: Its first argument.
            lasting: How long it takes at least, in seconds.
        """
        if instance.is_dead:
            raise Killed
        latency = self._drawn(_LONG.get(name, 1))
        call = Call(instance, getcurrent(), name, target, shown(about))
        self._hub.at(lasting + latency, partial(self._come, call))
        return self._hub.wait()

    def _come(self, call: Call) -> None:
        self.names.append(call.name)
        self.callers.append(call.instance.function)
        call.come = self._hub.time
        kind = self._fate.decide(len(self.names), self._hub.time, call.name.partition(".")[0])
        if kind:
            self._trace.add(f"{call}: {kind.upper()} at call {len(self.names)}")
            getattr(self, f"_{kind}")(call)
        else:
            self._go_on(call)

    def _go_on(self, call: Call) -> None:
        answer, error = self._perform(call)
        if isinstance(error, Beyond):
            pause = error.pause(call.refused, self._hub.time - call.come, self._stream)
            if pause is not None:
                call.refused += 1
                self._hub.at(pause, partial(self._go_on, call))
                return
        further = self._limits.pages(call.name, answer) - 1 if self._limits and error is None else 0
        if further:
            lasting = sum(self._drawn() for _ in range(further))
            self._hub.at(lasting, partial(self._resume, call, answer))
        else:
            self._resume(call, answer, error)

    def _drawn(self, times: float = 1) -> float:
        """How long a call takes that takes so many times as long as others."""
        return 0.002 + self._stream.expovariate(1 / (self._latency * times))

    def _perform(self, call: Call) -> tuple[Any, Exception | None]:
        try:
            answer = call.target()
        except Exception as error:  # noqa: BLE001 - who called must see to it
            self._trace.add(f"{call}: {type(error).__name__}")
            return None, error
        if isinstance(answer, Iterator) and not isinstance(answer, io.IOBase):
            answer = iter(list(answer))  # it must not see what comes later
        self._trace.add(f"{call}")
        return answer, None

    def _resume(self, call: Call, answer: object, error: BaseException | None = None) -> None:
        bootstrap.use(call.instance)
        if error:
            call.caller.throw(error)
        else:
            call.caller.switch(answer)

    def _note(self, call: Call, kind: str, lasting: float = 0) -> None:
        now, delivery = self._hub.time, call.instance.delivery
        fired = Fired(now, now + lasting, kind, call.name, call.instance.function, delivery.message.about)
        self._fate.fired.append(fired)

    # The faults, by their kinds

    def _before(self, call: Call) -> None:
        self._note(call, "before")
        self._kill(call)

    def _after(self, call: Call) -> None:
        self._note(call, "after")
        self._perform(call)
        self._kill(call)

    def _kill(self, call: Call) -> None:
        call.instance.is_dead = True
        self._resume(call, None, Killed())

    def _error(self, call: Call) -> None:
        self._note(call, "error")
        self._resume(call, None, Unavailable(f"{call.name} was not answered"))

    def _lost(self, call: Call) -> None:
        self._note(call, "lost")
        self._perform(call)
        if call.name.rpartition(".")[2] in _ASKED_AGAIN:
            self._hub.at(self._fate.span(ASKED_AGAIN), partial(self._go_on, call))
        else:
            self._resume(call, None, Unavailable(f"the answer to {call.name} was lost"))

    def _zombie(self, call: Call) -> None:
        frozen = self._fate.span(FREEZES)
        self._note(call, "zombie", frozen)
        call.instance.delivery.end(acknowledged=False)
        self._hub.at(frozen, partial(self._go_on, call))

    def _slow(self, call: Call) -> None:
        dragged = self._fate.span(DRAGS)
        self._note(call, "slow", dragged)
        self._hub.at(dragged, partial(self._go_on, call))
