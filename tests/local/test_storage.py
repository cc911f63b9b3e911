"""Google's own client against the local Cloud Storage server: objects, conditions, listings."""

import gzip
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from google.api_core import exceptions
from support.storage import StorageServer, running

from dropforge_local.storage.database import Database
from dropforge_local.storage.state import Storage

_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"))) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def bucket(client):
    return client.create_bucket(f"bucket-{uuid4().hex}")


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as http:
        yield http


def put(bucket, name, data=b"x", **conditions):
    blob = bucket.blob(name)
    blob.upload_from_string(data, **conditions)
    return blob


# ── Contents ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["plain.txt", "a/b/c", "with space", "grüße/日本.txt", "50%25?#&+.txt", "a//b", "'\"", "nul\0"]
)
def test_an_object_of_any_name_comes_back_as_it_was_stored(bucket, name):
    put(bucket, name, b"hello")

    assert bucket.blob(name).download_as_bytes() == b"hello"
    assert [blob.name for blob in bucket.list_blobs()] == [name]


def test_an_object_has_the_checksums_and_type_of_its_content(bucket):
    blob = bucket.blob("a.csv")
    blob.metadata = {"colour": "grün"}
    blob.upload_from_string("hello", content_type="text/csv")

    stored = bucket.get_blob("a.csv")
    assert (stored.crc32c, stored.md5_hash) == ("mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert (stored.content_type, stored.size, stored.metadata) == ("text/csv", 5, {"colour": "grün"})


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


def test_a_range_is_the_part_that_was_asked_for(bucket):
    blob = put(bucket, "digits", b"0123456789")

    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(start=-3) == b"789"


def test_a_range_behind_the_end_is_refused_with_416(bucket):
    blob = put(bucket, "digits", b"0123456789")

    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_a_compressed_object_is_decompressed_for_those_who_cannot(bucket, http):
    packed = gzip.compress(b"hello" * 1000)
    blob = bucket.blob("packed.txt")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    url = f"/storage/v1/b/{bucket.name}/o/packed.txt?alt=media"

    plain = http.get(url, headers={"Accept-Encoding": "identity"})
    assert (plain.content, plain.headers.get("content-encoding")) == (b"hello" * 1000, None)
    with http.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as stored:
        assert ("gzip", packed) == (stored.headers["content-encoding"], b"".join(stored.iter_raw()))
    assert blob.download_as_bytes() == b"hello" * 1000


def test_a_download_has_the_headers_that_its_object_was_given(bucket, http):
    blob = bucket.blob("a")
    blob.cache_control, blob.content_disposition = "no-store", 'attachment; filename="日本.txt"'
    blob.upload_from_string(b"x", content_type="text/plain")

    headers = http.get(f"/storage/v1/b/{bucket.name}/o/a?alt=media").headers
    assert (headers["content-type"], headers["cache-control"]) == ("text/plain", "no-store")
    assert headers["content-disposition"] == 'attachment; filename="日本.txt"'


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


# ── Resumable uploads ─────────────────────────────────────────────────────────────────────────────────────────────


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
    with running(StorageServer(tmp_path, ["--bucket", "bucket"])) as server, httpx.Client() as http:
        started = http.post(f"{server.url}/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a", json={})
        location = httpx.URL(started.headers["location"])
        http.put(location, content=b"01234", headers={"Content-Range": "bytes 0-4/10"})

        server.kill()
        server.start()

        status = http.put(location, headers={"Content-Range": "bytes */10"})
        assert status.headers["range"] == "bytes=0-4"
        http.put(location, content=b"56789", headers={"Content-Range": "bytes 5-9/10"})
        with server.client() as client:
            assert client.bucket("bucket").blob("a").download_as_bytes() == b"0123456789"


# ── Generations and conditions ────────────────────────────────────────────────────────────────────────────────────


def test_every_content_has_a_generation_of_its_own_and_every_change_of_metadata_counts(bucket):
    blob = put(bucket, "a")
    first = blob.generation
    blob.metadata = {"k": "v"}
    blob.patch()
    assert (first, 2) == (blob.generation, blob.metageneration)

    again = put(bucket, "a")
    assert again.generation > first
    assert again.metageneration == 1


def test_an_overwritten_generation_is_gone(bucket):
    old = put(bucket, "a", b"old").generation
    put(bucket, "a", b"new")

    with pytest.raises(exceptions.NotFound):
        bucket.blob("a", generation=old).download_as_bytes()


def test_a_versioned_bucket_keeps_what_is_overwritten_and_deleted(bucket):
    bucket.versioning_enabled = True
    bucket.patch()
    old = put(bucket, "a", b"old")
    new = put(bucket, "a", b"new")
    bucket.blob("a").delete()

    assert list(bucket.list_blobs()) == []
    assert [old.generation, new.generation] == [blob.generation for blob in bucket.list_blobs(versions=True)]
    assert bucket.blob("a", generation=old.generation).download_as_bytes() == b"old"
    bucket.blob("a", generation=old.generation).delete()
    assert [new.generation] == [blob.generation for blob in bucket.list_blobs(versions=True)]


def refused_writes(bucket, blob):
    """Every way to change an object, under a condition that does not hold."""
    other = put(bucket, "other", b"other")
    wrong = blob.generation + 1
    fresh = bucket.blob("a")
    return {
        "upload": lambda: fresh.upload_from_string(b"x", if_generation_match=wrong),
        "upload, not": lambda: fresh.upload_from_string(b"x", if_generation_not_match=blob.generation),
        "upload, metageneration": lambda: fresh.upload_from_string(b"x", if_metageneration_match=7),
        "upload, not metageneration": lambda: fresh.upload_from_string(b"x", if_metageneration_not_match=1),
        "create": lambda: fresh.upload_from_string(b"x", if_generation_match=0),
        "patch": lambda: blob.patch(if_metageneration_match=7),
        "update": lambda: blob.update(if_generation_match=wrong),
        "delete": lambda: fresh.delete(if_generation_match=wrong),
        "compose": lambda: fresh.compose([other], if_generation_match=wrong),
        "compose, source": lambda: fresh.compose([other], if_source_generation_match=[wrong]),
        "rewrite": lambda: fresh.rewrite(other, if_generation_match=wrong),
        "rewrite, source": lambda: fresh.rewrite(other, if_source_generation_match=wrong),
        "rewrite, source metageneration": lambda: fresh.rewrite(other, if_source_metageneration_match=7),
        "copy": lambda: bucket.copy_blob(other, bucket, "a", if_generation_match=0),
        "move": lambda: bucket.move_blob(other, "a", if_generation_match=0),
    }


def test_no_verb_changes_anything_under_a_condition_that_does_not_hold(bucket):
    blob = put(bucket, "a", b"as it was")

    for verb, refused_write in refused_writes(bucket, blob).items():
        with pytest.raises(exceptions.PreconditionFailed):
            refused_write()
        now = bucket.get_blob("a")
        assert (verb, blob.generation, 1) == (verb, now.generation, now.metageneration)


def test_a_reader_who_has_what_is_there_gets_304(bucket, http):
    blob = put(bucket, "a")
    url = f"/storage/v1/b/{bucket.name}/o/a"

    for condition in (f"ifGenerationNotMatch={blob.generation}", "ifMetagenerationNotMatch=1"):
        answer = http.get(f"{url}?{condition}")
        assert (answer.status_code, answer.content) == (304, b"")
    assert http.get(f"{url}?ifGenerationMatch=1").status_code == 412
    assert http.get(f"{url}?alt=media&ifGenerationNotMatch=1").status_code == 200


def test_of_32_who_create_one_name_exactly_one_wins(bucket):
    def create(number):
        try:
            bucket.blob("lock").upload_from_string(str(number), if_generation_match=0)
        except exceptions.PreconditionFailed:
            return None
        return str(number).encode()

    with ThreadPoolExecutor(32) as threads:
        winners = [winner for winner in threads.map(create, range(32)) if winner]
    assert [bucket.blob("lock").download_as_bytes()] == winners


def test_increments_by_compare_and_swap_lose_none(bucket):
    put(bucket, "counter", b"0")

    def increment(_):
        while True:
            try:
                seen = bucket.get_blob("counter")
                value = int(seen.download_as_bytes())
                seen.upload_from_string(str(value + 1), if_generation_match=seen.generation)
            except (exceptions.NotFound, exceptions.PreconditionFailed):
                continue  # somebody was faster: the generation that was seen is gone
            return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, range(40)))
    assert bucket.blob("counter").download_as_bytes() == b"40"


def test_generations_grow_across_a_restart_and_a_clock_that_jumps_back(tmp_path):
    database = Database(tmp_path / "storage.sqlite3")
    with database.transaction():
        ahead = database.next_generation() + 3600 * 1_000_000
        database.execute("UPDATE counters SET value = ? WHERE name = 'generation'", ahead)
    database.close()

    reopened = Database(tmp_path / "storage.sqlite3")
    with reopened.transaction():
        assert [ahead + 1, ahead + 2] == [reopened.next_generation(), reopened.next_generation()]
    reopened.close()


# ── Copies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_copy_outlives_what_it_was_copied_from(bucket):
    source = bucket.blob("source")
    source.metadata = {"k": "v"}
    source.upload_from_string(b"content", content_type="text/csv")
    bucket.copy_blob(source, bucket, "copied", source_generation=source.generation)
    bucket.blob("rewritten").rewrite(source)
    source.delete()

    for name in ("copied", "rewritten"):
        copy = bucket.get_blob(name)
        assert (copy.content_type, copy.metadata, copy.download_as_bytes()) == ("text/csv", {"k": "v"}, b"content")
        copy.delete()


def test_a_composed_object_has_a_crc32c_and_no_md5(bucket):
    parts = [put(bucket, f"part-{number}", str(number).encode()) for number in range(3)]
    composed = bucket.blob("whole")
    composed.content_type = "text/plain"
    composed.compose([*parts, parts[0]])

    stored = bucket.get_blob("whole")
    assert (
        stored.download_as_bytes(checksum="crc32c"),
        stored.md5_hash,
        stored.component_count,
        stored.content_type,
    ) == (b"0120", None, 4, "text/plain")


def test_a_moved_object_is_at_its_new_name_only(bucket):
    bucket.move_blob(put(bucket, "old", b"content"), "new")

    assert [blob.name for blob in bucket.list_blobs()] == ["new"]
    assert bucket.blob("new").download_as_bytes() == b"content"


def test_a_patch_merges_and_an_update_replaces(bucket):
    blob = put(bucket, "a")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.cache_control = "no-cache"
    blob.patch()
    blob.metadata = {"keep": "1", "drop": None}
    blob.patch()
    assert (bucket.get_blob("a").metadata, bucket.get_blob("a").cache_control) == ({"keep": "1"}, "no-cache")

    fresh = bucket.blob("a")
    fresh.content_type = "text/csv"
    fresh.update()
    replaced = bucket.get_blob("a")
    assert (replaced.metadata, replaced.cache_control, replaced.content_type) == (None, None, "text/csv")


def test_a_batch_does_all_it_can_and_tells_what_failed(bucket, client):
    kept, doomed = put(bucket, "kept"), put(bucket, "doomed/with space")
    kept.metadata = {"k": "v"}

    batch = client.batch(raise_exception=False)
    with batch:
        bucket.blob("absent").delete()
        doomed.delete()
        kept.patch()

    assert [blob.name for blob in bucket.list_blobs()] == ["kept"]
    assert bucket.get_blob("kept").metadata == {"k": "v"}


# ── Listings ──────────────────────────────────────────────────────────────────────────────────────────────────────

_TREE = ["a/1", "a/2", "a/b/3", "a/b/c/4", "a0", "b", "b/", "b/5", "ü/6", "\U0010ffff/7"]


@pytest.fixture(scope="module")
def tree(client):
    bucket = client.create_bucket(f"tree-{uuid4().hex}")
    for name in _TREE:
        put(bucket, name)
    return bucket


@pytest.mark.parametrize(
    ("options", "names", "prefixes"),
    [
        ({}, _TREE, set()),
        ({"prefix": "a/"}, ["a/1", "a/2", "a/b/3", "a/b/c/4"], set()),
        ({"delimiter": "/"}, ["a0", "b"], {"a/", "b/", "ü/", "\U0010ffff/"}),
        ({"prefix": "a/", "delimiter": "/"}, ["a/1", "a/2"], {"a/b/"}),
        ({"delimiter": "/", "include_trailing_delimiter": True}, ["a0", "b", "b/"], {"a/", "b/", "ü/", "\U0010ffff/"}),
        ({"start_offset": "a/b", "end_offset": "b"}, ["a/b/3", "a/b/c/4", "a0"], set()),
        ({"match_glob": "a/*"}, ["a/1", "a/2"], set()),
        ({"match_glob": "a/**"}, ["a/1", "a/2", "a/b/3", "a/b/c/4"], set()),
        ({"match_glob": "**/[3-5]"}, ["a/b/3", "a/b/c/4", "b/5"], set()),
        ({"match_glob": "{a/?,ü/*}"}, ["a/1", "a/2", "ü/6"], set()),
        ({"prefix": "\U0010ffff"}, ["\U0010ffff/7"], set()),
        ({"prefix": "absent"}, [], set()),
    ],
)
def test_a_listing_selects_and_groups(tree, options, names, prefixes):
    for page_size in (1, 3, 1000):  # pages must not show
        listed = tree.list_blobs(page_size=page_size, **options)
        assert names == [blob.name for blob in listed]
        assert prefixes == listed.prefixes


def test_a_listing_shows_custom_metadata(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"")

    assert [blob.metadata for blob in bucket.list_blobs()] == [{"k": "v"}]


def test_a_listing_has_a_thousand_results_a_page(tmp_path):
    storage = Storage(tmp_path)
    storage.buckets.ensure("bucket")
    for number in range(1001):
        with storage.objects.draft() as blob:
            storage.objects.put("bucket", f"{number:04}", storage.blobs.seal(blob), {})
    storage.close()

    with running(StorageServer(tmp_path)) as server:
        url = f"{server.url}/storage/v1/b/bucket/o"
        first = httpx.get(url).json()
        second = httpx.get(url, params={"pageToken": first["nextPageToken"]}).json()
    assert len(first["items"]) == 1000
    assert ([item["name"] for item in second["items"]], second.get("nextPageToken")) == (["1000"], None)


# ── Buckets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bucket_keeps_its_settings(bucket, client):
    bucket.labels = {"team": "search"}
    bucket.patch()

    assert (client.get_bucket(bucket.name).labels, bucket.metageneration) == ({"team": "search"}, 2)
    assert bucket.name in {bucket.name for bucket in client.list_buckets(prefix="bucket-")}


def test_a_bucket_that_is_not_empty_is_not_deleted(bucket, client):
    blob = put(bucket, "a")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()

    blob.delete()
    bucket.delete()
    assert client.lookup_bucket(bucket.name) is None


def test_a_bucket_cannot_be_created_twice(bucket, client):
    with pytest.raises(exceptions.Conflict):
        client.create_bucket(bucket.name)


# ── Refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("verb", "path", "content", "status", "reason"),
    [
        ("GET", "/storage/v1/b/no-such-bucket", b"", 404, "notFound"),
        ("GET", "/storage/v1/b/{bucket}/o/absent", b"", 404, "notFound"),
        ("DELETE", "/storage/v1/b/{bucket}/o/absent", b"", 404, "notFound"),
        ("GET", "/storage/v1/b/{bucket}/o/a?generation=x", b"", 400, "invalid"),
        ("GET", "/storage/v1/b/{bucket}/o?pageToken=x", b"", 400, "invalid"),
        ("GET", "/storage/v1/b/{bucket}/o?maxResults=-1", b"", 400, "invalid"),
        ("POST", "/storage/v1/b", b'{"name": "Upper"}', 400, "invalid"),
        ("POST", "/storage/v1/b", b'{"name": ', 400, "invalid"),
        ("POST", "/storage/v1/b", b"[]", 400, "invalid"),
        ("POST", "/storage/v1/b/{bucket}/o/a/compose", b'{"sourceObjects": []}', 400, "invalid"),
        ("POST", "/storage/v1/b/{bucket}/o/a/compose", b'{"sourceObjects": [1]}', 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media", b"no name", 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=a%0Ab", b"", 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=" + "n" * 1025, b"", 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=a&ifGenerationMatch=x", b"", 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name=a", b"no parts", 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=resumable", b'{"name": "\\ud800"}', 400, "invalid"),
        ("PUT", "/upload/storage/v1/b/{bucket}/o?upload_id=unknown", b"", 404, "notFound"),
        ("POST", "/batch/storage/v1", b"", 400, "invalid"),
        ("POST", "/storage/v1/b", b"\xff", 400, "invalid"),
        ("POST", "/storage/v1/b", b'{"name":' + b"[" * 10_000, 400, "invalid"),
        ("PATCH", "/storage/v1/b/{bucket}/o/a", b'{"metadata": {"k": 1}}', 400, "invalid"),
        ("PATCH", "/storage/v1/b/{bucket}/o/a", b'{"contentType": "a\\r\\nb: c"}', 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=a", b'{"crc32c": 1}', 400, "invalid"),
        ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=odd&name=a", b"", 400, "invalid"),
        ("GET", "/storage/v1/b/{bucket}/o/%FF", b"", 400, "invalid"),
        ("GET", "/nothing/here", b"", 404, "notFound"),
    ],
)
def test_nonsense_is_refused_in_googles_json(bucket, http, verb, path, content, status, reason):
    answer = http.request(verb, path.format(bucket=bucket.name), content=content)

    error = answer.json()["error"]
    assert (status, status, reason) == (answer.status_code, error["code"], error["errors"][0]["reason"])
    assert error["message"]


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
