"""Arrows point one way: deploy -> functions -> shared, and the domain knows nobody."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDS_FOR_NOTHING = {"__init__.py"}
# What each part may import of the project and of Google.
ALLOWED = {
    "shared/dropforge/domain": {"dropforge.domain"},
    "shared/dropforge/workers": {"dropforge"},
    "shared/dropforge": {"dropforge", "google"},
    "functions": {"dropforge"},
    "deploy/local": {"dropforge", "dropforge_local", "google"},
}
WATCHED = ("dropforge", "dropforge_local", "google", "functions", "shared", "deploy", "tests")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(folder):
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if path.name not in STANDS_FOR_NOTHING]


@pytest.mark.parametrize("folder", ALLOWED)
def test_arrows_point_one_way(folder):
    assert modules(folder), "there is something to look at"
    strangers = {
        (str(path.relative_to(ROOT)), name)
        for path in modules(folder)
        for name in imports_of(path)
        if name.split(".")[0] in WATCHED
        and not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED[folder])
    }
    assert strangers == set()


def test_only_the_adapters_know_google():
    knowing = {
        str(path.relative_to(ROOT / "shared/dropforge").parent)
        for path in modules("shared/dropforge")
        if any(name.split(".")[0] in {"google", "google_crc32c"} for name in imports_of(path))
    }
    assert knowing == {"adapters", "adapters/google"}


def test_only_the_wire_knows_json():
    """Settings read YAML and profiles TOML, the validator and `content` the dataset's lines; nobody else takes JSON apart."""
    knowing = {
        path.name
        for path in modules("shared/dropforge")
        if any(name.split(".")[0] in {"json", "msgspec", "orjson"} for name in imports_of(path))
    }
    assert knowing == {"wire.py", "record.py", "records.py", "content.py", "settings.py", "profiles.py"}


def test_only_three_modules_read_the_environment():
    knowing = {
        path.name
        for path in modules("shared/dropforge")
        if "os.environ" in path.read_text() and path.parent.name != "cli"
    }
    assert knowing == {"settings.py", "logs.py"}


def test_no_module_is_longer_than_it_can_be_read():
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder in ("shared", "functions", "deploy")
        for path in modules(folder)
        if len(path.read_text().splitlines()) > 400
    }
    assert long == {}
