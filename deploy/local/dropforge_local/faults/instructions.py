"""What a server can be told to do wrong, as text and as values."""

import math
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from dropforge_local.faults.refusals import HTTP_OF, MESSAGE


class BadInstruction(ValueError):
    """An instruction that means nothing, or nothing to its method; the message says what would."""


class Form(Enum):
    """How an instruction is written; what each does is told in the package's docstring."""

    RETURN = "return-NNN"
    RETURN_CODE = "return-CODE"
    RETURN_AFTER_COMMIT = "return-NNN-after-commit"
    RETURN_RETRY_AFTER = "return-NNN-retry-after-Ns"
    RETURN_AFTER_BYTES = "return-NNN-after-NK"
    RESET = "return-reset-connection"
    RESET_AFTER_COMMIT = "return-reset-connection-after-commit"
    BREAK = "return-broken-stream"
    BREAK_AFTER_BYTES = "return-broken-stream-after-NK"
    BREAK_FINAL_CHUNK = "return-broken-stream-final-chunk-after-NB"
    STALL = "stall-for-Ns-after-NK"
    DELAY = "delay-for-Ns"
    DUPLICATE = "duplicate"
    DROP = "drop"
    FAIL = "fail-CODE"
    PAUSE = "pause"
    PAUSE_FOR = "pause-for-Ns"
    SAME_VECTORS = "same-vectors"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the texts of this form."""
        return re.compile(re.sub("NNN|N[sKB]|CODE", lambda blank: _BLANKS[blank[0]], self.value))


_BLANKS = {
    "NNN": r"(?P<status>[45]\d\d)",
    "Ns": r"(?P<seconds>\d{1,6}(?:\.\d{1,6})?)s",
    "NK": r"(?P<kibibytes>\d{1,9})K",
    "NB": r"(?P<bytes>\d{1,12})B",
    "CODE": f"(?P<code>{'|'.join(HTTP_OF)})",
}
_WRITTEN = re.compile(r"(?P<text>[^\s:]+)(?: x(?P<count>[1-9]\d{0,8}|\*))?(?:: (?P<message>.+))?", re.DOTALL)
_WITH_MESSAGE = frozenset({Form.RETURN_CODE, Form.FAIL})

CALL = frozenset(
    {Form.RETURN, Form.RETURN_AFTER_COMMIT, Form.RESET, Form.RESET_AFTER_COMMIT, Form.DELAY, Form.DUPLICATE}
)
"""What can happen to a call, over whatever wire it comes."""
REQUEST = CALL | {Form.RETURN_RETRY_AFTER, Form.BREAK, Form.BREAK_AFTER_BYTES, Form.STALL}
"""What can happen to an HTTP request."""
UPLOAD = REQUEST | {Form.RETURN_AFTER_BYTES, Form.BREAK_FINAL_CHUNK}
"""What can happen to an HTTP request that brings an object."""
STREAM = frozenset({Form.RETURN, Form.RESET, Form.BREAK, Form.DELAY})
"""What can happen to a stream of answers: it does not open, or ends after the first of them that brings something."""
DELIVERY = frozenset({Form.RETURN, Form.RETURN_AFTER_COMMIT, Form.RESET, Form.DELAY, Form.DUPLICATE, Form.DROP})
"""What can happen to what a server sends to a function."""
TICK = frozenset({Form.DELAY, Form.DUPLICATE, Form.DROP})
"""What can happen to the tick of a schedule."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of an object that a request brings: from `start` to before `end`, of `total` where the client says it."""

    start: float
    end: float
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing that is to go wrong, `count` times (infinity: until it is called off).

    `status` is an HTTP status; `size` is in bytes. Both, and `seconds`, are 0 where the form has none, and `code` is empty.
    `message` is what goes with a code.
    """

    text: str
    form: Form
    count: float
    status: int = 0
    seconds: float = 0.0
    size: int = 0
    code: str = ""
    message: str = MESSAGE

    @classmethod
    def parse(cls, text: str, possible: AbstractSet[Form]) -> "Instruction":
        """Read an instruction, with its count and its message if it has them.

        Raises:
            BadInstruction: it has none of the forms that are possible here.
        """
        if written := _WRITTEN.fullmatch(text):
            for form in possible if written["message"] is None else possible & _WITH_MESSAGE:
                if match := form.pattern.fullmatch(written["text"]):
                    found = match.groupdict()
                    code = found.get("code") or ""
                    return cls(
                        written["text"],
                        form,
                        math.inf if written["count"] == "*" else int(written["count"] or 1),
                        int(found.get("status") or HTTP_OF.get(code, 0)),
                        float(found.get("seconds") or 0),
                        int(found.get("kibibytes") or 0) * 1024 + int(found.get("bytes") or 0),
                        code,
                        written["message"] or MESSAGE,
                    )
        forms = ", ".join(form.value for form in Form if form in possible)
        codes = (
            f" CODE is one of {', '.join(sorted(HTTP_OF))}, and ': MESSAGE' may follow."
            if possible & _WITH_MESSAGE
            else ""
        )
        raise BadInstruction(
            f"{text!r} cannot be done here; these can: {forms}. NNN is 400 to 599; a count may follow, as in 'return-503 x20' or 'x*'.{codes}"
        )

    def written(self, left: float) -> str:
        """The instruction as it would be asked for, with the count that is left of it."""
        count = {1: "", math.inf: " x*"}.get(left, f" x{left:.0f}")
        return f"{self.text}{count}" + ("" if self.message == MESSAGE else f": {self.message}")

    def fits(self, span: Span | None) -> bool:
        """Whether a request can meet this: one "after N bytes" needs an upload that brings the byte after them."""
        match self.form:
            case Form.RETURN_AFTER_BYTES:
                return span is not None and span.start <= self.size < span.end
            case Form.BREAK_FINAL_CHUNK:
                return span is not None and span.end == span.total and self.size < span.end - span.start
            case _:
                return True
