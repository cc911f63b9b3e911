"""The supervisor, with programs that are small enough to start in an instant."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psutil
import pytest
from support.servers import eventually, free_port

from dropforge_local.stack import health, processes
from dropforge_local.stack.down import down, end_leftovers
from dropforge_local.stack.errors import NotRunning, StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.programs import Program
from dropforge_local.stack.record import Identity, State
from dropforge_local.stack.status import status
from dropforge_local.stack.supervisor import Supervisor

STUBBORN = """
import http.server, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "600"])
http.server.test(http.server.SimpleHTTPRequestHandler, http.server.ThreadingHTTPServer, port=int(sys.argv[1]))
"""

FAILING = """
import http.server, sys
class Failing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(500)
http.server.test(Failing, http.server.ThreadingHTTPServer, port=int(sys.argv[1]))
"""

# A supervisor that is a process of its own, so that it can be killed.
SUPERVISOR = """
import sys
from pathlib import Path
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.programs import Program
from dropforge_local.stack.supervisor import Supervisor
folder, port, path = StackFolder(Path(sys.argv[1])), int(sys.argv[2]), {"PYTHONPATH": sys.argv[3]}
Supervisor([Program("stubborn", "stubborn", (str(port),), port, path)], folder=folder, console="", variables={}).run(print)
"""


def web(name, **options):
    """A program that answers `GET /`."""
    port = free_port()
    return Program(name, "http.server", (str(port), "--bind", "127.0.0.1"), port, **options)


@pytest.fixture
def folder(tmp_path):
    folder = StackFolder(tmp_path)
    folder.prepare()
    return folder


@pytest.fixture
def stubborn(tmp_path):
    """A program that has a child and ignores being asked to stop."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    port = free_port()
    return Program("stubborn", "stubborn", (str(port),), port, {"PYTHONPATH": str(tmp_path)})


@contextmanager
def supervised(folder, *programs):
    """The programs, kept running in a thread; the supervisor and what it said when all was ready."""
    supervisor = Supervisor(programs, folder=folder, console="http://127.0.0.1:1", variables={"A": "1"})
    ready = []
    thread = threading.Thread(target=supervisor.run, args=(ready.append,))
    thread.start()
    try:
        eventually(lambda: ready, seconds=15)
        yield supervisor, ready
    finally:
        supervisor.stop()
        thread.join()


def family_of(identity):
    """A process and what it started."""
    family = [identity, *(Identity.of(process.pid) for process in identity.process().children(recursive=True))]
    assert len(family) > 1
    return family


def have_ended(identities):
    return all(identity.process() is None for identity in identities)


def child(folder, name):
    return next(process for process in folder.read().processes if process.name == name)


def test_ready_is_told_once_when_everything_answers(folder):
    one, two = web("one"), web("two")

    with supervised(folder, one, two) as (_, ready):
        assert health.answers(one.port)
        assert health.answers(two.port)
        time.sleep(0.3)
        (record,) = ready
        assert record.state == State.READY
        assert record == folder.read()


def test_a_program_starts_after_what_it_needs_has_been_prepared(folder):
    second_was_there = []
    first = web("first", once_ready=lambda: second_was_there.append(health.accepts(second.port)))
    second = web("second", needs=("first",))

    with supervised(folder, second, first):
        assert second_was_there == [False]


def test_a_program_that_dies_is_started_again(folder):
    program = web("mortal")

    with supervised(folder, program):
        before = child(folder, "mortal")
        os.kill(before.identity.pid, signal.SIGKILL)
        eventually(
            lambda: child(folder, "mortal").restarts == 1 and child(folder, "mortal").state is State.READY, seconds=15
        )

        assert before.identity != child(folder, "mortal").identity
        assert health.answers(program.port)


def test_a_program_that_cannot_start_stops_the_stack_with_the_end_of_its_log(folder):
    good = web("good")
    bad = Program("bad", "a_module_that_nobody_wrote", (), free_port())
    supervisor = Supervisor([good, bad], folder=folder, console="", variables={})

    with pytest.raises(StackError) as failed:
        supervisor.run(lambda _: None)

    assert "bad did not start in 5 attempts (exit status 1)" in str(failed.value)
    assert str(failed.value).endswith("No module named a_module_that_nobody_wrote")
    assert not health.accepts(good.port)
    assert folder.read() is None


def test_a_program_that_answers_only_with_errors_stops_the_stack(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "START_SECONDS", 1.0)
    (tmp_path / "failing.py").write_text(FAILING)
    port = free_port()
    failing = Program("failing", "failing", (str(port),), port, {"PYTHONPATH": str(tmp_path)})
    supervisor = Supervisor([failing], folder=folder, console="", variables={})

    with pytest.raises(StackError, match=f"failing runs, but http://127.0.0.1:{port}/ gave no good answer in 1 s"):
        supervisor.run(lambda _: None)

    assert not health.accepts(port)


def test_a_stop_ends_everything_and_forgets_it(folder):
    program = web("one")

    with supervised(folder, program):
        identity = child(folder, "one").identity
    assert identity.process() is None
    assert folder.read() is None
    assert not (folder.path / "env").exists()


def test_a_stop_takes_less_than_five_seconds_and_no_word_from_a_program_that_ignores_it(folder, stubborn, caplog):
    with supervised(folder, stubborn) as (supervisor, _):
        family = family_of(child(folder, "stubborn").identity)
        began = time.monotonic()
        supervisor.stop()
        eventually(lambda: have_ended(family))

    assert time.monotonic() - began < 5
    assert [entry.message for entry in caplog.records if entry.levelname != "INFO"] == []


class TestOtherProcess:
    """A supervisor that can be killed, keeping a program that does not want to go."""

    @pytest.fixture
    def supervisor(self, folder, stubborn):
        arguments = [str(folder.path), *stubborn.arguments, stubborn.variables["PYTHONPATH"]]
        process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, *arguments], stdout=subprocess.DEVNULL)
        eventually(lambda: (record := folder.read()) is not None and record.state is State.READY, seconds=15)
        yield process
        process.kill()
        process.wait()

    def test_children_end_by_themselves_when_the_supervisor_is_killed(self, folder, supervisor):
        family = family_of(child(folder, "stubborn").identity)

        supervisor.kill()

        eventually(lambda: have_ended(family))

    def test_leftovers_of_a_killed_supervisor_are_ended_at_once(self, folder, supervisor, stubborn):
        family = family_of(child(folder, "stubborn").identity)
        began = time.monotonic()
        supervisor.kill()
        supervisor.wait()

        end_leftovers(folder)

        eventually(lambda: have_ended(family) and not health.accepts(stubborn.port))
        assert time.monotonic() - began < 3  # before the leash would have ended it
        assert folder.read() is None

    def test_down_ends_a_supervisor_that_hangs(self, folder, supervisor, stubborn):
        supervisor.send_signal(signal.SIGSTOP)
        eventually(lambda: psutil.Process(supervisor.pid).status() == psutil.STATUS_STOPPED)
        began = time.monotonic()

        down(folder)

        assert time.monotonic() - began < 5
        assert supervisor.wait() == -signal.SIGKILL
        eventually(lambda: not health.accepts(stubborn.port))

    def test_status_sees_processes_and_their_memory(self, folder, supervisor):
        seen = status(folder)

        (process,) = seen.processes
        assert supervisor.pid == seen.pid
        assert seen.state == State.READY
        assert process.name == "stubborn"
        assert 1_000_000 < process.memory_bytes < seen.memory_bytes
        assert 0 <= process.uptime_seconds <= seen.uptime_seconds + 1

    def test_a_killed_supervisor_is_not_running(self, folder, supervisor):
        supervisor.kill()
        supervisor.wait()

        with pytest.raises(NotRunning, match="No stack is running"):
            status(folder)


def test_down_says_when_there_is_nothing_to_stop(folder):
    with pytest.raises(NotRunning, match="No stack is running"):
        down(folder)
