"""Archives of functions, unpacked where each finds what its requirements name, and nothing else."""

import io
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import httpx
from support.bare import Bare, Made
from support.servers import Server

import stage
from staging.requirements import Installed

MADE = "DROPFORGE_TEST_ENVIRONMENTS"  # names a folder of virtual environments: see tests/bench/archives.py
EVERY_MODULE = """
import importlib, pathlib
for file in sorted(pathlib.Path("dropforge").rglob("*.py")):
    importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
"""


@dataclass(frozen=True)
class Unpacked:
    """A function's archive in a folder of its own, as Cloud Run functions has it in /workspace."""

    name: str
    folder: Path
    bare: Bare | Made


def staged(name: str, config: bytes | None = None) -> stage.Staged:
    """A function of this checkout."""
    return stage.stage(stage.ROOT, name, installed(), config)


@cache
def installed() -> Installed:
    return Installed(stage.ROOT)


def unpacked(name: str, folder: Path, config: bytes | None = None) -> Unpacked:
    """A function of this checkout, below an empty folder."""
    workspace = folder / "workspace"
    with ZipFile(io.BytesIO(staged(name, config).content)) as archive:
        archive.extractall(workspace)
    if made := os.environ.get(MADE):
        return Unpacked(name, workspace, Made(Path(made) / name / "bin" / "python"))
    return Unpacked(name, workspace, Bare(workspace / "requirements.txt", folder / "site"))


class Instance(Server):
    """One instance of a function, started as Cloud Run functions does: by variables, in the archive's folder."""

    def __init__(self, function: Unpacked, signature: str, env: dict[str, str]) -> None:
        super().__init__("functions_framework", cwd=function.folder, env=env)
        self._command = function.bare.module("functions_framework")
        self._env |= {
            "PORT": str(self.port),
            "FUNCTION_TARGET": function.name,
            "FUNCTION_SIGNATURE_TYPE": signature,
            "XDG_RUNTIME_DIR": str(function.folder),
        }

    def answers(self) -> bool:
        """Whether it is ready; one that takes events refuses a GET, but is there."""
        status = self.process.poll()
        assert status is None, f"it has ended with status {status}"
        with suppress(httpx.TransportError):
            return httpx.get(self.url).status_code < 500
        return False
