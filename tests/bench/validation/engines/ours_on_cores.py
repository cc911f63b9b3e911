"""Dropforge with a process for each core of this machine."""

from pathlib import Path

from dropforge.adapters.directory import Directory
from dropforge.adapters.processes import processes
from dropforge.examine import Examiner
from dropforge.settings import operator
from validation.engines.ours import named
from validation.folder import Place


def check(folder: Path) -> set[Place]:
    """Examine a folder of this machine."""
    with processes() as inspection:
        return named(Examiner(Directory(folder), operator(), inspection), "")
