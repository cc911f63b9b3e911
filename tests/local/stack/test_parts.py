"""The small parts of the stack: topology, ports, environment, folder, records."""

import json
import os
import random
import re
import shlex
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from dropforge.cli.paper import drawn
from dropforge_local.cli import _table
from dropforge_local.stack import ports, topology
from dropforge_local.stack.environment import PROJECT, environment, exports
from dropforge_local.stack.errors import AlreadyRunning, StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.programs import programs
from dropforge_local.stack.record import Identity, Record, State
from dropforge_local.stack.status import ProcessStatus, StackStatus
from dropforge_local.stack.up import CHECKOUT

FUNCTIONS = ("validate_dataset", "sweep", "console")


def the_topology():
    return topology.load(CHECKOUT / "deploy" / "topology.json")


def test_people_are_shown_how_long_it_has_run_in_words():
    process = ProcessStatus("storage", State.READY, 2, 8461, "http://127.0.0.1:8461", 943.0, 1, 0)
    shown = drawn(lambda paper: paper.print(_table(StackStatus(State.READY, "", 1, 7_300.0, 1, (process,), {}))))
    assert "943" not in shown
    assert re.search(r"storage .* 15 min .*\nall, supervised .* 2 h ", shown)


class TestTopology:
    def test_the_projects_own_topology_is_read(self):
        plan = the_topology()

        assert plan.functions["validate_dataset"].trigger.bucket == "drop"
        assert plan.functions["console"].trigger.http
        assert plan.schedules["sweep"].topic == "sweep-requests"

    @pytest.mark.parametrize(
        ("change", "explanation"),
        [
            ({"topics": {}}, "which is not declared"),
            ({"buckets": {}}, "which is not declared"),
            ({"functions": {"f": {"trigger": {}, "timeout_seconds": 1}}}, "exactly one of"),
            ({"functions": {"f": {"trigger": {"http": True}, "timeout_seconds": 0}}}, ">= 1"),
            ({"delivery": {}}, "missing required field `local`"),
        ],
    )
    def test_a_contradiction_is_explained(self, tmp_path, change, explanation):
        content = msgspec.json.decode((CHECKOUT / "deploy" / "topology.json").read_bytes()) | change
        file = tmp_path / "topology.json"
        file.write_bytes(msgspec.json.encode(content))

        with pytest.raises(StackError, match=explanation):
            topology.load(file)

    def test_a_missing_file_says_how_to_name_a_checkout(self, tmp_path):
        with pytest.raises(StackError, match="--source"):
            topology.load(tmp_path / "topology.json")

    def test_a_function_without_code_is_named(self, tmp_path):
        plan = the_topology()
        numbers = ports.allocate(plan.functions, base=0)

        with pytest.raises(StackError, match=r"validate_dataset has no .*main\.py"):
            programs(plan, ports=numbers, source=tmp_path, folder=StackFolder(tmp_path), wire=lambda: None)

    @pytest.mark.parametrize("topic", ["pipeline-job-events", "another"])
    def test_vertex_tells_of_its_jobs_where_the_topology_has_the_topic(self, tmp_path, topic):
        plan = msgspec.structs.replace(the_topology(), topics={topic: {}}, functions={}, schedules={})
        numbers = ports.allocate([], base=0)
        told = {
            one.name: one
            for one in programs(plan, ports=numbers, source=tmp_path, folder=StackFolder(tmp_path), wire=lambda: None)
        }["vertex"]
        expected = ("--job-events", f"projects/{PROJECT}/topics/{topic}") if topic == "pipeline-job-events" else ()
        assert told.arguments[4:] == expected
        assert told.needs == (("pubsub",) if expected else ())


def a_base_with_room():
    while True:
        base = random.randrange(20_000, 60_000)  # tests beside this one look for ports too
        with suppress(StackError):
            ports.allocate(FUNCTIONS, base)
            return base


class TestPorts:
    def test_fixed_ports_are_counted_from_the_base(self):
        numbers = ports.allocate(FUNCTIONS, base=28460)

        assert [numbers[name] for name in ("console", "storage", "scheduler")] == [28460, 28461, 28466]
        assert [numbers[name] for name in ("validate_dataset", "sweep")] == [28470, 28471]

    def test_base_zero_takes_free_ports_all_different(self):
        numbers = ports.allocate(FUNCTIONS, base=0)

        assert len(numbers) == len(set(numbers.values()))
        assert numbers.keys() == ports.allocate(FUNCTIONS, a_base_with_room()).keys()

    def test_a_port_in_use_is_named_with_its_holder_and_a_way_out(self):
        base = a_base_with_room()
        with socket.create_server(("127.0.0.1", base + 1)), pytest.raises(StackError) as refused:
            ports.allocate(FUNCTIONS, base)

        holder = f"{psutil.Process().name()} (pid {os.getpid()})"
        assert f"Port {base + 1} (for storage) is in use by {holder}" in str(refused.value)
        assert "--port-base" in str(refused.value)

    @pytest.mark.parametrize("base", [-1, 80, 65530, 70000])
    def test_a_base_out_of_range_is_refused(self, base):
        with pytest.raises(StackError, match=f"--port-base {base} cannot be used"):
            ports.allocate(FUNCTIONS, base)


class TestEnvironment:
    def test_a_shell_reads_back_what_was_exported(self):
        variables = environment(ports.allocate(FUNCTIONS, base=0)) | {"HOSTILE": 'it\'s $(touch x); `y`\n"z"'}

        script = f"{exports(variables)}{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
        output = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env={})

        assert variables.items() <= json.loads(output.stdout).items()

    def test_every_line_can_be_read_by_a_tool(self):
        for line in exports(environment(ports.allocate(FUNCTIONS, base=0))).splitlines():
            assert shlex.split(line)[0] == "export"


def a_record(identity):
    return Record(supervisor=identity, state=State.READY, console="http://127.0.0.1:8460", processes=(), variables={})


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = StackFolder(tmp_path / "stack")
        folder.prepare()
        return folder

    def test_it_keeps_itself_out_of_version_control(self, folder):
        assert (folder.path / ".gitignore").read_text() == "*\n"

    def test_only_one_supervisor_holds_it(self, folder):
        with folder.held():
            folder.write(a_record(Identity.of(os.getpid())), {})
            with pytest.raises(AlreadyRunning, match=re.escape("http://127.0.0.1:8460")), folder.held():
                pass

        with folder.held():
            pass

    def test_a_record_and_the_environment_are_read_back_until_forgotten(self, folder):
        record = a_record(Identity.of(os.getpid()))
        folder.write(record, {"A": "1", "B": "2"})

        assert record == folder.read()
        assert (folder.path / "env").read_text() == "A=1\nB=2\n"

        folder.forget()
        assert folder.read() is None
        assert not (folder.path / "env").exists()

    def test_a_damaged_record_is_explained(self, folder):
        (folder.path / "stack.json").write_text("{")

        with pytest.raises(StackError, match=r"stack\.json"):
            folder.read()

    def test_a_folder_that_cannot_be_written_is_explained(self, tmp_path):
        (tmp_path / "file").touch()

        with pytest.raises(StackError, match=r"Cannot write to .*Not a directory.*--dir"):
            StackFolder(tmp_path / "file").prepare()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
    def test_a_full_disk_is_explained(self, folder):
        (folder.path / "stack.part").symlink_to("/dev/full")

        with pytest.raises(StackError, match="No space left on device"):
            folder.write(a_record(Identity.of(os.getpid())), {})

    def test_a_long_log_is_cut_down_to_its_last_whole_lines(self, folder):
        folder.log("sweep").write_bytes(b"".join(b"line %d\n" % number for number in range(200_000)))

        folder.open_log("sweep").close()

        lines = folder.log("sweep").read_text().splitlines()
        assert folder.log("sweep").stat().st_size <= 1_000_000
        assert lines[-1] == "line 199999"
        assert lines[0].startswith("line ")

    def test_the_end_of_a_log_is_shown_and_a_missing_log_is_empty(self, folder):
        folder.log("sweep").write_text("one\ntwo\nthree\n")

        assert folder.log_end("sweep", lines=2) == "two\nthree"
        assert folder.log_end("console") == ""


class TestIdentity:
    def test_a_running_process_is_recognised(self):
        identity = Identity.of(os.getpid())

        assert os.getpid() == identity.process().pid

    def test_another_process_with_the_same_number_is_not(self):
        assert Identity(os.getpid(), created=0.0).process() is None

    def test_an_ended_process_is_not_even_before_it_is_reaped(self):
        ended = subprocess.Popen(["true"])
        identity = Identity.of(ended.pid)
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

        assert identity.process() is None
        ended.wait()
        assert identity.process() is None
