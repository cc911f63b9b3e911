"""Several processes find what one finds, and end with the one that asked."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.data import dataset
from support.examination import TODAY, examined
from support.servers import eventually

from dropforge import wire
from dropforge.adapters import processes as adapter
from dropforge.adapters.directory import Directory
from dropforge.adapters.processes import processes
from dropforge.domain.errors import Unavailable
from dropforge.domain.validator.check import in_turn
from dropforge.examine import Examiner
from dropforge.settings import Operator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    # Python warns from 3.12 on: numpy's threads are there before. They hold nothing that a fork needs.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose files are cut into many spans, on a machine with two cores."""
    monkeypatch.setattr(adapter, "_SPAN", 1_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    files = dataset(queries=400, documents=100)
    files["test_label.tsv"] = files["test_label.tsv"].replace(b"q399\t", b"q1\t") + b"q1\tnowhere\t1\nq1\td1\t0.5\r\n"
    files["corpus.jsonl"] = files["corpus.jsonl"].replace(b'"_id": "d99"', b'"_id": "d0"') + b"\n{}"
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def examine(folder, inspection):
    return Examiner(Directory(folder), Operator(), inspection).examine_unchanged("", TODAY)


def test_what_is_found_is_the_same(folder):
    with processes() as inspection:
        found = wire.report(examine(folder, inspection))
        assert inspection is not in_turn
    assert found == wire.report(examine(folder, in_turn))
    assert found == wire.report(examined({path.name: path.read_bytes() for path in folder.iterdir()}))


def test_one_core_reads_in_turn(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with processes() as inspection:
        assert inspection is in_turn


@pytest.mark.usefixtures("folder")
def test_processes_begin_before_other_threads_do_and_end_with_the_inspection():
    with processes() as inspection:
        assert len(multiprocessing.active_children()) == 2
        handler = inspection.args[0].submit(signal.getsignal, signal.SIGINT).result()
        assert handler == signal.SIG_IGN, "what an interrupt means is the parent's business"
    assert multiprocessing.active_children() == []


def test_a_file_that_is_written_to_meanwhile_is_examined_again(folder):
    written = []

    def inspection(inspect, file, stream):
        parts = several(inspect, file, stream)
        yield next(parts)
        if file == "queries.jsonl" and not written:
            written.append((folder / file).write_bytes(dataset(queries=400)["queries.jsonl"] + b"\n"))
        yield from parts

    with processes() as several:
        found = examine(folder, inspection)
    assert written
    assert "bytes-blank-line" in {finding.code for finding in found.findings if finding.file == "queries.jsonl"}


def test_a_file_that_vanishes_is_missed(folder):
    def inspection(inspect, file, stream):
        (folder / "queries.jsonl").unlink(missing_ok=True)
        yield from several(inspect, file, stream)

    with processes() as several:
        found = examine(folder, inspection)
    assert found.counts["folder-missing-file"] == 1


def test_processes_that_are_ended_from_outside_are_told(folder):
    def inspection(inspect, file, stream):
        for child in multiprocessing.active_children():
            child.kill()
        yield from several(inspect, file, stream)

    with processes() as several, pytest.raises(Unavailable, match=r"corpus\.jsonl was ended from outside"):
        examine(folder, inspection)


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)])
def test_nothing_is_left_of_a_check_that_is_ended(folder, how, status):
    """As a terminal does it: an interrupt goes to all of its processes, another signal to the one that was started."""
    script = (
        "import os, signal, time\nfrom dropforge import bootstrap\nfrom dropforge.adapters import processes\n"
        # What runs in a shell's background is born deaf to it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dropforge.domain.validator import records\nfrom dropforge.cli.main import main\n"
        "bootstrap._LARGE, processes._SPAN, inspect = 0, 1_000, records.inspect\n"
        "os.sched_getaffinity = lambda _: {0, 1}\n"
        "def slowly(*files, **options):\n    time.sleep(0.5)\n    return inspect(*files, **options)\n"
        "records.inspect = slowly\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "check", folder], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    children = eventually(lambda: found if len(found := psutil.Process(process.pid).children()) == 2 else None)
    time.sleep(0.3)
    os.killpg(process.pid, how) if how == signal.SIGINT else process.send_signal(how)
    _, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert err == ("dropforge: interrupted\n" if how == signal.SIGINT else "")
    _, alive = psutil.wait_procs([child for child in children if not ended(child)], timeout=5)
    assert [child for child in alive if not ended(child)] == []


def ended(process):
    """Whether a process runs no more, though nobody may have asked how it ended."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
