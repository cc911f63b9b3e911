"""Which Dropforge a command works with: the environment's, else that of a stack running in this folder."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from dropforge import bootstrap, settings
from dropforge.domain.errors import Misconfigured

STACK = Path(".dropforge/env")


def connect() -> bootstrap.Ports:
    """The ports of the Dropforge that the environment names, or that runs from `.dropforge` in this folder.

    Raises:
        Misconfigured: Neither is there, the one in this folder is not running, or a setting is unusable.
    """
    find()
    from dropforge import logs  # noqa: PLC0415 - a check of a folder here starts faster without it

    logs.set_up()
    return bootstrap.Ports(settings.load())


def find() -> None:
    """See that the environment names a Dropforge, if need be the one that runs from `.dropforge` in this folder.

    Raises:
        Misconfigured: Neither is there, or the one in this folder is not running.
    """
    if "DROPFORGE_STATE_BUCKET" not in os.environ:
        try:
            lines = STACK.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise Misconfigured(
                "no stack is running here: start one with `dropforge local up`; or name one in the cloud by "
                "DROPFORGE_PROJECT, DROPFORGE_DROP_BUCKET and DROPFORGE_STATE_BUCKET"
            ) from error
        os.environ.update((name, value) for name, _, value in (line.partition("=") for line in lines))
    require_running()


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
            f"the stack whose storage is {storage} is not running: start it again with `dropforge local up`"
        ) from error
