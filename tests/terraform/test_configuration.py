"""The configuration is Terraform's own form of well-formed, plans in one go, and refuses what cannot be meant."""

import json
import re

import pytest
from terraform.deployment import EVERYTHING, KEY, PROJECT, ROOT, SOURCE, TOPOLOGY, copied
from terraform.standin.provider import DATA, RESOURCES
from terraform.standin.refresh import used

ENVIRONMENTS = ("staging", "production")
README = SOURCE / "README.md"
MODULE_FILES = {path.name: path.read_text() for path in (SOURCE / "modules" / "dropforge").glob("*.tf")}


def test_every_file_is_formatted(terraform):
    checked = terraform(SOURCE, "fmt", "-check", "-diff", "-recursive")
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("variables", [{}, EVERYTHING], ids=["nothing asked for", "everything asked for"])
def test_one_apply_is_enough(environment, variables, tmp_path, unforetold):
    """Nothing that is known only afterwards decides what is to be made: a plan from nothing comes to its end."""
    needed = {"alert_email": "ml-oncall@acme.example"} if environment == "production" else {}
    plan = copied(tmp_path, unforetold).plan(environment, **(needed | variables))
    assert len(list(plan.all("cloudfunctions2_function"))) == len(TOPOLOGY["functions"])


def test_a_misspelt_argument_is_found(copy):
    copy.change("schedules.tf", "time_zone  ", "timezone   ")
    refused = copy.ask()
    assert refused.returncode
    assert 'An argument named "timezone" is not expected here' in refused.stderr


def test_a_second_block_of_a_kind_is_found(copy):
    copy.change(
        "topics.tf", "    oidc_token {", '    oidc_token {\n      service_account_email = ""\n    }\n    oidc_token {'
    )
    assert 'No more than 1 "oidc_token" blocks are allowed' in copy.ask().stderr


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("console_viewers", ["allUsers"], "The console is never public"),
        ("data_people", ["allAuthenticatedUsers"], "spends money"),
        ("operators", ["allUsers"], "never everybody"),
        ("archives", "nowhere", "run `deploy/stage.py` first"),
        ("subscribers", ["allUsers"], "never for everybody"),
        ("console_ingress", "everywhere", "console_ingress is"),
        ("settings", {"PYTHONPATH": "/tmp"}, "begins with DROPFORGE_"),
        ("settings", {"DROPFORGE_STATE_BUCKET": "mine"}, "set by what is deployed"),
        ("settings", {"DROPFORGE_SLACK_URL": "https://hooks.example"}, "Webhooks and tokens are secrets"),
        ("settings", {"DROPFORGE_WEBHOOK_SECRET": "whsec_"}, "Webhooks and tokens are secrets"),
        ("webhook_url_version", "1", "go together"),
        ("keep_runs_days", 1, "at least 30"),
        ("project", "another", "dropforge-runner@PROJECT"),
    ],
)
def test_what_cannot_be_meant_is_refused(variable, value, says, copy):
    refused = copy.ask(**{variable: value})
    assert refused.returncode
    assert says in " ".join(refused.stderr.replace("│", "").split())


def test_the_operators_file_that_is_shipped_waits_for_the_projects_name():
    for environment in ENVIRONMENTS:
        shipped = (SOURCE / "environments" / environment / "dropforge.yaml").read_text()
        assert "service_account: dropforge-runner@PROJECT.iam.gserviceaccount.com" in shipped


def test_a_key_of_jobs_and_a_key_of_the_rest_are_one(copy):
    operator = {"service_account": f"dropforge-runner@{PROJECT}.iam.gserviceaccount.com"}
    refused = copy.ask(operator=operator, kms_key=KEY)
    assert "one encrypts the jobs and the models" in " ".join(refused.stderr.replace("│", "").split())


def test_another_topology_makes_another_deployment(copy):
    """Nothing of the topology is repeated in the module, but who may do what."""
    file = copy.folder / "deploy" / "topology.json"
    changed = json.loads(file.read_bytes())
    changed["topics"]["model-retired"] = {"public": True}
    changed["functions"]["deploy_model"]["trigger"]["topics"].append("model-retired")
    changed["schedules"]["sweep"]["cron"] = "*/5 * * * *"
    changed["delivery"]["cloud"]["attempts"] = 7
    file.write_text(json.dumps(changed))
    plan = copy.plan()
    pushed = {each.key: each.values for each in plan.all("pubsub_subscription") if each.name == "push"}
    assert pushed["deploy_model.model-retired"]["topic"] == f"projects/{PROJECT}/topics/model-retired"
    assert {each["dead_letter_policy"][0]["max_delivery_attempts"] for each in pushed.values()} == {7}
    assert "*/5 * * * *" in {each.values["schedule"] for each in plan.all("cloud_scheduler_job")}


def variables(text):
    return set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))


def test_what_can_be_set_is_handed_down_and_written_down():
    written = set(re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE))
    for environment in ENVIRONMENTS:
        folder = SOURCE / "environments" / environment
        asked = variables((folder / "variables.tf").read_text())
        handed = set(re.findall(r"^  (\w+) +=", (folder / "main.tf").read_text().partition("module ")[2], re.MULTILINE))
        assert handed - {"source", "environment", "operator_file"} == asked
        assert written == asked
        assert handed - {"source"} <= variables(MODULE_FILES["variables.tf"])


def test_the_commands_of_the_readme_are_there():
    text = README.read_text()
    assert "deploy/stage.py" in text
    assert (ROOT / "deploy" / "stage.py").is_file()
    for environment in re.findall(r"environments/(\w+)", text):
        assert (SOURCE / "environments" / environment / "main.tf").is_file()


def test_the_stand_in_knows_what_is_used_and_nothing_else():
    assert set(RESOURCES) == used("resource")
    assert set(DATA) == used("data")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_valid_before_anything_is_said(environment, copy):
    assert copy.ask(environment, alert_email="ml-oncall@acme.example").returncode == 0
    root = copy.folder / "deploy" / "terraform" / "environments" / environment
    (root / "terraform.tfvars.json").unlink()
    assert json.loads(copy.terraform(root, "validate", "-json").stdout)["diagnostics"] == []


def test_what_is_applied_once_needs_no_second_time_and_goes_again(tmp_path, unforetold):
    """In the order of the graph, with values that come only then; nothing changes by itself from one plan to the next."""
    copy = copied(tmp_path, unforetold)
    copy.plan("production", **EVERYTHING)
    root = copy.folder / "deploy" / "terraform" / "environments" / "production"
    quiet = ("-input=false", "-no-color", "-lock=false")

    applied = unforetold(root, "apply", *quiet, "plan")
    again = unforetold(root, "plan", *quiet, "-detailed-exitcode")
    gone = unforetold(root, "destroy", *quiet, "-auto-approve")

    assert (applied.returncode, applied.stderr) == (0, "")
    assert (again.returncode, again.stderr) == (0, "")  # 2 would be changes
    assert (gone.returncode, gone.stderr) == (0, "")
