"""The page about security names every right that Terraform gives, and for every threat a test that is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text("utf-8")
MODULE = {path.name: path.read_text("utf-8") for path in (ROOT / "deploy/terraform/modules/dropforge").glob("*.tf")}
FUNCTIONS = json.loads((ROOT / "deploy/topology.json").read_bytes())["functions"].keys()

GRANT = re.compile(r'^resource "google_(\w+)_iam_member" "(\w+)" {\n(.*?)^}', re.DOTALL | re.MULTILINE)
LOCAL = re.compile(r"^  (\w+) += (.*?)(?=^  \w+ += |^  # |^}|^$)", re.DOTALL | re.MULTILINE)
PEOPLE = r"var\.(console_viewers|data_people|operators|subscribers)\b"
AGENT = r"local\.agents\.(\w+)"
ACCOUNT = r"google_service_account\.(build|eventarc|push|runner)\b"
PROVEN = re.compile(r"`(tests/[\w/]+\.py)::(?:(\w+)::)?(\w+)`")


def table(heading):
    """The rows of the table below a heading, as lists of cells."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def granted(module):
    """Each resource that gives rights: to whom, and which roles."""
    named = dict(LOCAL.findall(module["rights.tf"]))
    return {
        f"{kind}.{name}": (_principals(body, named), _roles(body))
        for text in module.values()
        for kind, name, body in GRANT.findall(text)
    }


def _argument(name, body):
    return re.search(rf"^  {name} += (.*?)(?=^  \w+ += |^  \w+ {{|\Z|^$)", body, re.DOTALL | re.MULTILINE)[1]


def _principals(body, named):
    member = _argument("member", body)
    told = _argument("for_each", body) if "each." in member else member
    for _ in range(2):  # what a name stands for may name others
        told = re.sub(r"local\.(\w+)", lambda found: named.get(found[1], found[0]), told)
    found = {name for name in FUNCTIONS if re.search(rf"\b{name}\b", told)}
    found |= set(re.findall(PEOPLE, told)) | set(re.findall(ACCOUNT, told))
    found |= {f"agent:{name}" for name in re.findall(AGENT, told)}
    if "in local.agents :" in told:
        found.add("agent:*")
    if "writer_identity" in told:
        found.add("sink")
    return found


def _roles(body):
    custom = re.findall(r"google_project_iam_custom_role\.(\w+)", body)
    return set(re.findall(r"\broles/([\w.]+)", body)) | {f"custom:{name}" for name in custom}


def written():
    """What the page says of each resource that gives rights."""
    rows = {re.findall(r"`(.+?)`", grant)[0]: (who, roles) for grant, who, roles, *_ in table("Who may do what")}
    return {grant: tuple(set(re.findall(r"`(.+?)`", cell)) for cell in cells) for grant, cells in rows.items()}


def test_every_right_stands_on_the_page_with_who_has_it():
    assert written() == granted(MODULE)
    assert all(cell for row in table("Who may do what") for cell in row)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("rights.tf", 'job_placers   = ["submit_tuning", ', 'job_placers   = ["submit_tuning", "deploy_model", '),
        ("rights.tf", 'member = local.members["console"]', 'member = local.members["sweep"]'),
        ("rights.tf", '"roles/aiplatform.user"', '"roles/editor"'),
        ("rights.tf", "member  = local.runner", "member  = local.agents.vertex"),
        ("rights.tf", "for_each = toset(var.data_people)", "for_each = toset(var.subscribers)"),
        ("rights.tf", "    deploy_model = [", "    console = ["),
        ("rights.tf", 'notify_slack = local.members["notify_slack"], ', ""),
        ("secrets.tf", 'function["notify_slack"]', 'function["console"]'),
        ("topics.tf", '"dead_letters"', '"more_letters"'),
    ],
)
def test_a_right_that_changes_is_noticed(file, before, after):
    assert before in MODULE[file]
    assert granted(MODULE | {file: MODULE[file].replace(before, after)}) != written()


def is_there(path, group, name):
    file = ROOT / path
    if not file.is_file():
        return False
    text = file.read_text("utf-8")
    if group:
        text = re.split(r"^(?=\S)", text.partition(f"\nclass {group}:\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return bool(re.search(rf"^{'    ' if group else ''}def {name}\(", text, re.MULTILINE))


@pytest.mark.parametrize("row", table("Threats"), ids=lambda row: row[0])
def test_every_threat_has_a_control_and_a_test_or_says_that_it_has_none(row):
    threat, control, proof = row
    named = PROVEN.findall(proof)
    assert threat
    assert control
    assert any(name.startswith("test_") for *_, name in named) or "not proven here: " in proof
    assert [each for each in named if not is_there(*each)] == []
    assert proof.count("::") == sum(1 + bool(group) for _, group, _ in named), "a name that cannot be looked up"


@pytest.mark.parametrize(
    ("path", "group", "name"),
    [
        ("tests/unit/test_nowhere.py", "", "test_any"),
        ("tests/unit/test_slack.py", "", "test_text_from_outside"),
        ("tests/functions/test_functions.py", "", "test_a_runs_page_shows_findings_escaped"),
        ("tests/functions/test_functions.py", "TestConsole", "test_the_whole_chain_through_the_framework"),
        ("tests/functions/test_functions.py", "TestConsole", "test_an_entry_point_is_short_and_touches_no_network"),
    ],
)
def test_a_test_that_is_not_there_is_noticed(path, group, name):
    assert not is_there(path, group, name)
