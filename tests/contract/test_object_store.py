"""Every object store keeps the same promises: in memory, and Google's client against the local server."""

from itertools import count

import pytest
from support.servers import running
from support.storage import StorageServer

from dropforge.adapters.google.storage import CloudStorage
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.domain.errors import Conflict, Missing
from dropforge.ports import NEW

NAMES = count()


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


class TestObjectStore:
    def test_what_was_written_is_read(self, store, prefix):
        generation = store.write(prefix + "a", b"content", replacing=None)
        assert store.read(prefix + "a") == (b"content", generation)

    def test_what_is_not_there_is_missing(self, store, prefix):
        with pytest.raises(Missing):
            store.read(prefix + "a")

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
