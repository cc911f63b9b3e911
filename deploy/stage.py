"""Make the archive of each function: what Cloud Run functions builds, byte by byte the same for the same checkout.

    .venv/bin/python deploy/stage.py [--out FOLDER] [--config FILE] [FUNCTION...]

An archive holds `main.py`, the parts of `dropforge` that it can import, `requirements.txt` with the pins of what those
need, and the operator's `dropforge.yaml` where one is given. deploy/README.md tells more.
"""

import argparse
import ast
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dropforge import settings
from dropforge.domain.errors import Misconfigured
from staging.archive import archived
from staging.errors import StagingError
from staging.imports import reached
from staging.requirements import PINS, Installed

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "dropforge.yaml"  # what DROPFORGE_CONFIG names: a function starts in the folder of its archive
_MAIN = "main.py"


@dataclass(frozen=True, slots=True)
class Staged:
    """A function's archive.

    Attributes:
        function: Its name; its entry point has the same.
        content: The archive.
        files: The names in it.
        requirements: The lines of its `requirements.txt`.
    """

    function: str
    content: bytes
    files: tuple[str, ...]
    requirements: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the archive, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def functions(root: Path) -> tuple[str, ...]:
    """The deployables of a checkout."""
    return tuple(sorted(main.parent.name for main in root.glob(f"functions/*/{_MAIN}")))


def stage(root: Path, function: str, installed: Installed, config: bytes | None = None) -> Staged:
    """Make a function's archive.

    Args:
        root: The checkout.
        function: Its name.
        installed: Tells what imports need.
        config: The operator's file.

    Raises:
        StagingError: What the archive would hold could not run.
    """
    main = root / "functions" / function / _MAIN
    found = reached(root, main, function)
    if function not in {node.name for node in ast.parse(main.read_bytes()).body if isinstance(node, ast.FunctionDef)}:
        raise StagingError(f"functions/{function}/{_MAIN} has no function {function}: an entry point is named so")
    where = {dotted: file.relative_to(root).as_posix() for dotted, file in found.foreign.items()}
    requirements = installed.needed(where)
    files = {
        _MAIN: main.read_bytes(),
        PINS: "".join(f"{line}\n" for line in requirements).encode(),
        **{
            file.relative_to(root / "shared").as_posix(): file.read_bytes()
            for file in (*found.modules.values(), *found.data())
        },
        **({CONFIG: config} if config is not None else {}),
    }
    return Staged(function, archived(files), tuple(sorted(files)), requirements)


def main() -> None:
    """Write the archives, and tell what is in them."""
    known = functions(ROOT)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=f"{', '.join(known)}; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "functions", help="where archives are written")
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"the operator's file, packed as {CONFIG}")
    asked = parser.parse_args()
    if strangers := sorted(set(asked.functions).difference(known)):
        parser.error(f"no function {', '.join(strangers)}: choose from {', '.join(known)}")
    try:
        config = _checked(asked.config) if asked.config else None
        installed = Installed(ROOT)
        staged = [stage(ROOT, name, installed, config) for name in known if name in (asked.functions or known)]
        _write(staged, asked.out)
    except (StagingError, OSError) as error:
        sys.exit(f"nothing is staged: {error}")
    print("\n".join(_table(staged)))
    if config is not None:
        print(f"\nSet DROPFORGE_CONFIG={CONFIG}")


def _write(staged: Sequence[Staged], folder: Path) -> None:
    """Write the archives; none is put in place before there was room for all."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [folder / f"{each.function}.zip.part" for each in staged]
    try:
        for each, part in zip(staged, parts, strict=True):
            part.write_bytes(each.content)
        for part in parts:
            part.replace(part.with_suffix(""))
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _checked(config: Path) -> bytes:
    """The operator's file, once it is known to be one."""
    try:
        settings.operator({"DROPFORGE_CONFIG": str(config)})
    except Misconfigured as error:
        raise StagingError(str(error).replace(", which DROPFORGE_CONFIG names,", "")) from error
    return config.read_bytes()


def _table(staged: Sequence[Staged]) -> list[str]:
    heads = ("function", "bytes", "files", "requirements", "sha256")
    rows = [
        (each.function, f"{len(each.content):,}", str(len(each.files)), str(len(each.requirements)), each.digest)
        for each in staged
    ]
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (heads, *rows)
    ]


if __name__ == "__main__":
    main()
