"""Documents whose tables are written by programs, between marks that name them."""

from collections.abc import Sequence
from pathlib import Path

_BEGIN, _END = "<!-- begin: {} -->\n", "<!-- end: {} -->\n"


def between(text: str, name: str) -> str:
    """What stands between a document's marks of this name; nothing where it has none."""
    return text.partition(_BEGIN.format(name))[2].partition(_END.format(name))[0]


def write(document: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between a document's marks of this name."""
    text = document.read_text("utf-8")
    before, found, rest = text.partition(_BEGIN.format(name))
    _, closed, after = rest.partition(_END.format(name))
    if not (found and closed):
        raise SystemExit(f"{document} has no lines {_BEGIN.format(name).strip()} and {_END.format(name).strip()}")
    table = "\n".join(lines)
    document.write_text(f"{before}{found}\n{table}\n\n{closed}{after}", "utf-8")
