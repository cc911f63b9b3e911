"""A folder is dropped so that nobody takes a mixture of old and new files for a dataset, whoever looks, whatever fails."""

from dataclasses import replace
from itertools import count

import pytest
from support.data import dataset
from support.eager import Eager
from support.world import World

from dropforge import wire
from dropforge.adapters.directory import Directory
from dropforge.adapters.memory import MemoryDisk, MemoryStore
from dropforge.domain.datasets import MANIFEST, Folder
from dropforge.domain.errors import Conflict, Refused, Unavailable
from dropforge.drop import KEYSTONE, Deliverer, Delivery, files_of

OLD = dataset()
OTHER = dataset(queries=90)


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Directory(folder)


@pytest.fixture
def world():
    world = World()
    world.drop = Eager(world)
    return world


@pytest.fixture
def drop(world, tmp_path):
    folders = (tmp_path / f"folder-{number}" for number in count())

    def prepared(files):
        source = write(next(folders), files)
        known = [source.summed(file) for file in files_of(source.list(""))]
        return Deliverer(Delivery.between(known, world.drop, "topics"), source, world.drop)

    return prepared


def taken_in(world):
    """The data files of every run, as they were when it was validated."""
    runs = [world.ledger.load(summary.id) for summary in world.ledger.summaries()]
    return [{pin.name: (pin.size, pin.crc32c) for pin in run.pins} for run in runs]


def pins(files):
    """The data files as a run's pins tell of them."""
    disk = MemoryStore(MemoryDisk(World().clock), "x")
    for name, data in files.items():
        disk.write(f"datasets/topics/{name}", data, replacing=None)
    folder = Folder.of("topics", disk.list("datasets/"))
    return {pin.name: (pin.size, pin.crc32c) for pin in folder.pins}


def stored(world):
    return {file.name.rpartition("/")[2]: world.drop.read(file.name)[0] for file in world.drop.list("datasets/topics/")}


class TestFirst:
    def test_the_folder_is_there_and_its_manifest_comes_last(self, world, drop):
        landed = drop(OLD).deliver()
        files = stored(world)
        manifest = files.pop(MANIFEST)
        assert files == OLD
        assert {(pin.name, pin.size, pin.crc32c) for pin in wire.manifest(manifest)} == {
            (file.name.rpartition("/")[2], file.size, file.crc32c) for file in landed.files if MANIFEST not in file.name
        }
        assert world.drop.changes[-2:] == [f"write {KEYSTONE}", f"write {MANIFEST}"]

    def test_it_is_taken_in_once_and_the_run_is_known_by_the_drop(self, world, drop):
        landed = drop(OLD).deliver()
        [run] = world.ledger.summaries()
        assert world.ledger.taken_in("topics") == (landed.drop, run.id)

    def test_what_is_no_file_of_a_dataset_stays_here(self, world, drop):
        drop(OLD | {"notes.txt": b"x", MANIFEST: b"{}"}).deliver()
        assert stored(world).keys() == {*OLD, MANIFEST}

    def test_how_far_it_is_comes_to_the_size_of_what_is_sent(self, drop):
        sizes = []
        deliverer = drop(OLD)
        deliverer.progress = sizes.append
        deliverer.deliver()
        assert sum(sizes) == sum(map(len, OLD.values()))


class TestAgain:
    def test_the_same_files_are_kept_and_start_nothing(self, world, drop):
        drop(OLD).deliver()
        world.drop.changes.clear()
        again = drop(OLD)
        again.deliver()
        assert (again.sent, [file.name for file in again.delivery.kept]) == ((), sorted(OLD))
        assert world.drop.changes == [f"write {MANIFEST}"]
        assert len(list(world.ledger.summaries())) == 1

    def test_one_file_that_differs_is_all_that_is_sent(self, world, drop):
        drop(OLD).deliver()
        world.drop.changes.clear()
        drop(OLD | {"queries.jsonl": OTHER["queries.jsonl"]}).deliver()
        assert world.drop.changes == [f"delete {MANIFEST}", "write queries.jsonl", f"write {MANIFEST}"]

    def test_a_file_with_a_content_encoding_is_sent_anew(self, world, drop):
        drop(OLD).deliver()
        packed = world.drop._objects[f"datasets/topics/{KEYSTONE}"]
        packed.file = replace(packed.file, encoding="gzip")
        assert [file.name for file in drop(OLD).sent] == [KEYSTONE]

    def test_what_only_the_bucket_has_is_told_and_removed(self, world, drop):
        drop(OLD | {"validation_label.tsv": OLD["test_label.tsv"]}).deliver()
        deliverer = drop(OLD)
        assert deliverer.delivery.surplus == ("validation_label.tsv",)
        deliverer.deliver()
        assert stored(world).keys() == {*OLD, MANIFEST}
        assert pins(OLD) in taken_in(world)


CHANGES = {
    "everything": OTHER,
    "two files, not the keystone": OLD | {name: OTHER[name] for name in ("corpus.jsonl", "queries.jsonl")},
    "the keystone and another": OLD | {name: OTHER[name] for name in (KEYSTONE, "queries.jsonl")},
    "one file": OLD | {"test_label.tsv": OTHER["test_label.tsv"]},
    "only the keystone": OLD | {KEYSTONE: OTHER[KEYSTONE]},
    "a further file": OLD | {"validation_label.tsv": OLD["test_label.tsv"]},
    "without test labels": {name: data for name, data in OLD.items() if name != "test_label.tsv"}
    | {"tuning.yaml": b"test_labels: split\n"},
}


@pytest.mark.parametrize("new", CHANGES.values(), ids=CHANGES)
def test_whoever_looks_meanwhile_takes_in_the_old_folder_or_the_new_one(world, drop, new):
    drop(OLD).deliver()
    drop(new).deliver()
    assert all(files in (pins(OLD), pins(new)) for files in taken_in(world))
    assert pins(new) in taken_in(world)
    manifests = {code for run in world.ledger.summaries() for code in world.ledger.load(run.id).checked.counts}
    assert not {code for code in manifests if code.startswith("manifest-")}


@pytest.mark.parametrize("new", CHANGES.values(), ids=CHANGES)
def test_one_that_breaks_off_anywhere_starts_nothing_mixed_and_goes_on(world, drop, new):
    for fails_at in range(8):
        drop(OLD).deliver()
        world.drop.changes.clear()
        world.drop.fails_at = fails_at
        broken_off = drop(new)
        try:
            broken_off.deliver()
        except Unavailable:
            pass
        else:
            assert fails_at >= len(world.drop.changes), "no failure is passed over"
        world.drop.fails_at = None
        drop(new).deliver()
        assert all(files in (pins(OLD), pins(new)) for files in taken_in(world))
        assert stored(world).keys() == {*new, MANIFEST}


class TestTwoAtOnce:
    @pytest.mark.parametrize("moment", [*OLD, MANIFEST])
    @pytest.mark.parametrize("began", ["at the same time", "in that moment"])
    def test_one_of_them_is_told_and_nothing_mixed_starts(self, world, drop, moment, began):
        told = []

        def trying(deliverer):
            try:
                deliverer.deliver()
            except Conflict as error:
                told.append(str(error))

        theirs = drop(OTHER)
        world.drop.before = {moment: lambda: trying(theirs if began == "at the same time" else drop(OTHER))}
        trying(drop(OLD))
        assert told
        assert all("somebody else is dropping into gs://drop/datasets/topics/ too" in sentence for sentence in told)
        assert all(files in (pins(OLD), pins(OTHER)) for files in taken_in(world))

    def test_a_file_that_another_puts_there_meanwhile_is_not_taken_for_one_of_mine(self, world, drop):
        path = "datasets/topics/validation_label.tsv"
        world.drop.before = {"queries.jsonl": lambda: world.drop.write(path, OTHER["test_label.tsv"], replacing=None)}
        with pytest.raises(Conflict, match=r"validation_label\.tsv changed there meanwhile"):
            drop(OLD).deliver()
        assert taken_in(world) == []

    def test_one_that_was_prepared_before_another_came_changes_nothing_of_it(self, world, drop):
        mine, theirs = drop(OLD), drop(OTHER)
        theirs.deliver()
        before = stored(world)
        with pytest.raises(Conflict):
            mine.deliver()
        assert stored(world) == before


def test_an_answer_that_was_lost_is_no_conflict(world, drop):
    upload = world.drop.upload

    def repeated(name, content, **how):
        upload(name, content, **how)
        content.seek(0)
        return upload(name, content, **how)  # the client asks again, and is refused by its own first try

    world.drop.upload = repeated
    drop(OLD).deliver()
    assert taken_in(world) == [pins(OLD)]


class TestFolderThatChanges:
    def test_a_file_that_was_written_to_since_it_was_listed_is_not_sent(self, world, drop):
        deliverer = drop(OLD)
        (deliverer.source._path / "corpus.jsonl").write_bytes(OTHER["corpus.jsonl"] + b"\n")
        with pytest.raises(Unavailable, match=r"corpus\.jsonl was written to meanwhile: leave the folder alone"):
            deliverer.deliver()
        assert taken_in(world) == []

    @pytest.mark.parametrize("data", [b"x", OLD["corpus.jsonl"].replace(b"document", b"DOCUMENT")])
    def test_one_that_changes_while_it_is_read_is_refused_by_its_checksum(self, world, drop, data):
        deliverer = drop(OLD)
        path = deliverer.source._path / "corpus.jsonl"
        open_for_real = deliverer.source.open

        def late(file):
            stream = open_for_real(file)
            if file.name == path.name:
                path.write_bytes(data)
            return stream

        deliverer.source.open = late
        with pytest.raises(Unavailable, match=r"corpus\.jsonl changed while it was uploaded"):
            deliverer.deliver()
        assert "corpus.jsonl" not in stored(world)

    def test_what_the_service_refuses_though_nothing_changed_is_told_as_it_is(self, world, drop):
        def refuse(name, content, **how):
            raise Refused("too long a name")

        world.drop.upload = refuse
        with pytest.raises(Refused, match="too long a name"):
            drop(OLD).deliver()
