"""The local Cloud Storage server when the disk is full, and what it leaves there."""

import resource
import sqlite3
import subprocess
import sys

import httpx
import pytest
from support.servers import running
from support.storage import StorageServer

from dropforge_local.storage.blobs import Content
from dropforge_local.storage.errors import NoRoom, no_room
from dropforge_local.storage.state import Storage

LIMIT = 1024 * 1024


def no_file_longer_than_the_limit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def blobs(folder):
    return list((folder / "blobs").iterdir())


def test_an_upload_that_does_not_fit_is_refused_and_leaves_nothing(tmp_path):
    server = StorageServer(tmp_path, "--bucket", "bucket", preexec_fn=no_file_longer_than_the_limit)
    with running(server):
        url = f"{server.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=big"
        answer = httpx.post(url, content=b"x" * (2 * LIMIT))

        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (507, "insufficientStorage")
        assert "No room is left" in answer.json()["error"]["message"]
        assert httpx.get(f"{server.url}/storage/v1/b/bucket/o/big").status_code == 404
        assert blobs(tmp_path) == []
        assert httpx.post(url, content=b"small").status_code == 200


def test_a_full_database_refuses_an_object_and_keeps_the_one_before(tmp_path):
    storage = Storage(tmp_path)
    storage.buckets.ensure("bucket", notify="http://127.0.0.1:1/")
    with storage.objects.draft() as blob:
        first = storage.objects.put("bucket", "a", storage.blobs.seal(blob), {})
    pages = storage._database.row("PRAGMA page_count")[0]
    storage._database.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(sqlite3.OperationalError) as refused, storage.objects.draft() as blob:
        storage.objects.put("bucket", "a", Content(blob, 0, "", None), {"metadata": {"k": "v" * 100_000}})

    assert isinstance(no_room(refused.value), NoRoom)
    assert first == storage.objects.get("bucket", "a")
    assert [first.content.blob] == [path.name for path in blobs(tmp_path)]
    assert storage.outbox.figures()["pending"] == 1
    storage.close()


def test_what_a_killed_server_left_half_written_is_removed(tmp_path):
    with running(StorageServer(tmp_path, "--bucket", "bucket")) as server:
        url = f"{server.url}/upload/storage/v1/b/bucket/o?uploadType=media&name="
        httpx.post(f"{url}whole", content=b"x").raise_for_status()

        def content_that_never_ends():
            yield b"half"
            while not blobs_written(2):
                yield b"."
            server.kill()
            yield b"the other half"

        def blobs_written(count):
            return len(blobs(tmp_path)) == count

        with pytest.raises(httpx.TransportError):
            httpx.post(f"{url}half", content=content_that_never_ends())
        assert len(blobs(tmp_path)) == 2

        server.start()
        assert len(blobs(tmp_path)) == 1
        assert httpx.get(f"{server.url}/storage/v1/b/bucket/o/whole?alt=media").content == b"x"


def test_a_second_server_on_the_same_folder_does_not_start(tmp_path):
    with running(StorageServer(tmp_path)) as first:
        second = subprocess.run(
            [sys.executable, "-m", "dropforge_local.storage.server", "--port", "1", "--dir", str(tmp_path)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert first.answers()

    assert second.returncode == 1
    assert f"{tmp_path} is in use by another storage server.\n" == second.stderr


@pytest.mark.parametrize(
    "option",
    [
        ["--bucket", "Upper"],
        ["--notify", "drop"],
        ["--notify", "drop=ftp://there"],
        ["--notify", "drop=http://host:port/"],
    ],
)
def test_a_server_told_nonsense_says_so_and_ends(tmp_path, option):
    ended = subprocess.run(
        [sys.executable, "-m", "dropforge_local.storage.server", "--port", "1", "--dir", str(tmp_path), *option],
        check=False,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 2
    assert "error: " in ended.stderr
