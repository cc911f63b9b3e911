"""A message in Block Kit, within Slack's limits whatever its texts are.

Limits are Slack's (Block Kit reference): header 150 characters, section 3,000, 50 blocks; a message of more than
about 13,200 characters in all fails, so it stays under 10,000. `&`, `<` and `>` are escaped in whatever is not ours, and
`verbatim` keeps Slack from making links of what looks like one: no text of a dataset pings a channel or forges a link.
"""

import re
from collections.abc import Sequence
from typing import Any

from dropforge.domain.message import Message, Tone

_HEADER, _SECTION, _ALL = 150, 2_900, 9_000
_MARKS = {Tone.GOOD: ":white_check_mark:", Tone.NEUTRAL: ":small_blue_diamond:", Tone.BAD: ":x:"}
_HALF_ESCAPE = re.compile("&[a-z]*$")
_WIDTH = 20  # characters of the longest bar


def blocks_of(message: Message) -> list[dict[str, Any]]:
    """The message's blocks."""
    left = _ALL
    blocks: list[dict[str, Any]] = []

    def section(text: str) -> None:
        nonlocal left
        room = min(_SECTION, left)
        cut = text if len(text) <= room else _HALF_ESCAPE.sub("", text[: max(room - 1, 0)]) + "…"
        if len(cut) > 1:
            left -= len(cut)
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": cut, "verbatim": True}})

    section(f"{_MARKS[message.tone]} *{escaped(message.headline[:_HEADER])}*")
    if message.bars:
        section(_chart(message.bars))
    if message.facts:
        section("\n".join(f"*{escaped(label)}:* {escaped(value)}" for label, value in message.facts))
    if message.details:
        section("\n".join(f"• {escaped(detail)}" for detail in message.details))
    if message.next_step:
        section(f"_Next:_ {escaped(message.next_step)}")
    if message.links:
        section("  ".join(f"<{address}|{label}>" for label, address in message.links))
    return blocks


def escaped(text: str) -> str:
    """What Slack's documentation asks for: exactly these three; no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _chart(bars: Sequence[tuple[str, float]]) -> str:
    """Bars of text, a line each; a whole bar is 1, or the largest figure where one is larger."""
    widest = max(len(label) for label, _ in bars)
    whole = max(1.0, *(figure for _, figure in bars))
    lines = (
        f"{label:<{widest}} {'▇' * round(_WIDTH * max(figure, 0) / whole):<{_WIDTH}} {figure:.3f}"
        for label, figure in bars
    )
    return "```\n" + escaped("\n".join(lines)) + "\n```"
