"""`dropforge drop` by Google's own client: lost answers, large files, an interrupt; and what becomes of a drop, to its end."""

import json
import signal
import subprocess
import time

import pytest
from support.data import dataset
from support.faulty import faults
from support.servers import eventually, running
from support.stack import COMMAND
from support.storage import StorageServer
from support.vertex import topics

from dropforge.adapters.directory import Directory
from dropforge.adapters.google.storage import CloudStorage
from dropforge.domain.datasets import MANIFEST, name_like
from dropforge.drop import Deliverer, Delivery, files_of

LARGE = dataset() | {"corpus.jsonl": dataset()["corpus.jsonl"] + b" " * 20_000_000 + b"\n"}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(StorageServer(tmp_path_factory.mktemp("storage"), "--bucket", "drop")) as server:
        yield server


class TestUpload:
    @pytest.mark.parametrize(
        "instruction",
        ["return-reset-connection-after-commit x*", "return-503 x*", "return-503-after-12288K"],
        ids=["every answer is lost", "every request is refused once", "a large one breaks off"],
    )
    def test_whatever_befalls_it_the_folder_comes_whole(self, server, monkeypatch, tmp_path, instruction, request):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        name = name_like(request.node.callspec.id)
        source, store = Directory(write(tmp_path, LARGE)), CloudStorage("p", "drop")
        files = [source.summed(file) for file in files_of(source.list(""))]
        sent = []
        asked = {"everyone": True, "once_per": "invocation"}
        with faults(server.url, {"storage.objects.insert": [instruction]}, **asked) as fired:
            Deliverer(Delivery.between(files, store, name), source, store, sent.append).deliver()
            assert fired.fired
        found = {file.name.rpartition("/")[2]: file for file in store.list(f"datasets/{name}/")}
        assert found.keys() == {*LARGE, MANIFEST}
        assert {file.name: file.crc32c for file in files}.items() <= {
            key: one.crc32c for key, one in found.items()
        }.items()
        assert sum(sent) == sum(map(len, LARGE.values()))


@pytest.mark.stack
@pytest.mark.timeout(300)
def heeding_ctrl_c():
    """What a shell starts in the background does not hear it; its children do not either."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class TestChain:
    @pytest.fixture
    def drop(self, stack):
        def drop(folder, *options):
            command = [COMMAND, "drop", str(folder), *options]
            done = subprocess.run(command, cwd=stack.home, env=stack.env, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        return drop

    def test_it_is_followed_to_its_deployment_and_the_same_bytes_start_nothing(self, stack, drop, tmp_path):
        folder = write(tmp_path / "topics", topics())
        status, out, err = drop(folder, "--wait", "--timeout", "90")
        assert (status, err) == (0, "")
        run = stack.run("topics")
        assert f"run:      {run['id']}\n" in out
        assert "✓ topics: model deployed  nDCG@10, base → tuned: " in out
        assert f"endpoint  {run['serving']['endpoint']}\n" in out

        status, again, _ = drop(folder, "--wait", "--json")
        told = json.loads(again)
        assert (status, told["run"], told["state"], told["is_old"]) == (0, run["id"], "deployed", True)
        assert [one["id"] for one in stack.runs("topics")] == [run["id"]]

    def test_a_rejected_one_is_told_with_its_findings(self, stack, drop, tmp_path):
        broken = topics() | {"test_label.tsv": topics()["test_label.tsv"].replace(b"\td3\t", b"\td333\t", 1)}
        status, out, _ = drop(write(tmp_path / "broken", broken), "--no-check", "--wait", "--timeout", "60")
        assert status == 1
        assert "✗ broken: dataset rejected" in out
        assert '"d333" is no _id in corpus.jsonl' in out

    def test_one_that_was_interrupted_goes_on(self, stack, drop, tmp_path):
        folder = write(tmp_path / "cut", topics(count=3))
        storage = stack.variables["STORAGE_EMULATOR_HOST"]
        bucket = CloudStorage("dropforge-local", "dropforge-drop")

        def landed():
            return {file.name.rpartition("/")[2] for file in bucket.list("datasets/cut/")}

        with faults(storage, {"storage.objects.insert": ["delay-for-20s"]}, everyone=True):
            command = [COMMAND, "drop", str(folder), "--no-check"]
            process = subprocess.Popen(
                command,
                cwd=stack.home,
                env=stack.env,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=heeding_ctrl_c,  # noqa: PLW1509
            )
            kept = eventually(lambda: landed() if len(landed()) == 2 else None, seconds=20)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, err = process.communicate(timeout=15)
        assert time.monotonic() - began < 10, "nobody waits for what is on its way"
        assert (process.returncode, err.strip()) == (
            130,
            "dropforge: interrupted; what is uploaded stays: call this again to go on",
        )
        told = json.loads(drop(folder, "--no-check", "--json")[1])
        assert kept == set(told["kept"])
        assert landed() == {*topics(), MANIFEST}
