"""Rehearse Dropforge in a Google Cloud project of yours: deploy, drop, tune, predict, and remove everything again.

    DROPFORGE_CLOUD_CONFIRM=PROJECT .venv/bin/python tests/cloud/rehearse.py --project PROJECT

It costs money, so it says what first, and does nothing without the confirmation. **It has not been run against Google
Cloud so far** (REHEARSED.md says when it was, last): all but Google's half of it is rehearsed by test_rehearsal.py.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cloud.announcement import announced
from cloud.deployment import ENVIRONMENT, ROOT, SHIPPED, Deployment, Failed, Options, Program
from cloud.journal import RECORD, Journal
from cloud.rehearsal import Left, Rehearsal
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from rich.console import Console

from dropforge.domain.errors import DropforgeError

CONFIRM = "DROPFORGE_CLOUD_CONFIRM"
PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
HOME = ROOT / ".dropforge" / "rehearsal"
FAILED, REFUSED, LEFT, INTERRUPTED = 1, 2, 3, 130


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for; ends with exit status 2 and a sentence where it cannot be meant."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 rehearsed; 1 failed, nothing left; 2 not begun; 3 something is left; 130 interrupted.",
    )
    parser.add_argument("--project", required=True, metavar="ID", help="a project with billing and no Dropforge in it")
    parser.add_argument("--region", default="us-central1", help="of everything (us-central1)")
    parser.add_argument("--state-bucket", default="", metavar="BUCKET", help="for Terraform's state; here by default")
    parser.add_argument("--config", type=Path, metavar="FILE", help="an operator's file, with your prices")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable of staging; JSON")
    parser.add_argument("--only-teardown", action="store_true", help="remove what an earlier call left")
    asked = parser.parse_args(arguments)
    if not PROJECT_ID.fullmatch(asked.project):
        parser.error(
            f"--project {asked.project!r} is no project's id: it has 6 to 30 of a-z, 0-9 and dashes, as "
            "`gcloud projects list` shows it; with make: make cloud PROJECT=ID"
        )
    if strange := [each for each in asked.var if not re.fullmatch(r"[a-z_]+=.+", each)]:
        parser.error(f"--var {strange[0]!r}: write NAME=VALUE, such as --var grant_tuning_agent=false")
    if asked.config and not asked.config.is_file():
        parser.error(f"--config {asked.config}: there is no such file; docs/operator.md says what it holds")
    return asked


def options_of(asked: argparse.Namespace) -> Options:
    """What is rehearsed."""
    operator = (asked.config or SHIPPED / ENVIRONMENT / "dropforge.yaml").read_text("utf-8")
    variables = {name: _value(value) for name, _, value in (each.partition("=") for each in asked.var)}
    operator = operator.replace("@PROJECT.", f"@{asked.project}.")
    return Options(asked.project, asked.region, asked.state_bucket, operator, variables)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def main(arguments: Sequence[str], out: Console, home: Path = HOME) -> int:
    """Rehearse, or say what that would mean; gives the exit status."""
    asked = parsed(arguments)
    options, folder = options_of(asked), home / asked.project
    command = f"{CONFIRM}={asked.project} .venv/bin/python tests/cloud/rehearse.py {shlex.join(arguments)}"
    if os.environ.get(CONFIRM) != asked.project:
        return _refused(options, command, out, only_teardown=asked.only_teardown)
    if not shutil.which("terraform"):
        out.print("There is no terraform: install 1.9 or later.")
        return REFUSED
    journal = Journal.kept(folder / "rehearsal.json")
    if journal is None and asked.only_teardown and not options.state_bucket:
        out.print(f"{folder} is not there: nothing of a rehearsal is left that is known on this machine.")
        return 0
    if journal and journal.options != options and not asked.only_teardown:
        out.print(
            f"An earlier rehearsal was cut off ({folder}), and began with other options: repeat them to go on, or add "
            "--only-teardown to remove it.",
            soft_wrap=True,
        )
        return REFUSED
    if journal is None:
        journal = Journal.begun(folder / "rehearsal.json", options)
        journal.made = asked.only_teardown  # Terraform's state tells
    again = command if asked.only_teardown else f"{command} --only-teardown"
    deployment = Deployment(folder, journal.options, Program(folder / "terraform.log"))
    rehearsal = Rehearsal(journal, deployment, again, RECORD, out)
    out.print(f"What Terraform says is in {folder / 'terraform.log'}.", markup=False, soft_wrap=True)
    if journal.ends and not asked.only_teardown:
        out.print("An earlier rehearsal was being torn down: this is done first. Then call again.")
        return concluded(rehearsal, only_teardown=True) or FAILED
    return concluded(rehearsal, only_teardown=asked.only_teardown)


def concluded(rehearsal: Rehearsal, *, only_teardown: bool = False) -> int:
    """Rehearse or only tear down, and tell what came of it; gives the exit status."""
    out, status = rehearsal.out, 0
    try:
        if only_teardown:
            rehearsal.tear_down()
        else:
            rehearsal.run()
    except Left as left:
        out.print(str(left), style="bold red", markup=False, soft_wrap=True)
        status = LEFT
    except KeyboardInterrupt:
        status = INTERRUPTED
    except (Failed, DropforgeError, GoogleAPIError, GoogleAuthError, OSError, SubprocessError):
        status = FAILED
    return status


def _refused(options: Options, command: str, out: Console, *, only_teardown: bool) -> int:
    """Say what it would mean, and how to confirm it."""
    if only_teardown:
        out.print(
            f"This removes what a rehearsal made in {options.project}: whatever bills, then the rest, with all data."
        )
    else:
        try:
            _announce(options, out)
        except DropforgeError as error:
            out.print(f"--config: {error}", markup=False, soft_wrap=True)
            return REFUSED
    out.print(f"\nNothing was called, nothing was made. To do it:\n  {command}", markup=False, soft_wrap=True)
    return REFUSED


def _announce(options: Options, out: Console) -> None:
    with TemporaryDirectory() as folder:
        operator_file = Path(folder) / "dropforge.yaml"
        operator_file.write_text(options.operator, "utf-8")
        for line in announced(options, operator_file):
            out.print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: everything is removed first
    sys.exit(main(sys.argv[1:], Console()))
