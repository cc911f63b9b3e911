"""Which Dropforge a command works with.

The one that `--profile` or `--project` names, else the environment's, else that of the stack in this folder, else the default
profile's.
"""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from dropforge import bootstrap, settings
from dropforge.cli import profiles
from dropforge.domain.errors import Misconfigured, Unavailable

STACK = Path(".dropforge/env")
_CLOUD = "storage.googleapis.com"


def connect() -> bootstrap.Ports:
    """The ports of the Dropforge that a command works with.

    Raises:
        Misconfigured: There is none, the one in this folder is not running, or a setting is unusable.
        Unavailable: It is in the cloud, and this machine has no network.
    """
    find()
    _require_network()
    from dropforge import logs  # noqa: PLC0415 - a check of a folder here starts faster without it

    logs.set_up()
    return bootstrap.Ports(settings.load())


def choose(*, profile: str = "", project: str = "") -> None:
    """Work with the Dropforge of a profile, or of a project, whatever the environment says.

    Raises:
        Misconfigured: There is no such profile, or no project can have this id.
    """
    known = profiles.read()
    chosen = known.of(profile) if profile else profiles.of_project(project)
    profiles.work_with(chosen, known.file, os.environ)


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
            os.environ.update((name, value) for name, _, value in (line.partition("=") for line in lines))
    require_running()


def _require_network() -> None:
    """See that the cloud's name is known, where that is what answers: Google's client would try for two minutes."""
    if os.environ.get("STORAGE_EMULATOR_HOST") or getproxies():
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
    storage = os.environ.get("STORAGE_EMULATOR_HOST")
    if not storage:
        return
    address = urlsplit(storage)
    try:
        socket.create_connection((address.hostname, address.port), timeout=2).close()
    except OSError as error:
        raise Misconfigured(
            f"the stack whose storage is {storage} is not running: start it again with `dropforge local up`, or name another Dropforge with --profile or --project"
        ) from error
