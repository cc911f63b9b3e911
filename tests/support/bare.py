"""A Python that has what a function's requirements name, and nothing else: what a virtual environment made of them has.

The distributions are those of this environment, by the lists of files that their installer left; they are linked, so
that nothing is downloaded. Neither this project nor what else is installed here can be imported.
"""

import sys
from collections import defaultdict
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_START = """
import runpy, site, sys
site.addsitedir(sys.argv.pop(1))
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
_EVALUATE = """
import site, sys
site.addsitedir(sys.argv.pop(1))
exec(sys.argv.pop(1))
"""


class Bare:
    """That Python."""

    def __init__(self, requirements: Path, folder: Path) -> None:
        """Link what `requirements.txt` names into an empty folder; fails where it is not what is installed here."""
        self._site = folder
        self._names: list[str] = []
        for requirement in map(Requirement, requirements.read_text().splitlines()):
            if requirement.marker is None or requirement.marker.evaluate():
                name = canonicalize_name(requirement.name)
                assert requirement.specifier.contains(_installed()[name].version), f"another {requirement} is installed"
                _link(name, folder)
                self._names.append(name)

    def size(self) -> int:
        """Bytes of what is linked, without the bytecode that an interpreter makes of it."""
        files = [(_installed()[name], file) for name in self._names for file in _files(_installed()[name])]
        return sum(Path(str(of.locate_file(file))).stat().st_size for of, file in files if not file.endswith(".pyc"))

    def module(self, name: str, *arguments: str) -> list[str]:
        """The command that runs a module, as `python -m` would."""
        return [sys.executable, "-I", "-S", "-c", _START, str(self._site), name, *arguments]

    def program(self, text: str, *arguments: str) -> list[str]:
        """The command that runs a program, as `python -c` would."""
        return [sys.executable, "-I", "-S", "-c", _EVALUATE, str(self._site), text, *arguments]


class Made:
    """The same, as a virtual environment that pip made."""

    def __init__(self, python: Path) -> None:
        self._python = str(python)

    def module(self, name: str, *arguments: str) -> list[str]:
        """See `Bare.module`."""
        return [self._python, "-I", "-m", name, *arguments]

    def program(self, text: str, *arguments: str) -> list[str]:
        """See `Bare.program`."""
        return [self._python, "-I", "-c", text, *arguments]


@cache
def _installed() -> dict[str, Distribution]:
    return {canonicalize_name(each.name): each for each in distributions()}


@cache
def _owners() -> dict[str, set[str]]:
    """Which distributions have files below a folder: one of several must not be linked as a whole."""
    owners = defaultdict(set)
    for name, each in _installed().items():
        for folder in {file.rpartition("/")[0] for file in _files(each)}:
            for above in _with_those_above(folder):
                owners[above].add(name)
    return owners


def _link(name: str, site: Path) -> None:
    distribution, own, linked = _installed()[name], {name}, set[str]()
    for file in _files(distribution):
        place = next((each for each in _with_those_above(file) if _owners().get(each, own) == own), file)
        if place not in linked:
            linked.add(place)
            (site / place).parent.mkdir(parents=True, exist_ok=True)
            (site / place).symlink_to(Path(str(distribution.locate_file(place))))


def _files(distribution: Distribution) -> list[str]:
    """As installed; commands, which lie elsewhere, are left out."""
    return [name for name in map(str, distribution.files or ()) if not name.startswith("..")]


def _with_those_above(path: str) -> list[str]:
    """A path and the folders that it lies in, the topmost first."""
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
