"""Profiles: Dropforges in the cloud, each under a name, in one file of the person who works with them.

    default = "staging"

    [staging]
    project = "acme-embeddings-staging"

    [production]
    project = "acme-embeddings"
    location = "europe-west4"
    config = "production.yaml"

Only `project` is required: the rest is by default as `deploy/terraform` names it, and `config` the operator's defaults.
"""

import os
import re
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from dropforge import wire
from dropforge.cli.paper import AsJson
from dropforge.domain.catalogue import suggestion
from dropforge.domain.errors import Misconfigured
from dropforge.domain.text import printable

VARIABLE = "DROPFORGE_PROFILES"  # names the file
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
# What points Google's clients at one particular Dropforge; every `DROPFORGE_` variable does so for our own code.
_ELSEWHERE = ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "PUBSUB_PROJECT_ID", "GOOGLE_CLOUD_PROJECT")


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Dropforge in the cloud. What is empty is as Terraform has made it.

    Attributes:
        project: The Google Cloud project's id.
        location: The region.
        drop_bucket: Where people drop datasets.
        state_bucket: Where the ledger lies.
        console_url: Where the console is.
        config: The operator's file, relative to this one's folder; empty for the defaults.
    """

    project: str
    location: str = "us-central1"
    drop_bucket: str = ""
    state_bucket: str = ""
    console_url: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Profiles:
    """What the file says.

    Attributes:
        file: Where it is, or would be.
        default: The one to work with where nothing says otherwise; empty for none.
        named: Every profile by its name.
    """

    file: Path
    default: str
    named: Mapping[str, Profile]

    def of(self, name: str) -> Profile:
        """The profile of a name.

        Raises:
            Misconfigured: There is no such profile.
        """
        if name in self.named:
            return self.named[name]
        known = f": it has {', '.join(self.named)}" if self.named else ""
        raise Misconfigured(
            f"there is no profile {printable(name)} in {self.file}{suggestion(name, self.named) or known}"
        )


def read(environment: Mapping[str, str] | None = None) -> Profiles:
    """Read the file; a missing one has no profiles.

    Raises:
        Misconfigured: It cannot be used; says what is wrong, and where.
    """
    file = _file(os.environ if environment is None else environment)
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
        default = written.pop("default", "")
        named = {name: msgspec.convert(entry, Profile) for name, entry in written.items()}
        if not isinstance(default, str):
            raise ValueError("its default must be the name of a profile")  # noqa: TRY301, TRY004 - told with the rest
        if default and default not in named:
            raise ValueError(f"its default is {default!r}, not one of its profiles{suggestion(default, named)}")  # noqa: TRY301 - told with the rest
        for name, profile in named.items():
            if not _PROJECT.fullmatch(profile.project):
                raise ValueError(f"{name}: {profile.project!r} is not the id of a Google Cloud project")  # noqa: TRY301 - as above
    except FileNotFoundError:
        return Profiles(file, "", {})
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{file}, which holds your profiles, cannot be used: {printable(str(error))}") from error
    return Profiles(file, default, named)


def _file(environment: Mapping[str, str]) -> Path:
    if named := environment.get(VARIABLE, ""):
        return Path(named)
    folder = environment.get("XDG_CONFIG_HOME", "") or Path.home() / ".config"
    return Path(folder) / "dropforge" / "profiles.toml"


def of_project(project: str) -> Profile:
    """The Dropforge of a project, as Terraform makes it.

    Raises:
        Misconfigured: It cannot be a project's id.
    """
    if not _PROJECT.fullmatch(project):
        raise Misconfigured(
            f"{printable(project)} is not the id of a Google Cloud project: 6 to 30 of a-z, 0-9 and dashes, beginning with a letter"
        )
    return Profile(project=project)


def work_with(profile: Profile, file: Path, environment: MutableMapping[str, str]) -> None:
    """Point this process at a profile's Dropforge, whatever it was pointed at before."""
    for name in [name for name in environment if name.startswith("DROPFORGE_") and name != VARIABLE]:
        del environment[name]
    for name in _ELSEWHERE:
        environment.pop(name, None)
    environment["DROPFORGE_PROJECT"] = profile.project
    environment["DROPFORGE_LOCATION"] = profile.location
    environment["DROPFORGE_DROP_BUCKET"] = profile.drop_bucket or f"{profile.project}-dropforge-drop"
    environment["DROPFORGE_STATE_BUCKET"] = profile.state_bucket or f"{profile.project}-dropforge-state"
    if profile.console_url:
        environment["DROPFORGE_CONSOLE_URL"] = profile.console_url
    if profile.config:
        environment["DROPFORGE_CONFIG"] = str(file.parent / profile.config)


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: `dropforge profiles`; then `dropforge --profile production runs`")(profiles)


def profiles(*, as_json: AsJson = False) -> None:
    """List your profiles: Dropforges in the cloud, each under a name.

    In JSON: `file`, where it is or would be; `default`; and `profiles`, each by its name, as the file has it.
    """
    found = read()
    if as_json:
        typer.echo(wire.as_text({"file": str(found.file), "default": found.default, "profiles": found.named}))
    elif not found.named:
        typer.echo(
            f"No profiles. Name a Dropforge in {found.file}:\n\n"
            'default = "staging"\n\n[staging]\nproject = "PROJECT"\n\n'
            "`dropforge --profile staging runs` works with it then."
        )
    for name, profile in found.named.items() if not as_json else ():
        mark = "  (default)" if name == found.default else ""
        typer.echo(f"{printable(name)}  {profile.project}, {printable(profile.location)}{mark}")
