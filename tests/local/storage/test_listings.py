"""Listings of the local Cloud Storage server, through Google's own client: objects, and the buckets they are in."""

from uuid import uuid4

import httpx
import pytest
from google.api_core import exceptions
from support.servers import running
from support.storage import StorageServer, put

from dropforge_local.storage.state import Storage

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
