"""Every object store keeps the same promises: in memory, and Google's client against the local server."""

import base64
from io import BytesIO
from itertools import count

import google_crc32c
import pytest
from support.servers import running
from support.storage import StorageServer

from dropforge.adapters.google.storage import CloudStorage
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.domain.errors import Conflict, Missing, Refused
from dropforge.ports import NEW

NAMES = count()
LARGE = 9 * 1024 * 1024  # bytes, more than are asked for at a time


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("storage")
    with running(StorageServer(folder, "--bucket", "one", "--bucket", "other")) as server:
        yield server.url


@pytest.fixture(params=["memory", "cloud"])
def stores(request, monkeypatch):
    if request.param == "memory":
        disk = MemoryDisk(ManualClock())
        return MemoryStore(disk, "one"), MemoryStore(disk, "other")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("cloud"))
    return CloudStorage("p", "one"), CloudStorage("p", "other")


@pytest.fixture
def store(stores):
    return stores[0]


@pytest.fixture
def prefix():
    """A prefix of the test's own: the buckets are shared."""
    return f"test-{next(NAMES)}/"


def checksum(data):
    """As a stored file has it."""
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def read_through(store, file):
    with store.open(file) as stream:
        assert sum(map(len, iter(lambda: stream.read(100_000), b""))) == LARGE


class TestObjectStore:
    def test_what_was_written_is_read(self, store, prefix):
        generation = store.write(prefix + "a", b"content", replacing=None)
        assert store.read(prefix + "a") == (b"content", generation)

    def test_what_is_not_there_is_missing(self, store, prefix):
        with pytest.raises(Missing):
            store.read(prefix + "a")

    @pytest.mark.parametrize("size", [0, 9, 20_000_000], ids=["empty", "small", "in pieces"])
    def test_a_stream_is_stored_whole(self, store, prefix, size):
        data = bytes(range(256)) * (size // 256 + 1)
        generation = store.upload(prefix + "a", BytesIO(data), size=size, crc32c=checksum(data[:size]), replacing=NEW)
        [file] = store.list(prefix)
        assert (file.generation, file.size, file.crc32c) == (generation, size, checksum(data[:size]))
        assert store.read(prefix + "a") == (data[:size], generation)

    @pytest.mark.parametrize("size", [9, 20_000_000], ids=["small", "in pieces"])
    def test_a_stream_of_fewer_or_other_bytes_is_refused_and_what_was_there_stays(self, store, prefix, size):
        before = store.write(prefix + "a", b"before", replacing=NEW)
        for data in (b"x" * (size - 1), b"y" * size):
            with pytest.raises(Refused):
                store.upload(prefix + "a", BytesIO(data), size=size, crc32c=checksum(b"x" * size), replacing=before)
        assert store.read(prefix + "a") == (b"before", before)

    def test_a_stream_replaces_only_the_generation_that_it_names(self, store, prefix):
        first = store.write(prefix + "a", b"1", replacing=NEW)
        for replacing in (NEW, first - 1):
            with pytest.raises(Conflict):
                store.upload(prefix + "a", BytesIO(b"2"), size=1, crc32c=checksum(b"2"), replacing=replacing)
        store.upload(prefix + "a", BytesIO(b"2"), size=1, crc32c=checksum(b"2"), replacing=first)
        assert store.read(prefix + "a")[0] == b"2"

    def test_a_listing_tells_of_every_object_in_order(self, store, prefix):
        generations = {
            name: store.write(prefix + name, b"123456789", replacing=None, metadata={"k": "ü"})
            for name in ("b", "a/x", "a")
        }
        found = list(store.list(prefix))
        assert [(file.name, file.generation) for file in found] == [
            (prefix + name, generations[name]) for name in ("a", "a/x", "b")
        ]
        first = found[0]
        assert (first.bucket, first.size, first.crc32c, first.metadata) == ("one", 9, "4waSgw==", {"k": "ü"})
        assert first.encoding == ""
        assert first.updated.tzinfo is not None

    def test_more_than_a_page_is_listed(self, store, prefix):
        for number in range(1005):
            store.write(f"{prefix}{number:04}", b"", replacing=None)
        assert len(list(store.list(prefix))) == 1005

    def test_a_page_goes_on_behind_a_name(self, store, prefix):
        for name in ("a", "b", "c", "d"):
            store.write(prefix + name, b"", replacing=None, metadata={"k": name})

        def page(**which):
            return [file.metadata["k"] for file in store.page(prefix, **which)]

        assert page(most=2) == ["a", "b"]
        assert page(after=prefix + "b", most=2) == ["c", "d"]
        assert page(after=prefix + "b-is-not-there", most=1) == ["c"]
        assert page(after=prefix + "d", most=2) == []
        assert page(after="", most=9) == ["a", "b", "c", "d"]

    def test_an_object_is_created_once(self, store, prefix):
        store.write(prefix + "a", b"first", replacing=NEW)
        with pytest.raises(Conflict):
            store.write(prefix + "a", b"second", replacing=NEW)
        assert store.read(prefix + "a")[0] == b"first"

    def test_an_object_is_replaced_only_where_its_generation_stands(self, store, prefix):
        first = store.write(prefix + "a", b"1", replacing=NEW)
        second = store.write(prefix + "a", b"2", replacing=first)
        assert second > first
        with pytest.raises(Conflict):
            store.write(prefix + "a", b"3", replacing=first)

    def test_a_generation_is_read_as_long_as_it_is_live(self, store, prefix):
        store.write(prefix + "a", b"line one\nline two\n", replacing=NEW)
        [file] = store.list(prefix)
        with store.open(file) as stream:
            assert (stream.readline(), stream.readline(4), stream.read()) == (b"line one\n", b"line", b" two\n")
        store.write(prefix + "a", b"other", replacing=None)
        with pytest.raises(Missing), store.open(file) as stream:
            stream.read()

    def test_an_annotation_leaves_content_and_generation(self, store, prefix):
        generation = store.write(prefix + "a", b"content", replacing=NEW, metadata={"kept": "1", "changed": "1"})
        [before] = store.list(prefix)
        store.annotate(prefix + "a", {"changed": "2", "added": "3"})
        assert store.read(prefix + "a") == (b"content", generation)
        [file] = store.list(prefix)
        assert file.metadata == {"kept": "1", "changed": "2", "added": "3"}
        assert file.updated >= before.updated

    def test_an_annotation_makes_no_object(self, store, prefix):
        with pytest.raises(Missing):
            store.annotate(prefix + "a", {"k": "v"})
        assert list(store.list(prefix)) == []

    def test_a_copy_is_of_exactly_one_generation(self, stores, prefix):
        store, other = stores
        store.write(prefix + "a", b"first", replacing=NEW)
        [file] = store.list(prefix)
        other.copy_from(file, prefix + "copy")
        assert other.read(prefix + "copy")[0] == b"first"
        store.write(prefix + "a", b"second", replacing=None)
        with pytest.raises(Missing):
            other.copy_from(file, prefix + "late")

    def test_a_copy_that_is_there_is_kept(self, stores, prefix):
        store, other = stores
        other.write(prefix + "copy", b"kept", replacing=NEW)
        store.write(prefix + "a", b"new", replacing=NEW)
        [file] = store.list(prefix)
        other.copy_from(file, prefix + "copy")
        assert other.read(prefix + "copy")[0] == b"kept"

    def test_a_generation_that_was_replaced_is_not_deleted(self, store, prefix):
        first = store.write(prefix + "a", b"1", replacing=NEW)
        second = store.write(prefix + "a", b"2", replacing=first)
        store.delete(prefix + "a", generation=first)
        assert store.read(prefix + "a") == (b"2", second)
        store.delete(prefix + "a", generation=second)
        assert list(store.list(prefix)) == []

    def test_what_is_deleted_is_gone_and_may_be_deleted_again(self, store, prefix):
        store.write(prefix + "a", b"1", replacing=NEW)
        store.delete(prefix + "a")
        store.delete(prefix + "a")
        assert list(store.list(prefix)) == []
        assert store.write(prefix + "a", b"2", replacing=NEW)


@pytest.mark.parametrize(
    ("requests", "call"),
    [
        (1, lambda store, file: list(store.list(file.name))),
        (1, lambda store, file: store.page("", most=1)),
        (1, lambda store, file: store.read(file.name)),
        (1, lambda store, file: store.write(file.name, b"2", replacing=file.generation)),
        (1, lambda store, file: store.annotate(file.name, {"k": "v"})),
        (1, lambda store, file: store.copy_from(file, f"{file.name}-copy")),
        (1, lambda store, file: store.delete(file.name)),
        (1 + 1, read_through),
    ],
    ids=["list", "page", "read", "write", "annotate", "copy", "delete", "open"],
)
def test_a_call_is_one_request_and_opening_one_for_each_piece(cloud, prefix, monkeypatch, requests, call):
    """Expect as many requests as the page on performance counts: the end of a file is not asked for."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud)
    store = CloudStorage("p", "one")
    store.write(prefix + "a", b"1" * LARGE, replacing=NEW)
    [file] = store.list(prefix)
    made, send = [], store._client._http.request
    monkeypatch.setattr(store._client._http, "request", lambda *a, **k: made.append(a) or send(*a, **k))
    call(store, file)
    assert len(made) == requests
