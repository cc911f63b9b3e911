"""What a function imports: at its start nothing that only an event may need, and never what it does not use."""

import json
import subprocess

import pytest
from support.staged import EVERY_MODULE, staged, unpacked

import stage

FUNCTIONS = stage.functions(stage.ROOT)
# Some 10 MiB or a tenth of a second each; an event may need them, and the adapters of the ports that it names.
LATER = {
    "google.api_core",
    "google.auth",
    "google.cloud.aiplatform_v1",
    "google.cloud.pubsub_v1",
    "google.cloud.storage",
    "grpc",
    "ir_measures",
    "multiprocessing",
    "numpy",
    "requests",
    "scipy",
    "slack_sdk",
}
# The high-level library of Vertex AI, and what only that needs.
NEVER = {"google.cloud.aiplatform", "google.cloud.bigquery", "google.genai", "vertexai", "httpx"}
VERTEX, MEASURING = {"google-cloud-aiplatform"}, {"ir-measures", "numpy", "scipy"}
PUBLISHING, TELLING, TERMINAL = {"google-cloud-pubsub", "grpcio"}, {"slack-sdk"}, {"rich", "typer"}
NEEDED = {
    "console": VERTEX | PUBLISHING | {"numpy"},  # to try models, to ask for things
    "deploy_model": VERTEX | PUBLISHING,
    "notify_slack": TELLING,
    "submit_tuning": VERTEX | PUBLISHING,
    "sweep": VERTEX | PUBLISHING | {"numpy"},
    "validate_dataset": PUBLISHING | {"numpy"},
    "watch_status": VERTEX | PUBLISHING | MEASURING,
}
START = "import sys; sys.path.append('.'); import json, main"
LOADED = "print(json.dumps(list(sys.modules)))"


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request, tmp_path_factory):
    return unpacked(request.param, tmp_path_factory.mktemp(request.param))


def loaded(function, program):
    """The modules that are there after a program has run in a function's archive."""
    command = function.bare.program(f"{program}\n{LOADED}")
    done = subprocess.run(command, cwd=function.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_an_entry_point_imports_nothing_that_can_wait(function):
    assert loaded(function, START) & (LATER | NEVER) == set()


def test_everything_in_an_archive_can_be_imported_there(function):
    """Expect no module to need what the requirements lack, and none to bring along what nobody uses."""
    assert loaded(function, f"{START}\n{EVERY_MODULE}") & NEVER == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_requires_what_it_needs_and_no_more(name):
    named = {line.partition("==")[0] for line in staged(name).requirements}
    assert named & (VERTEX | MEASURING | PUBLISHING | TELLING | TERMINAL) == NEEDED[name]
    assert {"functions-framework", "google-cloud-storage", "structlog"} <= named


def test_what_a_start_costs_is_written_down_for_every_function():
    written = (stage.ROOT / "docs" / "performance.md").read_text()
    assert [name for name in FUNCTIONS if f"| `{name}`" not in written] == []


@pytest.mark.parametrize("module", ["dropforge", "rich", "pytest"])
def test_what_is_not_required_is_not_there(tmp_path, module):
    """Expect the environment of these tests to prove something."""
    function = unpacked("console", tmp_path)
    command = function.bare.program(f"import {module}")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"No module named '{module}'" in done.stderr
