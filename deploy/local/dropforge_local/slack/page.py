"""A channel as one HTML page, without scripts."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote

from dropforge_local.slack.mrkdwn import plain, to_html
from dropforge_local.slack.state import WEBHOOKS, Message

_STYLE = """
* { box-sizing: border-box; }
body { display: grid; grid-template: auto 1fr / 220px 1fr; min-height: 100vh; margin: 0;
  font: 15px/1.47 system-ui, sans-serif; color: #1d1c1d; background: #fff; }
nav { grid-row: span 2; padding: 14px 8px; background: #4a154b; color: #fff; }
nav p { margin: 0 8px 14px; font-weight: 700; }
nav small { display: block; color: #cfc3cf; font-weight: 400; }
nav a { display: block; padding: 3px 8px; border-radius: 6px; color: #cfc3cf; text-decoration: none; overflow-wrap: anywhere; }
nav a[aria-current] { background: #1264a3; color: #fff; }
header { position: sticky; top: 0; padding: 12px 20px; border-bottom: 1px solid #ddd; background: #fff; }
header h1 { display: inline; margin: 0 12px 0 0; font-size: 18px; }
header p { display: inline; margin: 0; color: #616061; font-size: 13px; }
main { max-width: 780px; padding: 8px 20px 40px; }
article { display: grid; grid-template-columns: 36px minmax(0, 1fr); gap: 0 10px; padding: 8px 0; }
.face { grid-row: span 9; width: 36px; height: 36px; border-radius: 6px; background: #4a154b; color: #fff;
  text-align: center; font: 700 17px/36px system-ui, sans-serif; }
.who { font-weight: 700; }
.app { padding: 0 3px; border-radius: 2px; background: #e8e8e8; color: #616061; font-size: 10px; font-weight: 400; }
time { margin-left: 6px; color: #616061; font-size: 12px; font-weight: 400; }
h2 { margin: 4px 0; font-size: 18px; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 2px 0; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 16px; margin: 4px 0; }
.context { color: #616061; font-size: 13px; }
.thread { margin-top: 6px; padding-left: 12px; border-left: 3px solid #ddd; }
.thread > p { margin: 0; color: #1264a3; font-size: 13px; font-weight: 700; }
.thread .face { width: 24px; height: 24px; font-size: 12px; line-height: 24px; }
.thread article { grid-template-columns: 24px minmax(0, 1fr); padding: 5px 0; }
.mention { padding: 0 2px; border-radius: 3px; background: #e8f5fa; color: #1264a3; }
code, pre { border: 1px solid #ddd; border-radius: 3px; background: #f8f8f8; font: 12px/1.5 ui-monospace, monospace; }
code { padding: 1px 3px; color: #c01343; }
pre { margin: 4px 0; padding: 8px; white-space: pre-wrap; }
hr { border: 0; border-top: 1px solid #ddd; }
.empty { color: #616061; }
@media (max-width: 640px) { body { grid-template: auto auto 1fr / 1fr; } nav { grid-row: auto; } }
@media (prefers-color-scheme: dark) {
  body, header { color: #d1d2d3; background: #1a1d21; }
  nav { background: #19171d; }
  header, hr, code, pre, .thread { border-color: #3a3d42; }
  code, pre, .app { background: #222529; }
  header p, time, .context, .app, .empty { color: #ababad; }
  a, .mention, .thread > p { color: #5fb3e4; background: none; }
  nav a { color: #cfc3cf; }
  code { color: #e8912d; }
}
"""

# Nothing is loaded and no script runs; the one style sheet is allowed by its digest.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def workspace(messages: Sequence[Message], shown: str = "") -> str:
    """One channel as a page, with links to the others; it reloads every three seconds.

    Args:
        messages: Of every channel, the newest last.
        shown: The channel's name; without a message in it, the channel with the newest message is shown.
    """
    channels = sorted({message.channel for message in messages} or {WEBHOOKS})
    name = shown if shown in channels else messages[-1].channel if messages else WEBHOOKS
    links = "".join(
        f'<a href="?channel={escape(quote(each))}"{" aria-current=page" if each == name else ""}>{escape(each)}</a>'
        for each in channels
    )
    content = _channel([message for message in messages if message.channel == name])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)} (local Slack)</title>
<style>{_STYLE}</style>
</head>
<body>
<nav><p>Dropforge <small>on this machine</small></p>{links}</nav>
<header><h1>{escape(name)}</h1><p>What a Slack channel would show. Nothing here has left this machine.</p></header>
<main>
{content or '<p class="empty">No messages yet.</p>'}
</main>
</body>
</html>
"""


def _channel(messages: Sequence[Message]) -> str:
    """Messages in their order, each with its thread; a reply that is shown in the channel stands in both places."""
    answers: dict[str, list[Message]] = {}
    for message in messages:
        if message.thread:
            answers.setdefault(message.thread, []).append(message)
    kept = {message.ts for message in messages}
    return "\n".join(
        _article(message, "replied to a thread" * bool(message.thread), _thread(answers.get(message.ts, ())))
        for message in messages
        if message.is_in_channel or message.thread not in kept
    )


def _thread(answers: Sequence[Message]) -> str:
    if not answers:
        return ""
    count = f"{len(answers)} repl{'ies' if len(answers) > 1 else 'y'}"
    return f'<div class="thread"><p>{count}</p>{"".join(map(_answer, answers))}</div>'


def _answer(message: Message) -> str:
    return _article(message, "also sent to the channel" * message.is_in_channel)


def _article(message: Message, where: str, thread: str = "") -> str:
    payload = message.payload
    blocks = payload.get("blocks") or []
    content = "".join(map(_block, blocks)) if blocks else _text(message.text)
    sender = escape(str(payload.get("username") or "Dropforge"))
    clock = message.time[11:19]
    told = f'<div class="context">{where}</div>' if where else ""
    return (
        f'<article><div class="face" aria-hidden="true">{sender[:1]}</div>'
        f'<div class="who">{sender} <span class="app">APP</span>'
        f'<time datetime="{escape(message.time)}">{escape(clock)} UTC</time></div>'
        f"{told}<div>{content}</div>{thread}</article>"
    )


def _block(block: Mapping[str, Any]) -> str:
    match block:
        case {"type": "divider"}:
            return "<hr>"
        case {"type": "header", "text": {"text": str(text)}}:
            return f"<h2>{plain(text)}</h2>"
        case {"type": "section"}:
            return _text_object(block.get("text")) + _fields(block.get("fields", []))
        case {"type": "context", "elements": list(elements)}:
            return f'<div class="context">{"".join(map(_text_object, elements))}</div>'
        case {"type": "actions", "elements": list(elements)}:
            return f'<div class="context">{"".join(map(_button, elements))}</div>'
        case _:
            return f'<p class="context">[{escape(str(block["type"]))}]</p>'


def _fields(fields: list[Any]) -> str:
    return f'<div class="fields">{"".join(map(_text_object, fields))}</div>' if fields else ""


def _text_object(value: object) -> str:
    match value:
        case {"type": "plain_text", "text": str(text)}:
            return f'<div class="text">{plain(text)}</div>'
        case {"text": str(text)}:
            return _text(text)
        case {"alt_text": str(text)}:
            return f'<div class="text">[{plain(text)}]</div>'
        case _:
            return ""


def _text(text: str) -> str:
    return f'<div class="text">{to_html(text)}</div>'


def _button(element: object) -> str:
    match element:
        case {"text": {"text": str(label)}, "url": str(target)} if target.startswith(("http://", "https://")):
            return f'<a href="{escape(target)}" rel="noreferrer">{plain(label)}</a> '
        case {"text": {"text": str(label)}}:
            return f"[{plain(label)}] "
        case _:
            return ""
