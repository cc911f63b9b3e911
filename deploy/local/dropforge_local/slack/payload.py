"""What Slack accepts as a message, and in which words it refuses the rest.

Sources: docs.slack.dev, "Sending messages using incoming webhooks" (errors), "Block Kit" reference (limits). The limit on
all blocks together is not documented; it was found by users (github.com/slackapi/bolt-js, threads 2509 and 2867).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

_BLOCKS = 50
_ATTACHMENTS = 100
_CHARACTERS_IN_ALL = 13_200
_CHARACTERS_KEPT = 40_000


class Refused(Exception):
    """Slack would refuse this message.

    `status` and `reason` are Slack's whole answer; `detail` is for the log, because Slack's answer names no place.
    """

    def __init__(self, reason: str, detail: str, *, status: int = 400) -> None:
        super().__init__(f"{reason}: {detail}")
        self.status = status
        self.reason = reason


def read(body: bytes) -> dict[str, Any]:
    """Parse and check a message.

    Raises:
        Refused: Slack would not take it.
    """
    try:
        payload = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Refused("invalid_payload", str(error)) from error
    if not isinstance(payload, dict):
        raise Refused("invalid_payload", "not a JSON object")
    _check(payload)
    return payload


def plain_text(payload: Mapping[str, Any]) -> str:
    """What a notification would show: the message's text, or else all text in its blocks, a line each."""
    text = payload.get("text") or "\n".join(_texts(payload.get("blocks", [])))
    return str(text)[:_CHARACTERS_KEPT]


def _check(payload: Mapping[str, Any]) -> None:
    text, blocks, attachments = (payload.get(name) for name in ("text", "blocks", "attachments"))
    if text is not None and not isinstance(text, str):
        raise Refused("invalid_payload", "text is not a string")
    if isinstance(attachments, list) and len(attachments) > _ATTACHMENTS:
        raise Refused("too_many_attachments", f"{len(attachments)} of at most {_ATTACHMENTS}")
    if blocks:
        _check_blocks(blocks)
    elif not text and not attachments:
        raise Refused("no_text", "neither text nor blocks")


def _check_blocks(blocks: object) -> None:
    for number, block in enumerate(_sized(blocks, "blocks", most=_BLOCKS)):
        place = f"blocks/{number}"
        _require(isinstance(block, dict), place, "not an object")
        kind = block.get("type")
        _require(kind in _BLOCK_CHECKS, place, f"unknown type {kind!r}")
        if "block_id" in block:
            _check_string(block["block_id"], f"{place}/block_id", most=255)
        _BLOCK_CHECKS[kind](block, place)
    if (size := sum(map(len, _texts(blocks)))) > _CHARACTERS_IN_ALL:
        raise Refused("msg_blocks_too_long", f"{size} characters of at most about {_CHARACTERS_IN_ALL}")


def _section(block: dict[str, Any], place: str) -> None:
    _require("text" in block or "fields" in block, place, "needs text or fields")
    if "text" in block:
        _check_text(block["text"], f"{place}/text", most=3_000)
    if "fields" in block:
        for number, one in enumerate(_sized(block["fields"], f"{place}/fields", most=10)):
            _check_text(one, f"{place}/fields/{number}", most=2_000)


def _header(block: dict[str, Any], place: str) -> None:
    _check_text(block.get("text"), f"{place}/text", most=150, kinds=("plain_text",))


def _context(block: dict[str, Any], place: str) -> None:
    for number, element in enumerate(_sized(block.get("elements"), f"{place}/elements", most=10)):
        where = f"{place}/elements/{number}"
        if isinstance(element, dict) and element.get("type") == "image":
            _image(element, where)
        else:
            _check_text(element, where, most=3_000)


def _actions(block: dict[str, Any], place: str) -> None:
    _sized(block.get("elements"), f"{place}/elements", most=25)


def _image(block: dict[str, Any], place: str) -> None:
    _require("image_url" in block or "slack_file" in block, place, "needs image_url or slack_file")
    _check_string(block.get("alt_text"), f"{place}/alt_text", most=2_000)
    if "image_url" in block:
        _check_string(block["image_url"], f"{place}/image_url", most=3_000)


def _markdown(block: dict[str, Any], place: str) -> None:
    _check_string(block.get("text"), f"{place}/text", most=12_000)


def _unchecked(_block: dict[str, Any], _place: str) -> None:
    """Take the block as it is: Dropforge sends none of this kind, so only its type is known here."""


_BLOCK_CHECKS: dict[object, Callable[[dict[str, Any], str], None]] = {
    "actions": _actions,
    "context": _context,
    "divider": _unchecked,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "section": _section,
    **dict.fromkeys(
        ("context_actions", "file", "input", "plan", "rich_text", "table", "task_card", "video"), _unchecked
    ),
}


def _check_text(value: object, place: str, *, most: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")) -> None:
    _require(isinstance(value, dict), place, "not a text object")
    kind = value.get("type")  # type: ignore[attr-defined]  # checked on the line above
    _require(kind in kinds, place, f"type {kind!r} is not one of {', '.join(kinds)}")
    _check_string(value.get("text"), f"{place}/text", most=most)  # type: ignore[attr-defined]  # as above


def _check_string(value: object, place: str, *, most: int) -> None:
    if not isinstance(value, str):
        raise Refused("invalid_blocks", f"{place}: not a string")
    _require(1 <= len(value) <= most, place, f"{len(value)} characters, allowed are 1 to {most}")


def _sized(value: object, place: str, *, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise Refused("invalid_blocks", f"{place}: not a list")
    _require(1 <= len(value) <= most, place, f"{len(value)} items, allowed are 1 to {most}")
    return value


def _require(condition: bool, place: str, detail: str) -> None:  # noqa: FBT001 - it is what is required
    if not condition:
        raise Refused("invalid_blocks", f"{place}: {detail}")


def _texts(value: object) -> Iterator[str]:
    """Every string under a key `text`, in order."""
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "text" and isinstance(one, str):
                yield one
            else:
                yield from _texts(one)
