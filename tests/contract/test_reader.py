"""Whatever files are only read from keeps the same promises: buckets, and a folder on this machine."""

import base64
import os
from itertools import count

import google_crc32c
import pytest
from support.servers import running
from support.storage import StorageServer

from dropforge.adapters.directory import Directory
from dropforge.adapters.google.storage import CloudStorage
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.domain.datasets import MANIFEST
from dropforge.domain.errors import Missing

PLACES = count()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"), "--bucket", "one")) as server:
        yield server.url


class Bucket:
    """A prefix of a test's own in an object store."""

    def __init__(self, store):
        self.reader = store
        self.prefix = f"test-{next(PLACES)}/"

    def put(self, name, data):
        self.reader.write(self.prefix + name, data, replacing=None)

    def remove(self, name):
        self.reader.delete(self.prefix + name)


class Folder:
    """A folder of a test's own, whose clock moves on between any two writes."""

    prefix = ""

    def __init__(self, path):
        self.path = path
        self.reader = Directory(path)
        self._times = count(1_790_000_000_000_000_000, 1_000_000_000)

    def put(self, name, data):
        (self.path / name).write_bytes(data)
        os.utime(self.path / name, ns=(next(self._times),) * 2)

    def remove(self, name):
        (self.path / name).unlink()


@pytest.fixture(params=["memory", "cloud", "folder"])
def place(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return Folder(tmp_path)
    if request.param == "memory":
        return Bucket(MemoryStore(MemoryDisk(ManualClock()), "one"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("cloud"))
    return Bucket(CloudStorage("p", "one"))


class TestReader:
    def test_a_listing_tells_of_every_file_in_order(self, place):
        for name in ("b", "a.c", "a", "ä"):
            place.put(name, b"123456789")
        found = list(place.reader.list(place.prefix))
        assert [file.name.removeprefix(place.prefix) for file in found] == ["a", "a.c", "b", "ä"]
        assert {(file.size, file.encoding) for file in found} == {(9, "")}
        assert all(file.updated.tzinfo is not None for file in found)

    def test_where_there_is_nothing_nothing_is_listed(self, place):
        assert list(place.reader.list(place.prefix)) == []

    def test_a_listing_is_of_what_begins_with_a_prefix(self, place):
        for name in ("a", "ab", "b"):
            place.put(name, b"x")
        found = list(place.reader.list(f"{place.prefix}a"))
        assert [file.name.removeprefix(place.prefix) for file in found] == ["a", "ab"]

    def test_the_same_bytes_are_listed_the_same_until_they_are_written_again(self, place):
        place.put("a", b"x")
        first, again = list(place.reader.list(place.prefix)), list(place.reader.list(place.prefix))
        place.put("a", b"x")
        later = list(place.reader.list(place.prefix))
        assert first == again != later
        assert first[0].generation != later[0].generation

    def test_a_generation_is_read_as_long_as_it_is_live(self, place):
        place.put("a", b"line one\nline two\n")
        [file] = place.reader.list(place.prefix)
        with place.reader.open(file) as stream:
            assert (stream.readline(), stream.readline(4), stream.read()) == (b"line one\n", b"line", b" two\n")
        place.put("a", b"other")
        with pytest.raises(Missing), place.reader.open(file) as stream:
            stream.read()

    def test_what_was_removed_is_missing(self, place):
        place.put("a", b"x")
        [file] = place.reader.list(place.prefix)
        place.remove("a")
        assert list(place.reader.list(place.prefix)) == []
        with pytest.raises(Missing), place.reader.open(file) as stream:
            stream.read()

    def test_beside_a_manifest_checksums_are_told(self, place):
        """A folder of this machine has them only then: to know them, its files must be read."""
        place.put("a", b"123456789")
        place.put(MANIFEST, b"{}")
        found = {file.name.removeprefix(place.prefix): file.crc32c for file in place.reader.list(place.prefix)}
        assert found["a"] == "4waSgw=="


class TestDirectory:
    """What is so only where files lie on this machine."""

    @pytest.fixture
    def folder(self, tmp_path):
        return Folder(tmp_path)

    def test_links_are_followed(self, folder, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "documents"
        elsewhere.write_bytes(b"x" * 7)
        (folder.path / "corpus.jsonl").symlink_to(elsewhere)
        [file] = folder.reader.list("")
        assert (file.name, file.size) == ("corpus.jsonl", 7)

    def test_a_file_is_read_for_its_checksum_once_as_long_as_it_stays(self, folder, monkeypatch):
        folder.put("a", b"123456789")
        folder.put(MANIFEST, b"{}")
        before = [file.crc32c for file in folder.reader.list("")]
        monkeypatch.setattr(google_crc32c, "Checksum", lambda: pytest.fail("it is read again"))
        assert [file.crc32c for file in folder.reader.list("")] == before
        monkeypatch.undo()
        folder.put("a", b"987654321")
        [_, file] = folder.reader.list("")
        assert file.crc32c == base64.b64encode(google_crc32c.value(b"987654321").to_bytes(4, "big")).decode()

    def test_a_file_is_summed_on_request_unless_it_was_written_to_since(self, folder):
        folder.put("a", b"123456789")
        [file] = folder.reader.list("")
        assert (file.crc32c, folder.reader.summed(file).crc32c) == ("", "4waSgw==")
        folder.put("a", b"987654321")
        with pytest.raises(Missing, match="was written to meanwhile"):
            folder.reader.summed(file)

    def test_a_folder_that_is_not_there_is_missing(self, tmp_path):
        with pytest.raises(Missing, match="nope is not there"):
            list(Directory(tmp_path / "nope").list(""))
