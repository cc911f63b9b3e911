"""How every local HTTP server starts: on 127.0.0.1 only, quiet, with its state in one folder."""

import argparse
from pathlib import Path
from typing import Any

import uvicorn

from dropforge_local.faults.connection import WithTransport

HOST = "127.0.0.1"


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser that knows `--port` (TCP port on 127.0.0.1) and `--dir` (folder of the server's state)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--dir", type=Path, required=True, help="folder that holds this server's state")
    return parser


def serve(app: Any, *, port: int) -> None:  # noqa: ANN401 - any ASGI application
    """Serve an ASGI application on 127.0.0.1 until the process is asked to stop (SIGTERM, SIGINT).

    A stop waits at most three seconds for open connections: long polls and streams are cut after that.
    """
    uvicorn.run(
        WithTransport(app),
        host=HOST,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
    )
