"""Line by line with msgspec, which checks the types as it parses."""

from pathlib import Path
from typing import Annotated

import msgspec

from validation.engines.lines import named
from validation.folder import Place


class _Record(msgspec.Struct, gc=False):
    identity: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="_id")
    text: str
    title: str = ""


_decode = msgspec.json.Decoder(_Record).decode


def check(folder: Path) -> set[Place]:
    """Check both kinds of files."""
    return named(folder, _parsed)


def _parsed(line: bytes) -> tuple[str, str]:
    try:
        record = _decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError from error
    return record.identity, record.text
