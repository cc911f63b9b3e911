"""A corrected copy differs where there is only one way to mend, says so, and leaves the source as it is."""

import os
import tracemalloc
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data import dataset
from support.examination import examined

from dropforge import mend as mending
from dropforge.domain.datasets import KNOWN
from dropforge.domain.errors import Refused
from dropforge.mend import MOST_STRAYS, How, mend

CORPUS, QUERIES, TRAINING, TEST = "corpus.jsonl", "queries.jsonl", "training_label.tsv", "test_label.tsv"
ONE, TWO = b'{"_id": "d1", "text": "One"}', b'{"_id": "d2", "text": "Two"}'
HEADER = b"query-id\tcorpus-id\tscore\n"


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mended(tmp_path, files):
    """The copy of a folder, and what is said to be different in it."""
    changes = mend(write(tmp_path / "topics", files), tmp_path / "copy")
    return read(tmp_path / "copy"), [str(change) for change in changes]


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        (CORPUS, BOM_UTF8 + ONE + b"\n", ONE + b"\n", "byte-order mark removed: line 1"),
        (CORPUS, BOM_UTF8 * 2 + ONE + b"\n", ONE + b"\n", "byte-order mark removed: line 1"),
        (CORPUS, ONE + b"\r\n" + TWO + b"\r\n", ONE + b"\n" + TWO + b"\n", "CR LF made LF, 2 times: lines 1, 2"),
        (CORPUS, ONE + b"\r\r\n", ONE + b"\n", "CR LF made LF: line 1"),
        (CORPUS, ONE + b"\r", ONE, "CR LF made LF: line 1"),
        (CORPUS, b"\n" + ONE + b"\n \t\n\r\n", ONE + b"\n", "blank line removed, 3 times: lines 1, 3, 4"),
        (CORPUS, ONE + b"\n" + TWO + b"\n" + ONE + b"\n", ONE + b"\n" + TWO + b"\n", "exact duplicate removed: line 3"),
        (CORPUS, ONE + b"\n" + ONE, ONE + b"\n", "exact duplicate removed: line 2"),
        (CORPUS, BOM_UTF16_LE + (ONE + b"\n").decode().encode("utf-16-le"), ONE + b"\n", "UTF-16 made UTF-8"),
        (CORPUS, BOM_UTF16_BE + "日本\n".encode("utf-16-be"), "日本\n".encode(), "UTF-16 made UTF-8"),
        (TEST, b"query-id corpus-id  score\nq1\td1\t1\n", HEADER + b"q1\td1\t1\n", "spaces made tabs: line 1"),
        (TEST, HEADER + b"q1  d1 1\n", HEADER + b"q1\td1\t1\n", "spaces made tabs: line 2"),
        (TEST, HEADER + b"q1 d1\n", HEADER + b"q1\td1\n", "spaces made tabs: line 2"),
        (TEST, HEADER + b"q1\td1\t1\nq1\td1\t1\n", HEADER + b"q1\td1\t1\n", "exact duplicate removed: line 3"),
        (TEST, HEADER + b"q1\td1\t1\nq1\td1\n", HEADER + b"q1\td1\t1\n", "exact duplicate removed: line 3"),
        (TEST, HEADER + b"q1\td1\t01\nq1\td1\t1\n", HEADER + b"q1\td1\t01\n", "exact duplicate removed: line 3"),
    ],
)
def test_what_has_one_way_to_be_mended_is(tmp_path, name, before, after, told):
    assert mended(tmp_path, {name: before}) == ({name: after}, [f"{name}: {told}"])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (CORPUS, ONE + b"\n" + ONE.replace(b"One", b"Other") + b"\n"),  # which of the texts is meant?
        (CORPUS, ONE + b"\n" + ONE.replace(b'", "', b'","') + b"\n"),  # the same, but not to the byte
        (CORPUS, b'{"_id": "d1", "text": ""}\n{"text": "One"}\n'),
        (CORPUS, b"{\n}\n{\n}\n{}\n{}\n"),  # a record over several lines may have the same line twice
        (CORPUS, ONE + BOM_UTF8 + b"\n" + BOM_UTF8 + TWO + b"\n"),  # within the file it may be a part of a text
        (CORPUS, ONE + b"\r" + TWO + b"\r" + ONE + b"\n"),  # line ends of another kind, or control characters
        (CORPUS, ONE + b"  \n  " + TWO),
        (CORPUS, b""),
        (TEST, HEADER + b"q1\td1\t1\nq1\td1\t2\n"),
        (TEST, HEADER + b"q1\td1\t0.5\nq1\td1\t0.5\n"),
        (TEST, HEADER + b"q1 1\nq1 d1 x\nq 1 d1 1\n"),  # no document; no score; an id with a space?
        (TEST, HEADER + b'"q 1"\td1\t1\n"q1" d1 1\nq1,d1 1\nq1\td1 1\n'),
        (TEST, b"query-id,corpus-id,score\nq1,d1,1\n"),
        (TEST, b"corpus-id query-id score\n"),
        (TEST, b"q1 d1 1\n"),  # where the header should be
        (TEST, HEADER + HEADER),
        ("tuning.yaml", b"\xef\xbb\xbfbatch_size: 64\r\n\r\nbatch_size: 64"),
    ],
)
def test_what_somebody_has_to_decide_is_copied_as_it_is(tmp_path, name, data):
    assert mended(tmp_path, {name: data}) == ({name: data}, [])


@pytest.mark.parametrize(
    "data",
    [
        "caf\xe9\r\n\r\n".encode("latin-1"),
        BOM_UTF16_LE + "a\r\n\r\n".encode("utf-32-le"),
        BOM_UTF16_LE + b"a",
        BOM_UTF16_LE + b"\x00\xd8a\x00",
    ],
)
def test_of_another_encoding_nothing_is_certain(tmp_path, data):
    assert mended(tmp_path, {CORPUS: data}) == ({CORPUS: data}, [f"{CORPUS}: copied as it is: it is not UTF-8"])


def test_everything_at_once_is_mended_as_numbered_in_the_source(tmp_path):
    before = b"\r\n" + BOM_UTF8 + b"query-id corpus-id score\r\n" + b"q1 d1 1\r\n\r\n" + b"q1\td1\t1\r\n" * 30
    assert mended(tmp_path, {TEST: before}) == (
        {TEST: HEADER + b"q1\td1\t1\n"},
        [
            f"{TEST}: blank line removed, 2 times: lines 1, 4",
            f"{TEST}: byte-order mark removed: line 2",
            f"{TEST}: CR LF made LF, 32 times: lines 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, ...",
            f"{TEST}: spaces made tabs, 2 times: lines 2, 3",
            f"{TEST}: exact duplicate removed, 30 times: lines 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, ...",
        ],
    )


def spoilt():
    """A clean dataset with every certain fault in it."""
    files = dataset()
    return {
        CORPUS: BOM_UTF8 + files[CORPUS].replace(b"\n", b"\r\n"),
        QUERIES: files[QUERIES].decode().encode("utf-16"),
        TRAINING: files[TRAINING].replace(b"\t", b" ") + files[TRAINING].splitlines(keepends=True)[1],
        TEST: files[TEST].replace(b"\n", b"\n\n"),
    }


def test_a_folder_with_certain_faults_only_is_accepted_when_it_is_mended(tmp_path):
    assert examined(spoilt()).verdict == "rejected"
    copy, _ = mended(tmp_path, spoilt())
    assert copy == dataset()
    assert examined(copy).findings == ()


ROWS = [
    b"q1\td1\t1",
    b"q1 d1 1",
    b"q1 d1",
    HEADER[:-1],
    b"query-id corpus-id score",
    ONE,
    TWO,
    b"{}",
    "\u3000".encode(),
]
BYTES = [BOM_UTF8, BOM_UTF16_LE, b"\r", b"\n", b"\r\n", b"\0", b"\t", b" ", b"\xff"]
LINES = st.sampled_from([*ROWS, *BYTES]) | st.binary(max_size=5)


@given(st.dictionaries(st.sampled_from([CORPUS, TEST]), st.lists(LINES, max_size=12).map(b"".join), min_size=1))
def test_to_mend_again_changes_nothing(tmp_path_factory, files):
    tmp_path = tmp_path_factory.mktemp("twice")
    once, _ = mended(tmp_path, files)
    changes = mend(tmp_path / "copy", tmp_path / "again")
    assert read(tmp_path / "again") == once
    assert {change.how for change in changes} <= {How.NOT_TEXT}


def test_the_source_is_only_read(tmp_path):
    folder = write(tmp_path / "topics", spoilt() | {"notes.txt": b"x"})
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in [*folder.iterdir()]}
    at = folder.stat().st_mtime_ns
    mend(folder, tmp_path / "copy")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    assert folder.stat().st_mtime_ns == at


def test_what_is_no_file_of_a_dataset_is_left_behind(tmp_path):
    strays = {f"notes-{number:02}.txt": b"x" for number in range(MOST_STRAYS + 3)}
    copy, told = mended(tmp_path, dataset() | strays | {".hidden": b"x", "upload.part": b"x", "\x1b[2J": b"x"})
    assert copy == dataset()
    assert told[0] == r"\x1b[2J: left behind: not a file of a dataset"
    assert told[1] == "notes-00.txt: left behind: not a file of a dataset"
    assert told[MOST_STRAYS:] == ["4 more: left behind: not a file of a dataset"]


def test_a_name_that_differs_in_case_and_punctuation_is_mended(tmp_path):
    files = dataset()
    others = {name: data for name, data in files.items() if name not in {CORPUS, TRAINING}}
    copy, told = mended(tmp_path, others | {"Corpus.JSONL": files[CORPUS], "training-label.tsv": files[TRAINING]})
    assert copy == files
    assert told == [
        "Corpus.JSONL: copied under the name that it must have",
        "training-label.tsv: copied under the name that it must have",
    ]


@pytest.mark.parametrize(
    "names", [("Corpus.jsonl", "corp-us.jsonl"), ("corp-us.jsonl", CORPUS), ("corpus.json",), ("corpora.jsonl",)]
)
def test_a_name_that_may_mean_something_else_is_left_to_people(tmp_path, names):
    files = dataset()
    others = {name: data for name, data in files.items() if name != CORPUS}
    copy, told = mended(tmp_path, others | dict.fromkeys(names, files[CORPUS]))
    assert copy == others | {name: files[CORPUS] for name in names if name == CORPUS}
    assert told == [f"{name}: left behind: not a file of a dataset" for name in sorted(names) if name != CORPUS]


def test_a_misnamed_file_may_be_no_link_out_of_the_folder_either(tmp_path):
    files = dataset()
    (tmp_path / "elsewhere").write_bytes(files.pop(CORPUS))
    folder = write(tmp_path / "topics", files)
    (folder / "Corpus.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="leads out of the folder"):
        mend(folder, tmp_path / "copy")


def test_a_manifest_is_copied_as_long_as_it_is_true(tmp_path):
    files = dataset() | {"MANIFEST.json": b'{"files": []}'}
    assert mended(tmp_path / "same", files) == (files, [])
    copy, told = mended(tmp_path / "other", files | {CORPUS: files[CORPUS].replace(b"\n", b"\r\n")})
    assert copy == dataset()
    assert told[-1] == "MANIFEST.json: left behind: it lists the files as they were"


@pytest.fixture
def topics(tmp_path):
    return write(tmp_path / "topics", dataset())


@pytest.mark.parametrize(
    ("into", "because"),
    [
        ("taken", "taken is not empty: name an empty or a new folder"),
        (".", "is not empty"),
        ("topics", "lies in the dataset's own folder: name a new folder outside it"),
        ("topics/copy", "lies in the dataset's own folder"),
        ("topics/../topics/a/b", "lies in the dataset's own folder"),
        ("link/copy", "lies in the dataset's own folder"),
        ("file", "file is not a folder: name an empty or a new one"),
        ("file/copy", "Not a directory, so there is no corrected copy"),
        ("/proc/nothing/copy", "so there is no corrected copy: see that"),
    ],
)
def test_a_place_where_the_copy_would_be_in_the_way_is_refused(tmp_path, topics, into, because):
    (tmp_path / "file").write_bytes(b"x")
    write(tmp_path / "taken", {".hidden": b"x"})
    (tmp_path / "link").symlink_to(topics)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refused) as refused:
        mend(topics, tmp_path / into)
    assert because in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_takes_the_copy(tmp_path, topics):
    (tmp_path / "copy").mkdir()
    assert mend(topics, tmp_path / "copy") == ()
    assert read(tmp_path / "copy") == dataset()


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"")])
def test_what_is_no_dataset_is_refused(tmp_path, prepare):
    prepare(tmp_path / "nothing")
    with pytest.raises(Refused, match=r"name the (folder|one) that corpus\.jsonl lies in"):
        mend(tmp_path / "nothing", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("make", "because"),
    [
        (lambda path, _: path.mkdir(), "is not a plain file: put the file itself there"),
        (lambda path, _: os.mkfifo(path), "is not a plain file"),
        (lambda path, _: path.symlink_to("nowhere"), "is not a plain file"),
        (lambda path, outside: path.symlink_to(outside), "is a link that leads out of the folder"),
    ],
)
def test_what_is_not_the_folders_own_file_is_refused(tmp_path, topics, make, because):
    outside = tmp_path / "secret"
    outside.write_bytes(b"x")
    (topics / CORPUS).unlink()
    make(topics / CORPUS, outside)
    with pytest.raises(Refused, match=because):
        mend(topics, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_link_within_the_folder_is_followed(tmp_path, topics):
    (topics / CORPUS).rename(topics / "documents.jsonl")
    (topics / CORPUS).symlink_to("documents.jsonl")
    mend(topics, tmp_path / "copy")
    assert not (tmp_path / "copy" / CORPUS).is_symlink()
    assert (tmp_path / "copy" / CORPUS).read_bytes() == dataset()[CORPUS]


def test_a_run_that_breaks_off_leaves_no_file_with_a_name(tmp_path, topics, monkeypatch):
    """Whatever is there when the last file is read has no name yet that somebody could take for a finished one."""
    seen = []

    def breaks(*_):
        seen.extend(path.name for path in (tmp_path / "copy").iterdir())
        raise OSError(28, "No space left on device", str(tmp_path / "copy" / TEST))

    (topics / "tuning.yaml").write_bytes(b"batch_size: 64\n")
    monkeypatch.setattr(mending.shutil, "copyfile", breaks)
    with pytest.raises(Refused, match="No space left on device, so there is no corrected copy"):
        mend(topics, tmp_path / "copy")
    assert len(seen) == 1
    assert seen[0] not in KNOWN
    assert read(tmp_path / "copy") == {}


def test_a_line_too_long_to_be_held_is_copied_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(mending, "LONGEST_LINE", 100_000)
    monkeypatch.setattr(mending, "_BLOCK", 10_000)
    long = b'{"text": "' + b"x" * 5_000_000 + b'"}\r\n'
    copy, told = mended(tmp_path / "first", {CORPUS: long + BOM_UTF8 + ONE})
    assert (copy, told) == ({CORPUS: long + BOM_UTF8 + ONE}, []), "a mark that does not begin the file stays"
    tracemalloc.start()
    copy, told = mended(tmp_path, {CORPUS: ONE + b"\r\n" + long + ONE + b"\n"})
    assert copy == {CORPUS: ONE + b"\n" + long}
    assert told == [f"{CORPUS}: CR LF made LF: line 1", f"{CORPUS}: exact duplicate removed: line 3"]
    del copy
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    mend(tmp_path / "topics", tmp_path / "again")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 1_500_000


def test_more_rows_than_can_be_told_apart_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(mending, "MOST_TOLD_APART", 1)
    rows = HEADER + b"q1\td1\t1\nq2\td2\t1\nq2\td2\t1\nq1\td1\t1\n"
    assert mended(tmp_path, {TEST: rows}) == (
        {TEST: rows.removesuffix(b"q1\td1\t1\n")},
        [f"{TEST}: exact duplicate removed: line 5"],
    )
