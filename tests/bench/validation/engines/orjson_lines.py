"""Line by line with orjson, the strictest of the parsers."""

from pathlib import Path

import orjson

from validation.engines.lines import fields, named
from validation.folder import Place


def check(folder: Path) -> set[Place]:
    """Check both kinds of files."""
    return named(folder, lambda line: fields(orjson.loads(line)))
