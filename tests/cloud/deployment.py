"""Terraform's half of a rehearsal: a copy of the staging environment, applied to one project and destroyed again.

The copy differs in what only a rehearsal may do. An override lets Terraform delete the drop and the state bucket with
what is in them; the configuration that is shipped never does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "terraform"
ENVIRONMENT = Path("environments/staging")
PREFIX = "dropforge/rehearsal"  # of the state in a bucket: never that of an environment that stays
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
_MAY_GO = 'resource "google_storage_bucket" "data" {\n  force_destroy = true\n}\n'
_QUIET = ("-input=false", "-no-color")


class Failed(Exception):
    """The rehearsal did not come to its end: says at what, and what to do."""


@dataclass(frozen=True)
class Options:
    """What is rehearsed, and where.

    Attributes:
        project: The Google Cloud project's id.
        region: Of everything.
        state_bucket: Where Terraform's state lies; empty for the rehearsal's own folder.
        operator: Text of the operator's file.
        variables: Further variables of the staging environment.
    """

    project: str
    region: str = "us-central1"
    state_bucket: str = ""
    operator: str = ""
    variables: dict[str, Any] = field(default_factory=dict)


class Terraform(Protocol):
    """Runs Terraform."""

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder, and give what it printed."""
        ...


@dataclass(frozen=True)
class Program:
    """The Terraform of this machine. What it prints can be followed in `log`.

    Interrupted, it is asked to end and waited for: it then writes down what there is. Killed, it would forget it.
    """

    log: Path
    name: str = "terraform"

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder."""
        command = [self.name, f"-chdir={folder}", *arguments]
        environment = os.environ | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        errors = self.log.with_suffix(".errors")
        with self.log.open("w+") as output, errors.open("w+") as wrong:
            # A session of its own: Ctrl-C comes from here, once, and not from the terminal as well.
            running = subprocess.Popen(command, env=environment, stdout=output, stderr=wrong, start_new_session=True)
            try:
                running.wait()
            except BaseException:
                running.send_signal(signal.SIGINT)
                running.wait()
                raise
        return subprocess.CompletedProcess(command, running.returncode, self.log.read_text(), errors.read_text())


@dataclass
class Deployment:
    """The copy in a folder of the rehearsal's own."""

    folder: Path
    options: Options
    terraform: Terraform
    attempts: int = 3  # at applying and destroying: in a new project service agents and rights take a minute to arrive
    pause: float = 60  # seconds between attempts
    _is_prepared: bool = field(default=False, init=False)

    @property
    def root(self) -> Path:
        """The environment's folder in the copy."""
        return self.folder / "deploy" / "terraform" / ENVIRONMENT

    @property
    def operator_file(self) -> Path:
        """The operator's file in the copy."""
        return self.root / "dropforge.yaml"

    def prepare(self) -> None:
        """Copy the checkout's configuration, stage the archives, and have Terraform find its state.

        Raises:
            Failed: One of them cannot be done.
        """
        if self._is_prepared:
            return
        for old in (self.folder / "deploy").rglob("*.tf"):
            old.unlink()
        leave = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars*")
        shutil.copytree(SHIPPED, self.folder / "deploy" / "terraform", ignore=leave, dirs_exist_ok=True)
        shutil.copy(ROOT / "deploy" / "topology.json", self.folder / "deploy")
        (self.folder / "deploy/terraform/modules/dropforge/rehearsal_override.tf").write_text(_MAY_GO)
        options, archives = self.options, self.folder / "dist"
        self.operator_file.write_text(options.operator)
        variables = {"project": options.project, "region": options.region, "archives": str(archives)}
        (self.root / "terraform.tfvars.json").write_text(json.dumps(variables | options.variables))
        stage = [sys.executable, str(ROOT / "deploy/stage.py"), "--out", str(archives), "--config"]
        staged = subprocess.run(
            [*stage, str(self.operator_file)], capture_output=True, text=True, check=False, timeout=300
        )
        if staged.returncode:
            raise Failed(f"the archives cannot be staged: {staged.stderr.strip()}")
        backend = []
        if options.state_bucket:
            backend = [f"-backend-config=bucket={options.state_bucket}", f"-backend-config=prefix={PREFIX}"]
        else:
            (self.root / "backend_override.tf").write_text(_LOCAL_STATE)
        self._done("init", "-reconfigure", *_QUIET, *backend)
        self._is_prepared = True

    def apply(self) -> None:
        """Make everything; as often as a new project may need it.

        Raises:
            Failed: Terraform cannot.
        """
        self._repeated("apply", "-auto-approve")

    def destroy(self) -> None:
        """Remove everything, the buckets with what is in them.

        Raises:
            Failed: Terraform cannot.
        """
        self._repeated("destroy", "-auto-approve")

    def variables(self) -> Mapping[str, str]:
        """The environment in which `dropforge` works with the deployment; empty where there is none yet."""
        outputs = json.loads(self._done("output", "-json").stdout)
        return outputs["dropforge"]["value"]["command_line"] if outputs else {}

    def made(self) -> list[str]:
        """What Terraform made and has not removed, by address; data sources are not among it."""
        listed = self.terraform(self.root, "state", "list")
        if listed.returncode and "No state file" in listed.stderr:
            return []
        if listed.returncode:
            raise Failed(f"terraform state list: {_brief(listed.stderr)}")
        return [line for line in listed.stdout.splitlines() if line and ".data." not in f".{line}"]

    def versions(self) -> str:
        """Terraform's version and that of the provider, as people say them."""
        told = json.loads(self._done("version", "-json").stdout)
        provider = next((each for name, each in told["provider_selections"].items() if "google" in name), "unknown")
        return f"Terraform {told['terraform_version']}, provider google {provider}"

    def _repeated(self, command: str, *arguments: str) -> None:
        for attempt in range(1, self.attempts + 1):
            try:
                self._done(command, *_QUIET, *arguments)
            except Failed:
                if attempt == self.attempts:
                    raise
                time.sleep(self.pause)
            else:
                return

    def _done(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        finished = self.terraform(self.root, command, *arguments)
        if finished.returncode:
            raise Failed(f"terraform {command} failed in {self.root}: {_brief(finished.stderr)}")
        return finished


def _brief(errors: str) -> str:
    """What Terraform complained of, without its frames."""
    lines = (line.strip("│╷╵ ") for line in errors.splitlines())
    return " ".join(line for line in lines if line)[:2_000]
