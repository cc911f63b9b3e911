"""A module of `dropforge` with pieces of its text replaced, under its real name: a bug, planted."""

import importlib.abc
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Replacement(NamedTuple):
    """A piece of the text of a module below `dropforge`, which stands there once, and what it is replaced by."""

    module: str
    old: str
    new: str

    @property
    def is_stale(self) -> bool:
        """Whether it does not stand there once any more: what it was about has changed."""
        return path_of(self.module).read_text("utf-8").count(self.old) != 1


def path_of(module: str) -> Path:
    """Where a module below `dropforge` lies."""
    found = importlib.util.find_spec("dropforge")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0], *module.split(".")).with_suffix(".py")


class Planted(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Finds one module, and reads it with its text replaced. For `sys.meta_path`, before the module is imported."""

    def __init__(self, module: str, replacements: Mapping[str, str]) -> None:
        self._module = f"dropforge.{module}"
        self._path = path_of(module)
        self._replacements = replacements

    def find_spec(self, fullname, path, target=None):
        """See `MetaPathFinder`."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._path))

    def get_filename(self, fullname):
        """See `SourceLoader`; no byte code lies where this says."""
        return f"{self._path}.mutant"

    def get_data(self, path):
        """See `SourceLoader`."""
        text = self._path.read_text("utf-8")
        for old, new in self._replacements.items():
            text = text.replace(old, new)
        return text.encode()
