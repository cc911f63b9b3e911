"""The distributions that imports need, with all that these need in turn, at the versions that the project pins.

Which distribution a module belongs to, and what that needs, is read from what is installed here. A function may run on
any Python that the project supports, on Linux: what any of them needs is included.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePath

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from staging.errors import StagingError

PINS = "requirements.txt"
_CODE = frozenset({".py", ".so"})
Machine = Mapping[str, str]  # what markers ask for
_MEND = "name it in pyproject.toml, run `make lock` and then `make lint`, which installs it"


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of the project's `requirements.txt`."""

    line: str
    requirement: Requirement

    def holds(self, machine: Machine) -> bool:
        """Whether it applies to a machine like this."""
        return self.requirement.marker is None or self.requirement.marker.evaluate({**machine})


class Installed:
    """What is installed here, as far as a checkout pins it."""

    def __init__(self, root: Path) -> None:
        """Look at what is there.

        Raises:
            StagingError: The checkout's pins cannot be read.
        """
        self._pins = _pins(root / PINS)
        self._targets = _targets(root / "pyproject.toml")
        self._here = {name: str(value) for name, value in default_environment().items()}
        self._distributions = {str(canonicalize_name(each.name)): each for each in distributions()}
        self._owners = {module: name for name, each in self._distributions.items() for module in _modules(each)}

    def needed(self, imports: Mapping[str, str]) -> tuple[str, ...]:
        """The pins that these imports need, in the order of their names.

        Args:
            imports: Dotted names, each with where it is imported.

        Raises:
            StagingError: One is in no distribution that is installed, or no pin fits what is installed.
        """
        asked = [(self._owner(dotted, where), "", where) for dotted, where in imports.items()]
        lines: dict[str, list[str]] = {}
        seen = set()
        while asked:
            name, extra, by = asked.pop()
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            lines[name] = self._pinned(name, by)
            for requirement in map(Requirement, self._distributions[name].requires or ()):
                if self._applies(requirement, extra):
                    needed = str(canonicalize_name(requirement.name))
                    asked += [(needed, each, name) for each in ("", *sorted(requirement.extras))]
        return tuple(line for name in sorted(lines) for line in lines[name])

    def _owner(self, dotted: str, where: str) -> str:
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            if owner := self._owners.get(".".join(parts[:length])):
                return owner
        raise StagingError(f"{where} imports {dotted}, which is in no distribution that is installed: {_MEND}")

    def _pinned(self, name: str, by: str) -> list[str]:
        pins = [pin for pin in self._pins.get(name, ()) if any(map(pin.holds, self._targets))]
        if not pins:
            raise StagingError(f"{by} needs {name}, and {PINS} pins none: {_MEND}")
        installed = self._distributions.get(name)
        if installed is None:
            raise StagingError(f"{by} needs {name}, which is not installed: run `make lint`, which installs it")
        here = [pin for pin in pins if pin.holds(self._here)]
        if not any(pin.requirement.specifier.contains(installed.version, prereleases=True) for pin in here):
            wanted = ", ".join(pin.line for pin in here) or "none for this Python"
            raise StagingError(
                f"{name} {installed.version} is installed, and {PINS} pins {wanted}: run `make lint`, which installs it"
            )
        return [pin.line for pin in pins]

    def _applies(self, requirement: Requirement, extra: str) -> bool:
        marker = requirement.marker
        return marker is None or any(marker.evaluate({**target, "extra": extra}) for target in self._targets)


def _pins(file: Path) -> Mapping[str, list[Pin]]:
    found: dict[str, list[Pin]] = defaultdict(list)
    for number, line in enumerate(_text(file).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                pin = Pin(line.strip(), Requirement(line))
            except InvalidRequirement as error:
                raise StagingError(f"{file.name}:{number} is no requirement ({error}): run `make lock`") from error
            if [each.operator for each in pin.requirement.specifier] != ["=="] or pin.requirement.url:
                raise StagingError(f"{file.name}:{number} pins no version of {pin.requirement.name}: run `make lock`")
            found[str(canonicalize_name(pin.requirement.name))].append(pin)
    return found


def _targets(project: Path) -> tuple[Machine, ...]:
    """Where a function may run, one for each Python that the project supports."""
    supported = SpecifierSet(tomllib.loads(_text(project))["project"]["requires-python"])
    return tuple(_target(version) for version in (f"3.{minor}" for minor in range(50)) if supported.contains(version))


def _target(version: str) -> Machine:
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def _modules(distribution: Distribution) -> Iterable[str]:
    for file in distribution.files or ():
        if file.suffix in _CODE and ".." not in file.parts:
            yield _dotted(file)


def _dotted(file: PurePath) -> str:
    name = file.name.partition(".")[0]
    return ".".join(file.parent.parts if name == "__init__" else (*file.parent.parts, name))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise StagingError(f"{file.name} of the checkout cannot be read: {error}") from error
