"""A dataset in the local Cloud Storage server, on 127.0.0.1 only."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from validation.engines.ours_in_bucket import BUCKET, PREFIX

_PATIENCE = 20  # seconds for the server to start


@contextmanager
def holding(sample: Path, folder: Path) -> Iterator[Mapping[str, str]]:
    """Keep a sample in a bucket whose server keeps its state in a folder; gives the variables that lead to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "dropforge_local.storage.server", "--port", str(port), "--dir", str(folder)]
    server = subprocess.Popen([*command, "--bucket", BUCKET], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(server, address)
        _upload(sample, address)
        yield {"STORAGE_EMULATOR_HOST": address}
    finally:
        server.terminate()
        server.wait(10)


def _wait(server: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(address, timeout=1).close()
        except (URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the storage server did not start")


def _upload(sample: Path, address: str) -> None:
    client = storage.Client("bench", credentials=AnonymousCredentials(), client_options={"api_endpoint": address})
    bucket = client.bucket(BUCKET)
    for path in sample.iterdir():
        bucket.blob(f"{PREFIX}{path.name}").upload_from_filename(path)
    client.close()
