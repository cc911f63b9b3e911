"""A message to people: what it holds, whoever delivers it.

Text of a dataset or of a service stands in values and details only, never in a headline or a link: it is hostile.
"""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a message should feel."""

    GOOD = "good"
    NEUTRAL = "neutral"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to people.

    Attributes:
        id: The event's id.
        headline: One line; plain text.
        tone: How it should feel.
        facts: Label and value, in order of interest.
        details: Further lines, such as findings.
        next_step: What to do now; empty where nothing is to be done.
        links: Label and address, ours.
        bars: Label and figure, to be compared at a glance.
        kind: What the operator's file calls the event.
        dataset: The dataset's name; of a folder whose name cannot be one, its path.
        run: The run that it continues the story of; empty where it stands alone.
    """

    id: str
    headline: str
    tone: Tone
    facts: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()
    next_step: str = ""
    links: tuple[tuple[str, str], ...] = ()
    bars: tuple[tuple[str, float], ...] = ()
    kind: str = ""
    dataset: str = ""
    run: str = ""
