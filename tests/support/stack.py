"""The whole stack as processes of this machine, in a folder of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from google.cloud import storage
from support.servers import eventually

from dropforge.adapters.google.storage import CloudStorage
from dropforge.aliases import Aliases
from dropforge.domain.runs import Run
from dropforge.ledger import Ledger

PATIENCE = 90  # seconds for a run to come as far as it should
COMMAND = str(Path(sys.executable).with_name("dropforge"))
PROJECT = "projects/dropforge-local"


class Stack:
    """A stack in a folder of its own, driven by the command line and Google's clients."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("DROPFORGE_")}

    def dropforge(self, *arguments: str) -> str:
        done = subprocess.run(
            [COMMAND, *arguments], cwd=self.home, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> None:
        self.dropforge("local", "up", "--detach", "--port-base", "0")
        lines = (self.home / ".dropforge" / "env").read_text().splitlines()
        self.variables = dict(line.split("=", 1) for line in lines)
        os.environ.update({name: self.variables[name] for name in ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")})
        state = CloudStorage("dropforge-local", "dropforge-state")
        self.ledger, self.aliases = Ledger(state), Aliases(state)

    def down(self) -> None:
        self.dropforge("local", "down")

    def processes(self) -> list[psutil.Process]:
        pid = json.loads((self.home / ".dropforge" / "stack.json").read_bytes())["supervisor"]["pid"]
        supervisor = psutil.Process(pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def hold_tuner(self) -> None:
        """Let the tuning that is under way last, however fast this machine is."""
        [tuner] = [process for process in self.processes() if "dropforge_local.vertex.tuning" in process.cmdline()]
        tuner.suspend()

    def kill(self) -> None:
        """Every process of the stack at once, as when the power fails."""
        everything = self.processes()
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everything, timeout=10)

    def drop(self, dataset: str, files: dict[str, bytes]) -> None:
        bucket = storage.Client(project="dropforge-local").bucket("dropforge-drop")

        def upload(name: str) -> None:
            bucket.blob(f"datasets/{dataset}/{name}").upload_from_string(files[name])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(upload, files))

    def runs(self, dataset: str) -> list[dict]:
        return [run for run in json.loads(self.dropforge("runs", "--json")) if run["dataset"] == dataset]

    def run(self, dataset: str) -> dict:
        [run] = self.runs(dataset)
        return json.loads(self.dropforge("show", run["id"], "--json"))

    def until(self, dataset: str, *states: str, other_than: str = "") -> Run:
        """The dataset's run once it is in one of these states; another one than a certain one.

        Looked up here: a command takes a second, and the processor from those whom it waits for.
        """

        def found() -> list[Run]:
            return [self.ledger.load(run.id) for run in self.ledger.summaries() if run.dataset == dataset]

        def reached() -> Run | None:
            return next((run for run in found() if run.state in states and run.id != other_than), None)

        return eventually(reached, seconds=PATIENCE, otherwise=found)

    @property
    def url(self) -> str:
        """Of the local Vertex AI."""
        return self.variables["DROPFORGE_VERTEX_ENDPOINT"]

    def vertex(self, path: str) -> dict:
        return httpx.get(f"{self.url}/v1/{path}").json()

    def slack(self) -> list[dict]:
        address = self.variables["DROPFORGE_SLACK_URL"].partition("/services/")[0]
        return httpx.get(f"{address}/_local/messages").json()


@contextlib.contextmanager
def standing(home: Path) -> Iterator[Stack]:
    """A stack for as long as it is needed; the environment is as before afterwards."""
    before = dict(os.environ)
    stack = Stack(home)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        os.environ.clear()
        os.environ.update(before)
