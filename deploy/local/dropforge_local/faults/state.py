"""Which faults were asked for, and which have fired: no more than that, and no wire."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal
from uuid import uuid4

import msgspec

from dropforge_local.faults.instructions import CALL, BadInstruction, Form, Instruction, Span


class UnknownTest(KeyError):
    """No test has this id."""

    def __str__(self) -> str:
        return f"There is no retry test {self.args[0]!r}: it was deleted, or the server was started again since."


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a test asks for. `transport` is the testbench's, and has no effect here."""

    instructions: dict[str, list[str]]
    transport: Literal["HTTP"] = "HTTP"
    everyone: bool = False
    only: Literal["conditional"] | None = None
    once_per: Literal["invocation"] | None = None
    of: str = "*"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as far as faults care, or something that a server does by itself.

    `test` is the id it names, `invocation` what a client repeats when it retries, `conditional` whether it carries a
    precondition, `span` what it uploads, `resource` the id of what it is about.
    """

    method: str
    test: str | None = None
    invocation: str | None = None
    conditional: bool = False
    span: Span | None = None
    resource: str = ""


class Memory(msgspec.Struct, frozen=True):
    """A test as a server that keeps its tests writes it down: `wanted` is what is left of it."""

    wanted: Wanted
    fired: dict[str, int]
    hit: list[tuple[str, str]]


@dataclass(slots=True)
class _Pending:
    instruction: Instruction
    left: float

    def text(self) -> str:
        return self.instruction.written(self.left)


class Test:
    """One test: what it still has to do, by method, and what it has done."""

    __test__ = False  # pytest would take it for one of its own

    def __init__(self, identity: str, wanted: Wanted, instructions: Mapping[str, Iterable[Instruction]]) -> None:
        self.id = identity
        self.wanted = wanted
        self._pending = {
            method: deque(_Pending(one, one.count) for one in planned) for method, planned in instructions.items()
        }
        self._fired: Counter[str] = Counter()
        self._hit: set[tuple[str, str]] = set()

    def take(self, call: Call) -> Instruction | None:
        """Use up the next instruction of a call's method, if the call is one of those it is meant for."""
        pending = self._pending.get(call.method)
        if not pending or not pending[0].instruction.fits(call.span):
            return None
        if self.wanted.only and not call.conditional:
            return None
        if not fnmatchcase(call.resource, self.wanted.of):
            return None
        if self.wanted.once_per and call.invocation:
            if (call.method, call.invocation) in self._hit:
                return None
            self._hit.add((call.method, call.invocation))
        self._fired[call.method] += 1
        pending[0].left -= 1
        return pending[0].instruction if pending[0].left else pending.popleft().instruction

    def resource(self) -> dict[str, Any]:
        """The test as JSON; `left` is a number, or `*` for "until deleted"."""
        left = {method: sum(one.left for one in pending) for method, pending in self._pending.items()}
        return {
            "id": self.id,
            "instructions": self._instructions(),
            "completed": not any(left.values()),
            "transport": self.wanted.transport,
            "fired": {method: self._fired[method] for method in self._pending},
            "left": {method: "*" if count == math.inf else int(count) for method, count in left.items()},
        }

    def memory(self) -> Memory:
        """What to keep of it."""
        wanted = msgspec.structs.replace(self.wanted, instructions=self._instructions())
        return Memory(wanted, dict(self._fired), list(self._hit))

    def remember(self, memory: Memory) -> None:
        """Go on where the kept test left off."""
        self._fired.update(memory.fired)
        self._hit.update(memory.hit)

    def _instructions(self) -> dict[str, list[str]]:
        return {method: [one.text() for one in pending] for method, pending in self._pending.items()}


class Faults:
    """The tests of one server. If a call fits two, the older one gets it."""

    def __init__(
        self,
        methods: Mapping[str, AbstractSet[Form]],
        *,
        knows_conditions: bool = False,
        knows_resources: bool = False,
        kept: MutableMapping[str, bytes] | None = None,
    ) -> None:
        """Nothing is asked for but what was kept.

        Args:
            methods: What can go wrong, by method.
            knows_conditions: Whether requests may carry preconditions here.
            knows_resources: Whether calls say here what they are about.
            kept: Where tests are written down by their ids, at each change; without it they end with the process.
        """
        self._methods = methods
        self._knows_conditions = knows_conditions
        self._knows_resources = knows_resources
        self._kept = kept
        self._tests: dict[str, Test] = {}
        self._of_calls: set[str] = set()  # of tests, by their ids
        for identity, written in (kept or {}).items():
            memory = msgspec.json.decode(written, type=Memory)
            self._test(identity, memory.wanted).remember(memory)

    def __bool__(self) -> bool:
        """Whether anything is asked for of calls: without it, nobody need look at a request."""
        return bool(self._of_calls)

    def __iter__(self) -> Iterator[Test]:
        return iter(self._tests.values())

    def __getitem__(self, test: str) -> Test:
        try:
            return self._tests[test]
        except KeyError:
            raise UnknownTest(test) from None

    def add(self, wanted: Wanted) -> Test:
        """Ask for faults.

        Raises:
            BadInstruction: there is no such method, it cannot fail like that, or no request here has conditions or says
                what it is about.
        """
        if wanted.only and not self._knows_conditions:
            raise BadInstruction("No request to this server carries a precondition: ask without `only`.")
        if wanted.of != "*" and not self._knows_resources:
            raise BadInstruction("No request to this server says what it is about: ask without `of`.")
        test = self._test(uuid4().hex, wanted)
        self._keep(test)
        return test

    def delete(self, test: str) -> None:
        """Nothing of a test fires any more.

        Raises:
            UnknownTest: there is no test of that id.
        """
        del self._tests[self[test].id]
        self._of_calls.discard(test)
        if self._kept is not None:
            del self._kept[test]

    def take(self, call: Call) -> Instruction | None:
        """What is to go wrong with a call; it is counted as having fired.

        Raises:
            UnknownTest: the call names a test that does not exist.
        """
        if call.test is not None:
            return self._first(call, [self[call.test]])
        return self._first(call, (test for test in self._tests.values() if test.wanted.everyone))

    def take_delivery(self, method: str, resource: str = "") -> Instruction | None:
        """What is to go wrong with something that the server does by itself; it is counted as having fired."""
        return self._first(Call(method, resource=resource), self._tests.values())

    def _first(self, call: Call, tests: Iterable[Test]) -> Instruction | None:
        for test in tests:
            if taken := test.take(call):
                self._keep(test)
                return taken
        return None

    def _test(self, identity: str, wanted: Wanted) -> Test:
        instructions = {method: self._parsed(method, texts) for method, texts in wanted.instructions.items()}
        test = self._tests[identity] = Test(identity, wanted, instructions)
        if any(self._methods[method] >= CALL for method in instructions):
            self._of_calls.add(identity)
        return test

    def _keep(self, test: Test) -> None:
        if self._kept is not None:
            self._kept[test.id] = msgspec.json.encode(test.memory())

    def _parsed(self, method: str, texts: Iterable[str]) -> list[Instruction]:
        if method not in self._methods:
            raise BadInstruction(
                f"{method!r} is no method of this server; these are: {', '.join(sorted(self._methods))}."
            )
        return [Instruction.parse(text, self._methods[method]) for text in texts]
