"""The conditions under which a request may go ahead.

Source: "Request preconditions", Cloud Storage documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from dropforge_local.storage.errors import Invalid, NotModified, PreconditionFailed


class Versioned(Protocol):
    """Anything that a condition can be checked against."""

    @property
    def generation(self) -> int:
        """Which content."""

    @property
    def metageneration(self) -> int:
        """Which metadata of that content; starts at 1."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Generations and metagenerations that the existing object must (not) have; generation 0 is "there is none"."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def parse(cls, values: Mapping[str, object], prefix: str = "if") -> Self:
        """Read `ifGenerationMatch` and its three siblings (`ifSourceGenerationMatch`... with prefix `ifSource`).

        Raises:
            Invalid: a value is no whole number.
        """
        return cls(
            generation_match=whole_number(values, f"{prefix}GenerationMatch"),
            generation_not_match=whole_number(values, f"{prefix}GenerationNotMatch"),
            metageneration_match=whole_number(values, f"{prefix}MetagenerationMatch"),
            # Google's Python client spells it with a capital G when it uploads.
            metageneration_not_match=whole_number(
                values, f"{prefix}MetagenerationNotMatch", f"{prefix}MetaGenerationNotMatch"
            ),
        )

    def check(self, existing: Versioned | None) -> None:
        """Return if all conditions hold for what exists.

        Raises:
            PreconditionFailed: at least one does not.
        """
        if not (self._matches(existing) and self._differs(existing)):
            raise PreconditionFailed("At least one of the pre-conditions you specified did not hold.")

    def check_read(self, existing: Versioned) -> None:
        """As `check`, for a read: what the reader has already is not an error but "not modified".

        Raises:
            PreconditionFailed: a `...Match` does not hold.
            NotModified: a `...NotMatch` does not hold.
        """
        if not self._matches(existing):
            raise PreconditionFailed("At least one of the pre-conditions you specified did not hold.")
        if not self._differs(existing):
            raise NotModified("What you have is current.")

    def _matches(self, existing: Versioned | None) -> bool:
        generation, metageneration = _versions(existing)
        return self.generation_match in {None, generation} and (
            self.metageneration_match is None or self.metageneration_match == metageneration
        )

    def _differs(self, existing: Versioned | None) -> bool:
        generation, metageneration = _versions(existing)
        return self.generation_not_match != generation and (
            self.metageneration_not_match is None or self.metageneration_not_match != metageneration
        )


def _versions(existing: Versioned | None) -> tuple[int, int | None]:
    return (existing.generation, existing.metageneration) if existing else (0, None)


def whole_number(values: Mapping[str, object], *names: str) -> int | None:
    """The value of the first of these names that is given, as text or as a number; None if none is.

    Raises:
        Invalid: it is no whole number, is negative, or needs more than 63 bits.
    """
    name = next((name for name in names if values.get(name) is not None), None)
    if name is None:
        return None
    text = str(values[name])
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 2**63):
        raise Invalid(f"Invalid value for {name}: {text!r} is no whole number.")
    return int(text)
