"""Line by line with pydantic in strict mode, which checks the types as it parses. It takes NaN."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from validation.engines.lines import named
from validation.folder import Place


class _Record(BaseModel):
    model_config = ConfigDict(strict=True)

    identity: str = Field(alias="_id", min_length=1)
    text: str
    title: str = ""


def check(folder: Path) -> set[Place]:
    """Check both kinds of files."""
    return named(folder, _parsed)


def _parsed(line: bytes) -> tuple[str, str]:
    record = _Record.model_validate_json(line)
    return record.identity, record.text
