"""`dropforge check`: the function's own findings, an exit status that means one thing, sentences for all that goes wrong."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.data import dataset
from support.examination import examined
from typer.testing import CliRunner

from dropforge import bootstrap, wire
from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.cli import check as command
from dropforge.cli.main import app
from dropforge.domain.errors import Misconfigured, Missing
from dropforge.domain.rules import RULES

BROKEN = dataset() | {"test_label.tsv": dataset()["test_label.tsv"].replace(b"q41\td1\t3\n", b"q41\tdoc55\t0.5\r\n")}
DROPFORGE = [sys.executable, "-c", "from dropforge.cli.main import main; main()", "check"]


def check(*arguments, status=0):
    """What the command says on standard output and standard error."""
    answer = CliRunner().invoke(app, ["check", *map(str, arguments)])
    assert answer.exit_code == status, answer.output
    assert isinstance(answer.exception, SystemExit | None)
    return answer.stdout, answer.stderr


def refused(*arguments):
    """The one sentence that is said when a folder is not checked."""
    out, err = check(*arguments, status=2)
    assert out == ""
    assert err.startswith("dropforge: ")
    assert err.count("\n") == 1
    return err.removeprefix("dropforge: ").removesuffix("\n")


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def without_profiles(tmp_path, monkeypatch):
    """Those of whoever runs the tests say nothing here."""
    monkeypatch.setenv("DROPFORGE_PROFILES", str(tmp_path / "profiles.toml"))


@pytest.fixture
def clean(tmp_path):
    return write(tmp_path / "clean", dataset())


@pytest.fixture
def broken(tmp_path):
    return write(tmp_path / "broken", BROKEN)


@pytest.fixture
def warned(tmp_path):
    """Half of the test queries are trained on."""
    labels = dataset()["training_label.tsv"]
    return write(tmp_path / "warned", dataset() | {"test_label.tsv": labels})


# What it says, and its exit status


def test_a_clean_folder_is_accepted(clean):
    out, err = check(clean)
    assert "corpus.jsonl        20 records\n" in out
    assert out.splitlines()[-1].startswith("accepted: no findings in 4 files, 100 records and 80 labels, 0.")
    assert err == ""


def test_a_broken_folder_is_rejected(broken):
    out, err = check(broken, status=1)
    assert 'error[labels-score]: the score is "0.5", not a whole number from 0 up\n  --> test_label.tsv:3:' in out
    assert out.splitlines()[-1].startswith("rejected: 3 errors in 4 files, 100 records and 80 labels, 0.")
    assert f"dropforge check {broken} --fix NEW_FOLDER" in out
    assert err == ""


@pytest.mark.parametrize("files", [dataset(), BROKEN, {"corpus.jsonl": b"x"}], ids=["clean", "broken", "alone"])
def test_programs_are_told_what_the_function_finds(tmp_path, files):
    report = examined(files)
    out, err = check(write(tmp_path / "it", files), "--format", "json", status=int(report.verdict == "rejected"))
    assert out == wire.report(report).decode() + "\n"
    assert err == ""


def test_each_format_is_written(broken):
    assert check(broken, "--format", "markdown", status=1)[0].startswith("### Dataset rejected: 3 errors in")
    assert f"::error file={broken}/test_label.tsv,line=3," in check(broken, "--format", "github", status=1)[0]
    assert "Invalid value for '--format'" in check(broken, "--format", "xml", status=2)[1]


def test_warnings_are_accepted_unless_they_must_not_be(warned, clean):
    assert check(warned)[0].splitlines()[-1].startswith("accepted: 1 warning, 1 note")
    out, err = check(warned, "--strict", "--format", "json", status=1)
    assert json.loads(out)["verdict"] == "accepted"
    assert err == "dropforge: exit status 1 for the warnings, as --strict has it\n"
    (clean / "notes.txt").write_bytes(b"x")
    assert check(clean, "--strict")[0].splitlines()[-1].startswith("accepted: 1 note")


def test_the_operators_limits_hold(clean, tmp_path, monkeypatch):
    (tmp_path / "dropforge.yaml").write_text("limits:\n  most_documents: 19\n")
    monkeypatch.setenv("DROPFORGE_CONFIG", str(tmp_path / "dropforge.yaml"))
    assert "error[size-rows]" in check(clean, status=1)[0]


# What cannot be checked


def test_without_a_folder_the_command_says_what_to_type():
    assert refused() == "name the folder to check, such as `dropforge check topics`"


@pytest.mark.parametrize("ending", ["", "/", "/.", "/../clean"])
def test_a_folder_may_be_written_in_any_way(clean, ending):
    check(f"{clean}{ending}")


def test_the_folder_one_stands_in_can_be_checked(clean, monkeypatch):
    monkeypatch.chdir(clean)
    check(".")


def test_what_is_no_folder_is_told(tmp_path, clean):
    assert refused(tmp_path / "nope") == f"there is no folder {tmp_path}/nope: check its name"
    file = clean / "corpus.jsonl"
    assert refused(file) == f"{file} is no folder: name the one that the file lies in"
    assert refused("s3://bucket/topics") == (
        "s3://bucket/topics cannot be checked: name a folder on this machine, or gs://BUCKET/PATH"
    )


def test_a_folder_without_a_dataset_says_where_one_is(tmp_path):
    empty = f"{tmp_path} holds no file of a dataset: name the folder that corpus.jsonl lies in"
    assert refused(tmp_path) == empty
    (tmp_path / "notes.txt").write_bytes(b"x")
    assert refused(tmp_path) == empty
    write(tmp_path / "datasets" / "topics", dataset())
    assert refused(tmp_path) == f"{empty}; {tmp_path}/datasets/topics has one"
    write(tmp_path / "cards", dataset())
    assert refused(tmp_path) == f"{empty}; {tmp_path}/cards has one"


def test_names_that_are_nearly_right_are_told(tmp_path):
    files = dataset()
    files["Corpus.jsonl"], files["test_label.csv"] = files.pop("corpus.jsonl"), files.pop("test_label.tsv")
    out, _ = check(write(tmp_path / "near", files), status=1)
    assert 'corpus.jsonl is not there; was "Corpus.jsonl" meant to be it?' in out
    assert 'test_label.tsv is not there; was "test_label.csv" meant to be it?' in out
    check(write(tmp_path / "nearly", {"Corpus.jsonl": files["Corpus.jsonl"]}), status=1)


@pytest.mark.parametrize(
    ("make", "because"),
    [
        (Path.mkdir, "is not a file: put the file itself there"),
        (os.mkfifo, "is not a file: put the file itself there"),
        (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere: put the file itself there"),
        (lambda path: path.symlink_to(path.name), "is a link that leads nowhere"),
    ],
)
@pytest.mark.parametrize("name", ["corpus.jsonl", "tuning.yaml"])
def test_what_is_no_file_is_told_and_never_waited_for(clean, name, make, because):
    (clean / name).unlink(missing_ok=True)
    make(clean / name)
    assert refused(clean).startswith(f"{clean}/{name} {because}")


def test_what_means_nothing_may_be_anything(clean):
    (clean / ".#corpus.jsonl").symlink_to("somebody@somewhere.123")  # an editor's lock
    (clean / "notes").mkdir()
    os.mkfifo(clean / "pipe")
    assert check(clean)[0].splitlines()[-1].startswith("accepted: no findings")


def test_a_file_that_may_not_be_read_is_told(clean, monkeypatch):
    path_open = Path.open

    def denied(path, *arguments, **how):
        if path.name == "queries.jsonl":
            raise PermissionError(13, "Permission denied")
        return path_open(path, *arguments, **how)

    monkeypatch.setattr(Path, "open", denied)
    assert refused(clean) == (
        f"{clean}/queries.jsonl cannot be read (Permission denied): make it readable for you, and check again"
    )


def test_a_folder_that_keeps_changing_is_not_checked(clean, monkeypatch):
    def changes(*_, **__):
        (clean / "corpus.jsonl").write_bytes(dataset()["corpus.jsonl"] + b"\n" * next(counter))
        return report

    report, counter = examined(dataset()), iter(range(9))
    monkeypatch.setattr("dropforge.domain.validator.check.check", changes)
    assert refused(clean) == "the folder keeps changing while it is read: check it when the upload is over"


def test_a_file_of_the_operators_that_cannot_be_used_is_named(clean, monkeypatch):
    monkeypatch.setenv("DROPFORGE_CONFIG", str(clean / "nope.yaml"))
    assert f"{clean}/nope.yaml, which DROPFORGE_CONFIG names, cannot be used: " in refused(clean)


def test_a_name_that_a_terminal_would_obey_is_escaped(tmp_path):
    assert refused(tmp_path / "\x1b[2J") == rf"there is no folder {tmp_path}/\x1b[2J: check its name"


# In a bucket


@pytest.fixture
def bucket(monkeypatch):
    """A bucket with one dataset in it, in memory."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    store = MemoryStore(MemoryDisk(ManualClock()), "drop")
    for name, data in BROKEN.items():
        store.write(f"datasets/topics/{name}", data, replacing=None)
    real = bootstrap.reader

    def reader(place):
        if not place.startswith("gs://drop"):
            return real(place)
        prefix = place.removeprefix("gs://drop").strip("/")
        return store, f"{prefix}/" if prefix else ""

    monkeypatch.setattr(bootstrap, "reader", reader)
    return store


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_in_a_bucket_is_checked(ending):
    out, _ = check(f"gs://drop/datasets/topics{ending}", "--format", "json", status=1)
    assert out == wire.report(examined(BROKEN)).decode() + "\n"
    assert "--fix" not in check(f"gs://drop/datasets/topics{ending}", status=1)[0]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("place", ["gs://drop", "gs://drop/", "gs://drop/datasets"])
def test_above_the_folder_the_folder_is_named(place):
    assert refused(place) == (
        f"{place} holds no file of a dataset: name the folder that corpus.jsonl lies in; gs://drop/datasets/topics has one"
    )


def test_a_bucket_must_be_named():
    assert "name a folder on this machine, or gs://BUCKET/PATH" in refused("gs:///topics")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Missing("404 GET ..."), "there is no bucket other: check its name"),
        (
            Misconfigured("connecting: no credentials. See more."),
            "connecting: no credentials; `gcloud auth application-default login` signs you in, and reading takes the role Storage Object Viewer",
        ),
    ],
)
def test_a_bucket_that_cannot_be_reached_says_what_to_do(monkeypatch, error, sentence):
    def fails(_):
        raise error

    monkeypatch.setattr(bootstrap, "reader", fails)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    assert refused("gs://other/topics") == sentence


def test_a_stack_that_was_stopped_is_told_at_once(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 is not running: start it again" in refused("gs://drop/topics")


# Mending


def test_a_corrected_copy_is_written_and_checked(broken, tmp_path):
    out, _ = check(broken, "--fix", tmp_path / "copy", status=1)
    assert "error[bytes-line-ends]" not in out
    assert "error[labels-score]" in out
    told = f"{tmp_path}/copy is a copy of {broken}, with these changes:\n- test_label.tsv: CR LF made LF: line 3\n"
    assert f"\n\n{told}\nrejected: 2 errors in 4 files" in out
    assert b"\r" not in (tmp_path / "copy" / "test_label.tsv").read_bytes()


def test_a_copy_in_which_all_is_mended_is_accepted(tmp_path):
    files = {name: data.replace(b"\n", b"\r\n") for name, data in dataset().items()}
    out, err = check(write(tmp_path / "crlf", files), "--fix", tmp_path / "copy", "--format", "json")
    assert json.loads(out)["verdict"] == "accepted"
    assert err.splitlines()[0].endswith("/copy is a copy of " + str(tmp_path / "crlf") + ", with these changes:")
    assert len(err.splitlines()) == 5


def test_a_copy_without_a_difference_says_so(clean, tmp_path):
    out, _ = check(clean, "--fix", tmp_path / "copy")
    assert (
        f"{tmp_path}/copy is a copy of {clean}, the same to the byte: nothing in it can be mended without you." in out
    )


def test_no_name_of_a_file_begins_a_line(tmp_path):
    folder = write(tmp_path / "it", BROKEN | {"::add-mask::x": b"x", "##[error]x": b"x"})
    _, err = check(folder, "--fix", tmp_path / "copy", "--format", "github", status=1)
    assert "\n- ::add-mask::x: left behind" in err
    assert "##[" not in err


@pytest.mark.usefixtures("bucket")
def test_a_bucket_is_not_mended(tmp_path, clean):
    assert refused("gs://drop/datasets/topics/", "--fix", tmp_path / "copy") == (
        "--fix mends a folder on this machine: copy it here first, "
        "`gcloud storage cp -r gs://drop/datasets/topics .`, and mend that"
    )
    assert "--fix writes to a folder on this machine, not to gs://drop/x" in refused(clean, "--fix", "gs://drop/x")
    assert "lies in the dataset's own folder" in refused(clean, "--fix", clean / "copy")


# Explaining


def test_a_code_is_explained():
    out, _ = check("--explain", "labels-score")
    assert out.startswith("error[labels-score]: A score that is not a whole number from 0 up\n")
    assert "  q1⇥d1⇥0.5\n" in out


def test_a_code_that_does_not_exist_is_told():
    assert refused("--explain", "label-score") == "there is no code label-score; did you mean labels-score?"
    assert refused("--explain", "zzz") == "there is no code zzz: docs/findings.md lists them all"


def test_a_shell_completes_codes():
    asked = {
        "_DROPFORGE_COMPLETE": "complete_bash",
        "COMP_WORDS": "dropforge check --explain labels-u",
        "COMP_CWORD": "3",
    }
    answer = CliRunner().invoke(app, [], env=asked, prog_name="dropforge")
    assert answer.stdout.split() == [code for code in RULES if code.startswith("labels-u")]


def test_the_help_has_examples():
    help_ = " ".join(check("--help")[0].split())
    for example in ("topics", "gs://BUCKET/datasets/topics --json", "topics --fix topics-mended"):
        assert f"Example: dropforge check {example}" in help_
    for option in ("--format", "--strict", "--fix", "--explain"):
        assert option in help_
    assert "Exit status: 0 accepted (there may be warnings), 1 rejected, 2 not checked" in help_


# Terminals, pipes and interrupts


def on_a_terminal(*arguments, env=None):
    """What the command writes to a terminal, and its exit status."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        [*DROPFORGE, *map(str, arguments)],
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm", "COLUMNS": "80"} | (env or {}),
    )
    os.close(theirs)
    written = bytearray()
    try:
        while piece := os.read(ours, 65_536):
            written += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return written.decode(), process.wait()


def test_a_terminal_has_colours_unless_it_should_not(broken):
    written, status = on_a_terminal(broken)
    assert status == 1
    assert "\x1b[1;31merror[labels-score]\x1b[0m" in written
    assert all(len(line) <= 80 for line in written.splitlines() if "\x1b" not in line and "--fix" not in line)
    assert "\x1b[" not in on_a_terminal(broken, env={"NO_COLOR": "1"})[0].replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "\x1b" not in check(broken, status=1)[0]


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github"])
def test_a_reader_that_has_read_enough_is_no_error(broken, form):
    ours, theirs = os.pipe()
    os.close(ours)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.run(
        [*DROPFORGE, broken, "--format", form],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        env=environment,
    )
    os.close(theirs)
    assert (process.returncode, process.stderr) == (1, "")


def test_another_encoding_of_the_terminal_is_no_error(tmp_path):
    folder = write(tmp_path / "it", dataset() | {"日本.txt": b"x"})
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = subprocess.run([*DROPFORGE, folder], capture_output=True, check=True, env=environment)
    assert rb"\u65e5\u672c.txt" in process.stdout
    process = subprocess.run([*DROPFORGE, folder, "--format", "json"], capture_output=True, check=True, env=environment)
    assert json.loads(process.stdout)["findings"][0]["file"] == "日本.txt"


def test_an_interrupt_is_one_line(clean, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "examined", interrupted)
    assert check(clean, status=130) == ("", "dropforge: interrupted\n")


def test_a_check_of_a_folder_here_imports_nothing_of_the_cloud(clean):
    script = (
        "import sys; sys.argv = sys.argv[1:]\nfrom dropforge.cli.main import main\ntry: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print(sys.modules.keys() & {'flask', 'structlog', 'grpc', 'requests', 'asyncio', 'multiprocessing', "
        "'google.auth', 'google.api_core', 'google.cloud.storage', 'dropforge_local'})"
    )
    run = subprocess.run([sys.executable, "-c", script, "dropforge", "check", clean], capture_output=True, check=True)
    assert run.stdout.decode().splitlines()[-1] == "set()"


# The root


def test_commands_are_listed_and_near_ones_suggested():
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"]).stdout
    assert all(f"│ {name} " in listed for name in ("check", "runs", "show", "local"))
    assert "Did you mean 'check'?" in runner.invoke(app, ["chek"]).stderr
    assert runner.invoke(app, ["local", "--help"]).exit_code == 0
