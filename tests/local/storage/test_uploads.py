"""Uploads to the local Cloud Storage server: in one piece, in parts, in chunks that may be lost."""

import io
import json
import os

import httpx
import pytest
from support.servers import running
from support.storage import StorageServer, put

_MIB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3 * _MIB])
def test_an_object_that_arrives_in_chunks_is_whole(bucket, size):
    data = os.urandom(size)
    bucket.blob("big", chunk_size=256 * 1024).upload_from_file(io.BytesIO(data), size=size, checksum="crc32c")

    assert bucket.blob("big").download_as_bytes() == data


def test_an_object_of_unknown_size_can_be_streamed_in_and_out(bucket):
    with bucket.blob("stream").open("w", chunk_size=256 * 1024) as file:
        file.writelines(f"line {number}\n" for number in range(100_000))

    with bucket.blob("stream").open("r") as file:
        assert sum(1 for _ in file) == 100_000


def test_content_that_is_not_what_the_client_meant_is_refused(bucket, http):
    url = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a"

    answer = http.post(url, content=b"hello", headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert bucket.get_blob("a") is None


def test_a_big_upload_costs_little_memory(bucket, server):
    class Zeros(io.RawIOBase):
        """64 MiB that are not in this process either."""

        left = 64 * _MIB

        def read(self, size=-1):
            taken = min(size, self.left)
            self.left -= taken
            return b"\0" * taken

    before = server.resident_bytes()
    url = f"{server.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=zeros"
    source = Zeros()
    httpx.post(url, content=iter(lambda: source.read(_MIB), b""), timeout=30).raise_for_status()

    assert bucket.get_blob("zeros").size == 64 * _MIB
    assert server.resident_bytes() - before < 16 * _MIB


def test_a_multipart_body_may_end_its_lines_with_lf_and_quote_its_boundary_oddly(bucket, http):
    metadata = json.dumps({"name": "a", "contentType": "text/csv"})
    body = (
        f"--==b==\nContent-Type: application/json\n\n{metadata}\n--==b==\nContent-Type: x/y\n\nline\n--==\n\n--==b==--"
    )
    http.post(
        f"/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart",
        content=body,
        headers={"Content-Type": "multipart/related; boundary='==b=='"},
    ).raise_for_status()

    stored = bucket.get_blob("a")
    assert (stored.download_as_bytes(), stored.content_type) == (b"line\n--==\n", "text/csv")


def start_upload(http, bucket, query="", body=None):
    answer = http.post(f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=a{query}", json=body or {})
    assert answer.status_code == 200, answer.text
    return answer.headers["location"]


def test_a_lost_chunk_is_sent_again_from_where_the_server_is(bucket, http):
    location = start_upload(http, bucket)

    first = http.put(location, content=b"01234", headers={"Content-Range": "bytes 0-4/*"})
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-4")
    ahead = http.put(location, content=b"9", headers={"Content-Range": "bytes 9-9/10"})
    assert ahead.status_code == 503
    status = http.put(location, headers={"Content-Range": "bytes */10"})
    assert (status.status_code, status.headers["range"]) == (308, "bytes=0-4")
    overlapping = http.put(location, content=b"3456789", headers={"Content-Range": "bytes 3-9/10"})
    assert (overlapping.status_code, overlapping.json()["size"]) == (200, "10")
    assert bucket.blob("a").download_as_bytes() == b"0123456789"


def test_a_finished_upload_tells_of_its_object_when_asked_again(bucket, http):
    location = start_upload(http, bucket)
    finished = http.put(location, content=b"hello")

    asked = http.put(location, headers={"Content-Range": "bytes */5"})
    assert (200, finished.json()["generation"]) == (asked.status_code, asked.json()["generation"])


def test_an_upload_of_which_nothing_has_arrived_has_no_range(bucket, http):
    status = http.put(start_upload(http, bucket), headers={"Content-Range": "bytes */*"})

    assert (status.status_code, status.headers.get("range")) == (308, None)


def test_a_condition_is_checked_when_an_upload_starts_and_when_it_ends(bucket, http):
    location = start_upload(http, bucket, "&ifGenerationMatch=0")
    put(bucket, "a", b"somebody was faster")

    assert http.put(location, content=b"late").status_code == 412
    refused = http.post(
        f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=a&ifGenerationMatch=0", json={}
    )
    assert refused.status_code == 412
    assert bucket.blob("a").download_as_bytes() == b"somebody was faster"


def test_a_cancelled_upload_is_gone(bucket, http):
    location = start_upload(http, bucket)

    assert http.delete(location).status_code == 499
    assert http.put(location, content=b"x").status_code == 404


def test_checksums_given_at_the_start_are_held_against_the_content(bucket, http):
    location = start_upload(http, bucket, body={"md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="})

    assert http.put(location, content=b"hello").status_code == 400
    assert bucket.get_blob("a") is None


def test_an_upload_survives_a_killed_server(tmp_path):
    with running(StorageServer(tmp_path, "--bucket", "bucket")) as server, httpx.Client() as http:
        started = http.post(f"{server.url}/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a", json={})
        location = httpx.URL(started.headers["location"])
        http.put(location, content=b"01234", headers={"Content-Range": "bytes 0-4/10"})

        server.restart()

        status = http.put(location, headers={"Content-Range": "bytes */10"})
        assert status.headers["range"] == "bytes=0-4"
        http.put(location, content=b"56789", headers={"Content-Range": "bytes 5-9/10"})
        with server.client() as client:
            assert client.bucket("bucket").blob("a").download_as_bytes() == b"0123456789"
