"""A profile names a Dropforge: commands work with it, whatever the environment says."""

import json

import pytest
from typer.testing import CliRunner

from dropforge.cli import main as command_line
from dropforge.cli import place, profiles
from dropforge.domain.errors import Misconfigured

FILE = """
default = "staging"

[staging]
project = "acme-staging"

[production]
project = "acme-embeddings"
location = "europe-west4"
state_bucket = "acme-ledger"
config = "production.yaml"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    file = tmp_path / "profiles.toml"
    file.write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return file


@pytest.fixture
def environment(file, monkeypatch):
    """An environment that names the stack of a laptop."""
    environment = {
        "DROPFORGE_PROFILES": str(file),
        "DROPFORGE_STATE_BUCKET": "dropforge-state",
        "DROPFORGE_VERTEX_ENDPOINT": "http://127.0.0.1:8462",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:8460",
    }
    monkeypatch.setattr("os.environ", environment)
    return environment


def test_a_profile_takes_the_place_of_whatever_the_environment_names(environment, file):
    place.choose(profile="production")
    assert environment == {
        "DROPFORGE_PROFILES": str(file),
        "DROPFORGE_PROJECT": "acme-embeddings",
        "DROPFORGE_LOCATION": "europe-west4",
        "DROPFORGE_DROP_BUCKET": "acme-embeddings-dropforge-drop",
        "DROPFORGE_STATE_BUCKET": "acme-ledger",
        "DROPFORGE_CONFIG": str(file.parent / "production.yaml"),
    } | {name: environment[name] for name in environment if name.startswith("PYTEST")}


def test_a_project_is_worked_with_as_terraform_names_it(environment):
    place.choose(project="acme-else")
    assert environment["DROPFORGE_STATE_BUCKET"] == "acme-else-dropforge-state"
    assert "STORAGE_EMULATOR_HOST" not in environment


def test_the_default_is_worked_with_where_nothing_else_is_named(environment):
    for name in ("DROPFORGE_STATE_BUCKET", "STORAGE_EMULATOR_HOST"):
        del environment[name]
    place.find()
    assert environment["DROPFORGE_PROJECT"] == "acme-staging"


def test_a_check_reads_the_operators_file_of_the_default_and_says_which(environment, file, capsys):
    file.write_text(FILE.replace('default = "staging"', 'default = "production"'))
    place.configure()
    assert "DROPFORGE_CONFIG" not in environment, "the environment names another Dropforge"
    for name in ("DROPFORGE_STATE_BUCKET", "STORAGE_EMULATOR_HOST"):
        del environment[name]
    place.configure()
    assert environment["DROPFORGE_CONFIG"] == str(file.parent / "production.yaml")
    assert "DROPFORGE_STATE_BUCKET" not in environment
    said = capsys.readouterr().err
    assert said == f"dropforge: using {file.parent}/production.yaml, the operator's file of your profile production\n"
    place.configure()
    assert capsys.readouterr().err == ""


def test_the_environment_is_worked_with_where_no_option_says_otherwise(environment, monkeypatch):
    monkeypatch.setattr(place, "require_running", lambda: None)
    place.find()
    assert environment["DROPFORGE_STATE_BUCKET"] == "dropforge-state"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("[staging", "cannot be used"),
        ("[staging]\n", "project"),
        ('[staging]\nproject = "acme-staging"\nregion = "x"\n', "region"),
        ('[staging]\nproject = "Acme"\n', "staging: 'Acme' is not the id"),
        ('default = "stagin"\n[staging]\nproject = "acme-staging"\n', "did you mean staging"),
        ('default = 3\n[staging]\nproject = "acme-staging"\n', "default"),
        ('[staging]\nproject = "a\\u001b[2J"\n', r"a\\x1b"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(file, written, why):
    file.write_text(written)
    with pytest.raises(Misconfigured, match=r"profiles\.toml") as error:
        profiles.read({"DROPFORGE_PROFILES": str(file)})
    assert why.replace("\\\\", "\\") in str(error.value)
    assert "\x1b" not in str(error.value)


def test_an_unknown_profile_suggests_one(environment):
    with pytest.raises(Misconfigured, match="did you mean production"):
        place.choose(profile="prodution")


def test_without_a_file_there_are_none(tmp_path):
    assert profiles.read({"XDG_CONFIG_HOME": str(tmp_path)}).named == {}


def test_they_are_listed(environment):
    listed = CliRunner().invoke(command_line.app, ["profiles"]).output
    assert listed.splitlines() == [
        "staging  acme-staging, us-central1  (default)",
        "production  acme-embeddings, europe-west4",
    ]
    as_json = json.loads(CliRunner().invoke(command_line.app, ["profiles", "--json"]).output)
    assert as_json["profiles"]["production"]["state_bucket"] == "acme-ledger"


def test_a_profile_and_a_project_are_one_too_many():
    answer = CliRunner().invoke(command_line.app, ["--profile", "a", "--project", "b", "profiles"])
    assert answer.exit_code == 2
