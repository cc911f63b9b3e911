"""Staging: what is reached, what it requires, the bytes of an archive, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.staged import staged

import stage
from staging.errors import StagingError
from staging.imports import reached
from staging.requirements import Installed

MAIN = """
from dropforge import delivery
from dropforge.workers.tell import tell

def f(event):
    delivery.deliver(event, tell)
"""
# A small Dropforge, whose composition imports numpy for who names the port `slow`, and yaml for `base`.
SOURCE = {
    "__init__": "",
    "bootstrap": """
class Ports:
    def slow(self):
        from dropforge import slow
        return slow.Slow(self.base)

    def base(self):
        from dropforge import base
        return base.settings.slow
""",
    "delivery": "from dropforge import bootstrap\n\ndef deliver(event, work): work(event, bootstrap.Ports())\n",
    "slow": "import numpy\n",
    "base": "import yaml\n",
    "unused": "import scipy\n",
    "workers/__init__": "",
    "workers/tell": "def tell(event, *, base): pass\n",
}


@pytest.fixture
def checkout(tmp_path):
    """Writes a checkout with the function `f`; gives its place."""

    def written(main=MAIN, tell=SOURCE["workers/tell"], delivery=SOURCE["delivery"]):
        for name, text in (SOURCE | {"workers/tell": tell, "delivery": delivery}).items():
            file = tmp_path / "shared" / "dropforge" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        place = tmp_path / "functions" / "f" / "main.py"
        place.parent.mkdir(parents=True)
        place.write_text(main)
        for name in ("requirements.txt", "pyproject.toml"):
            shutil.copy(stage.ROOT / name, tmp_path / name)
        return tmp_path

    return written


def found(root):
    """Our modules that are reached, without packages, and the names of others."""
    walked = reached(root, root / "functions" / "f" / "main.py", "f")
    ours = {name.removeprefix("dropforge.") for name, file in walked.modules.items() if file.name != "__init__.py"}
    return ours, set(walked.foreign)


class TestReached:
    def test_a_worker_reaches_the_ports_that_its_keywords_name(self, checkout):
        assert found(checkout()) == ({"bootstrap", "delivery", "base", "workers.tell"}, {"yaml"})

    def test_a_port_reaches_those_that_it_is_made_of(self, checkout):
        ours, foreign = found(checkout(tell="def tell(event, *, slow): pass\n"))
        assert {"slow", "base"} <= ours
        assert {"numpy", "yaml"} == foreign

    def test_who_knows_the_composition_reaches_the_ports_that_it_names(self, checkout):
        text = "from dropforge.bootstrap import Ports\n\ndef deliver(event, work): return Ports().slow\n"
        assert "numpy" in found(checkout(delivery=text))[1]

    @pytest.mark.parametrize(
        "text",
        [
            "def tell(event, *, base): later()\n\ndef later():\n    from dropforge import unused\n",
            "def tell(event, *, base): vars(A)['later']\n\nclass A:\n    def later(self):\n        import scipy\n",
            "class A:\n    def __init__(self):\n        import scipy\n",
            "if True:\n    import scipy\n",
            "import atexit\n\n@atexit.register\ndef later():\n    import scipy\n",
        ],
    )
    def test_an_import_counts_where_something_names_what_holds_it(self, checkout, text):
        assert "scipy" in found(checkout(tell=text))[1]

    def test_a_worker_may_go_by_another_name(self, checkout):
        main = MAIN.replace("import tell", "import tell as say").replace(", tell)", ", say)")
        ours, foreign = found(checkout(main, tell="def tell(event, *, base):\n    import scipy\n"))
        assert "base" in ours
        assert "scipy" in foreign

    @pytest.mark.parametrize(
        "text",
        [
            "def later():\n    from dropforge import unused\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import scipy\n",
        ],
    )
    def test_an_import_that_cannot_happen_does_not_count(self, checkout, text):
        assert "scipy" not in found(checkout(tell=text))[1]

    def test_a_page_may_name_what_holds_an_import(self, checkout):
        root = checkout(tell="class A:\n    def later(self):\n        import scipy\n")
        (root / "shared" / "dropforge" / "workers" / "page.html").write_text("{{ run.later }}")
        assert "scipy" in found(root)[1]

    def test_data_goes_along_with_its_package(self):
        files = staged("console").files
        assert "dropforge/console/templates/run.html" in files
        assert "dropforge/domain/rules.toml" in files
        assert not [name for name in files if "/cli/" in name or "local" in name or name.endswith(".pyc")]
        assert "dropforge/console/pages.py" not in staged("sweep").files


class TestRefused:
    def refused(self, root):
        with pytest.raises(StagingError) as refused:
            stage.stage(root, "f", Installed(root))
        return str(refused.value)

    def test_an_import_of_nothing_that_is_installed(self, checkout):
        told = self.refused(checkout(tell="import frobnicate\n"))
        assert told.startswith("shared/dropforge/workers/tell.py imports frobnicate, which is in no distribution")

    def test_an_import_of_the_local_stack(self, checkout):
        assert "dropforge_local" in self.refused(checkout(tell="import dropforge_local.cli\n"))

    def test_a_module_that_is_not_there(self, checkout):
        told = self.refused(checkout(tell="from dropforge.nowhere import x\n"))
        assert told == "shared/dropforge/workers/tell.py imports dropforge.nowhere, and there is no such module"

    def test_a_relative_import(self, checkout):
        assert "relatively" in self.refused(checkout(tell="from . import x\n"))

    def test_what_is_no_python(self, checkout):
        told = self.refused(checkout(tell="def\n"))
        assert told.startswith("shared/dropforge/workers/tell.py cannot be read")

    def test_an_entry_point_of_another_name(self, checkout):
        told = self.refused(checkout(main=MAIN.replace("def f", "def g")))
        assert told.startswith("functions/f/main.py has no function f")

    @pytest.mark.parametrize(
        ("pins", "told"),
        [
            ("six==1.0\n", "shared/dropforge/base.py needs pyyaml, and requirements.txt pins none"),
            ("pyyaml==6.0.3 ; sys_platform == 'win32'\n", "needs pyyaml, and requirements.txt pins none"),
            ("pyyaml==1.0\n", "is installed, and requirements.txt pins pyyaml==1.0"),
            ("pyyaml>=6\n", "requirements.txt:1 pins no version of pyyaml"),
            ("# pins\npyyaml == = 6\n", "requirements.txt:2 is no requirement"),
        ],
    )
    def test_pins_that_do_not_fit(self, checkout, pins, told):
        root = checkout()
        (root / "requirements.txt").write_text(pins)
        assert told in self.refused(root)

    def test_a_requirement_of_a_requirement_without_a_pin(self, checkout):
        root = checkout(tell="import flask\n")
        kept = [line for line in (root / "requirements.txt").read_text().splitlines() if "werkzeug" not in line]
        (root / "requirements.txt").write_text("\n".join(kept))
        assert self.refused(root).startswith("flask needs werkzeug, and requirements.txt pins none")


class TestRequirements:
    def test_pins_stand_as_the_project_has_them_for_every_python_on_linux(self):
        lines = staged("sweep").requirements
        assert set(lines) <= set((stage.ROOT / "requirements.txt").read_text().splitlines())
        assert len([line for line in lines if line.startswith("numpy==")]) == 2
        assert not [line for line in lines if "win32" in line or line.startswith("colorama")]

    def test_what_an_extra_or_another_python_needs_is_there(self, checkout, tmp_path, monkeypatch):
        needs = {
            "aa": ["bb[more]"],
            "bb": ['cc ; extra == "more"', 'six ; extra == "most"'],
            "cc": ['dd ; python_version >= "3.13"', 'six ; sys_platform == "win32"', 'six ; python_version < "3"'],
            "dd": [],
        }
        for name, requirements in needs.items():
            about = tmp_path / "site" / f"{name}-1.dist-info"
            about.mkdir(parents=True)
            told = "".join(f"Requires-Dist: {each}\n" for each in requirements)
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{told}")
            (about / "RECORD").write_text(f"{name}/__init__.py,,\n")
        root = checkout()
        (root / "requirements.txt").write_text("aa==1\nbb==1\ncc==1\ndd==1\nsix==1.17.0\n")
        monkeypatch.syspath_prepend(tmp_path / "site")
        assert Installed(root).needed({"aa.part": "f.py"}) == ("aa==1", "bb==1", "cc==1", "dd==1")


def command(root, *arguments, **options):
    told = [sys.executable, root / "deploy" / "stage.py", *arguments]
    return subprocess.run(told, capture_output=True, text=True, check=False, **options)


class TestCommand:
    def test_the_same_checkout_gives_the_same_bytes_anywhere_and_any_day(self, tmp_path):
        copy = tmp_path / "elsewhere"
        shutil.copytree(stage.ROOT / "shared", copy / "shared", ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("functions/console", "deploy/staging"):
            shutil.copytree(stage.ROOT / part, copy / part)
        for name in ("deploy/stage.py", "requirements.txt", "pyproject.toml"):
            shutil.copy(stage.ROOT / name, copy / name)
        for file in filter(Path.is_file, copy.rglob("*")):
            os.utime(file, (10**9, 10**9))
            file.chmod(0o600)

        done = command(copy, "--out", tmp_path, env=os.environ | {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"})
        assert done.returncode == 0, done.stderr
        here = staged("console")
        assert (tmp_path / "console.zip").read_bytes() == here.content
        assert done.stdout.split()[-1] == here.digest

    def test_names_and_modes_in_an_archive_are_plain(self, tmp_path):
        assert command(stage.ROOT, "console", "--out", tmp_path / "new").returncode == 0
        with ZipFile(tmp_path / "new" / "console.zip") as archive:
            entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(staged("console").files)
        assert {(entry.date_time[0], entry.external_attr >> 16) for entry in entries} == {(1980, 0o100644)}

    def test_the_operators_file_goes_along(self, tmp_path):
        (tmp_path / "ours.yaml").write_text("labels:\n  team: search\n")
        done = command(stage.ROOT, "console", "--out", tmp_path, "--config", tmp_path / "ours.yaml")
        assert "DROPFORGE_CONFIG=dropforge.yaml" in done.stdout
        with ZipFile(tmp_path / "console.zip") as archive:
            assert archive.read("dropforge.yaml") == b"labels:\n  team: search\n"

    def test_an_operators_file_that_cannot_be_used_stages_nothing(self, tmp_path):
        (tmp_path / "ours.yaml").write_text("lables: {}\n")
        done = command(stage.ROOT, "--out", tmp_path / "new", "--config", tmp_path / "ours.yaml")
        assert done.returncode == 1
        assert "ours.yaml cannot be used: lables is no setting; did you mean labels?" in done.stderr
        assert not (tmp_path / "new").exists()

    def test_where_there_is_no_room_for_all_the_archives_before_stay(self, tmp_path):
        """Given a disk that has room for the first archive alone, expect what is said of all: nothing is staged."""
        for name in ("deploy_model", "sweep"):
            (tmp_path / f"{name}.zip").write_bytes(b"before")
        room = len(staged("deploy_model").content)
        assert room < len(staged("sweep").content)
        limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
        script = f"import os, resource, sys; {limit}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        told = [sys.executable, "-B", "-c", script, stage.ROOT / "deploy" / "stage.py", "--out", tmp_path]
        done = subprocess.run([*told, "deploy_model", "sweep"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("nothing is staged: ")
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
            "deploy_model.zip": b"before",
            "sweep.zip": b"before",
        }

    def test_a_function_that_is_not_there_is_refused(self, tmp_path):
        done = command(stage.ROOT, "consol", "--out", tmp_path)
        assert done.returncode == 2
        assert "no function consol: choose from console," in done.stderr


def test_what_is_staged_is_what_is_deployed():
    topology = json.loads((stage.ROOT / "deploy" / "topology.json").read_text())
    assert set(stage.functions(stage.ROOT)) == topology["functions"].keys()
