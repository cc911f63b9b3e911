"""Objects in the local Cloud Storage server, through Google's own client: contents, copies, refusals."""

import gzip

import pytest
from google.api_core import exceptions
from support.storage import put


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
