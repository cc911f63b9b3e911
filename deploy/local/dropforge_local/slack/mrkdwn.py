"""Slack's markup as safe HTML: whatever is not recognised is shown as text.

Source: docs.slack.dev, "Formatting message text". Slack escapes exactly `&`, `<` and `>`, so what stands between angle
brackets is always a control sequence.
"""

import re
from collections.abc import Callable
from html import escape

_TOKEN = re.compile(
    r"```\n?(?P<block>.+?)\n?```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<control>[^<>\n]+)>"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|(?<!\w)~(?P<struck>[^~\n]+)~(?!\w)"
    r"|:(?P<emoji>[a-z0-9_+-]+):",
    re.DOTALL,
)
_LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_EMOJI = {
    "arrows_counterclockwise": "🔄",
    "chart_with_upwards_trend": "📈",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",  # noqa: RUF001 - the sign itself
    "moneybag": "💰",
    "no_entry": "⛔",
    "rocket": "🚀",
    "rotating_light": "🚨",
    "small_blue_diamond": "🔹",
    "tada": "🎉",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}


def to_html(text: str) -> str:
    """Render `text`; every character of it is escaped, and links lead only to the web and to mail."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts += [plain(text[end : match.start()]), _RENDER[str(match.lastgroup)](match)]
        end = match.end()
    return "".join([*parts, plain(text[end:])])


def plain(text: str) -> str:
    """Text without markup, as HTML."""
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return escape(text)


def _control(match: re.Match[str]) -> str:
    target, _, label = match["control"].partition("|")
    if _LINK.match(target):
        return f'<a href="{plain(target)}" rel="noreferrer">{plain(label or target)}</a>'
    sign = target[:1].replace("!", "@")
    if sign and sign in "@#":
        return f'<span class="mention">{sign}{plain(label or target[1:])}</span>'
    return plain(match[0])


_RENDER: dict[str, Callable[[re.Match[str]], str]] = {
    "block": lambda match: f"<pre>{plain(match['block'])}</pre>",
    "code": lambda match: f"<code>{plain(match['code'])}</code>",
    "control": _control,
    "bold": lambda match: f"<b>{to_html(match['bold'])}</b>",
    "italic": lambda match: f"<i>{to_html(match['italic'])}</i>",
    "struck": lambda match: f"<s>{to_html(match['struck'])}</s>",
    "emoji": lambda match: _EMOJI.get(match["emoji"], match[0]),
}
