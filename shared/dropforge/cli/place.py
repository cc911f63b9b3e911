"""Which Dropforge a command works with.

The one that `--profile` or `--project` names, else the environment's, else that of the stack in this folder, else the default
profile's.
"""

import logging
import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import typer

from dropforge import bootstrap, settings
from dropforge.cli import profiles
from dropforge.domain.errors import Misconfigured, Unavailable
from dropforge.domain.text import printable

STACK = Path(".dropforge/env")
_CLOUD = "storage.googleapis.com"
_STORAGE = "STORAGE_EMULATOR_HOST"
_BACK_SECONDS = 5.0  # a server that ended by itself is started again by then
_PAUSE_SECONDS = 0.25


class Stopped(Unavailable):
    """The stack was stopped while a command worked with it."""


def connect() -> bootstrap.Ports:
    """The ports of the Dropforge that a command works with.

    Raises:
        Misconfigured: There is none, the one in this folder is not running, or a setting is unusable.
        Unavailable: It is in the cloud, and this machine has no network.
    """
    find()
    _require_network()
    from dropforge import logs  # noqa: PLC0415 - a check of a folder here starts faster without it

    logs.set_up(least=logging.WARNING)  # the command itself says what happened
    return bootstrap.Ports(settings.load(), lost=_require_back)


def choose(*, profile: str = "", project: str = "") -> None:
    """Work with the Dropforge of a profile, or of a project, whatever the environment says.

    Raises:
        Misconfigured: There is no such profile, or no project can have this id.
    """
    known = profiles.read()
    chosen = known.of(profile) if profile else profiles.of_project(project)
    profiles.work_with(chosen, known.file, os.environ)


def configure() -> None:
    """Use the operator's file of the default profile, if a command works with that profile's Dropforge; say so.

    Nothing needs to be running or reachable for this.

    Raises:
        Misconfigured: The file of profiles cannot be used.
    """
    if "DROPFORGE_CONFIG" in os.environ or "DROPFORGE_STATE_BUCKET" in os.environ or STACK.exists():
        return
    known = profiles.read()
    if known.default and (config := known.of(known.default).config):
        file = str(known.file.parent / config)
        os.environ["DROPFORGE_CONFIG"] = file
        typer.echo(printable(f"dropforge: using {file}, the operator's file of your profile {known.default}"), err=True)


def is_named() -> bool:
    """Whether there is a Dropforge that a command would work with; it need not be running."""
    return "DROPFORGE_STATE_BUCKET" in os.environ or STACK.exists() or bool(profiles.read().default)


def find() -> None:
    """See that the environment names a Dropforge.

    Raises:
        Misconfigured: There is none, or the one in this folder is not running.
    """
    if "DROPFORGE_STATE_BUCKET" not in os.environ:
        try:
            lines = STACK.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            known = profiles.read()
            if not known.default:
                raise Misconfigured(
                    "no stack is running here: start one with `dropforge local up`; or name one in the cloud with --project "
                    "or --profile (`dropforge profiles` says more)"
                ) from error
            profiles.work_with(known.of(known.default), known.file, os.environ)
        else:
            os.environ.update(_variables(lines))
    require_running()


def _require_network() -> None:
    """See that the cloud's name resolves, if the cloud is worked with: Google's client would try for two minutes."""
    if os.environ.get(_STORAGE) or getproxies():
        return
    try:
        socket.getaddrinfo(_CLOUD, 443)
    except OSError as error:
        raise Unavailable(f"this machine cannot resolve {_CLOUD}: is it on the network?") from error


def require_running() -> None:
    """See that the stack of the environment, if it names one, answers: Google's client would try for two minutes.

    Raises:
        Misconfigured: It was stopped.
    """
    storage = os.environ.get(_STORAGE, "")
    if not storage or _answers(storage):
        return
    if (here := _storage_here()) and _answers(here):
        raise Misconfigured(
            'this terminal\'s environment names a stack that is gone: `eval "$(dropforge local env)"` names the one that '
            "runs in this folder, or open a new terminal"
        )
    raise Misconfigured(
        f"the stack whose storage is {storage} is not running: start it again with `dropforge local up`, or name another "
        "Dropforge with --profile or --project"
    )


def _require_back() -> None:
    """See that the stack, if there is one, answers, now or in a moment.

    Raises:
        Stopped: It does not.
    """
    storage = os.environ.get(_STORAGE, "")
    until = time.monotonic() + _BACK_SECONDS
    while storage and not _answers(storage):
        if time.monotonic() > until:
            raise Stopped(
                f"the stack whose storage is {storage} was stopped; what is in flight goes on when it is up again: "
                "`dropforge local up`"
            )
        time.sleep(_PAUSE_SECONDS)


def _storage_here() -> str:
    """The storage of the stack in this folder; empty where there is none."""
    try:
        return _variables(STACK.read_text(encoding="utf-8").splitlines()).get(_STORAGE, "")
    except OSError:
        return ""


def _variables(lines: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _answers(url: str) -> bool:
    """Whether something takes connections there."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=2).close()
    except OSError:
        return False
    return True
