"""The rights that Terraform gives are those that the code uses: lived through in virtual time, call by call.

What a function calls is recorded while whole worlds, with all their faults, are lived through; which methods of Vertex
AI a call of ours makes is read in the adapter. Too few rights would stop a function in the cloud, and no test could see it there.
"""

import ast
from collections import defaultdict

import pytest
from faults.simulator.calls import Calls
from faults.simulator.instances import Instance
from faults.simulator.scenarios import Life
from faults.simulator.wishes import PERSON
from terraform.deployment import OPERATORS, PROJECT, ROOT
from terraform.policies.reading import DROP, STATE, account, inner

from dropforge.domain.event import Event
from staging.imports import reached

VERTEX = ROOT / "shared/dropforge/adapters/google/vertex.py"
# What the service asks for: https://cloud.google.com/vertex-ai/docs/general/iam-permissions. To read an operation takes
# the permission to read what it is about.
ASKED_FOR = {
    "_pipelines.create_pipeline_job": {"pipelineJobs.create"},
    "_pipelines.get_pipeline_job": {"pipelineJobs.get"},
    "_pipelines.list_pipeline_jobs": {"pipelineJobs.list"},
    "_pipelines.cancel_pipeline_job": {"pipelineJobs.cancel"},
    "_endpoints.create_endpoint": {"endpoints.create"},
    "_endpoints.get_endpoint": {"endpoints.get"},
    "_endpoints.list_endpoints": {"endpoints.list"},
    "_endpoints.delete_endpoint": {"endpoints.delete"},
    "_endpoints.deploy_model": {"endpoints.deploy", "models.get"},
    "_endpoints.undeploy_model": {"endpoints.undeploy"},
    "_endpoints.get_operation": {"endpoints.get"},
    "_endpoints.list_operations": {"operations.list"},
    "_predictions.by_endpoint": {"endpoints.predict"},
    "_predictions.by_base": {"endpoints.predict"},
}
ASKED_BY_HAND = ("embed", "embed_by_base")  # `dropforge predict` and `search`
DOCTOR = ROOT / "shared/dropforge/doctor/vertex.py"
TRYING = ROOT / "shared/dropforge/console/tryit.py"
ACTING = [ROOT / "shared/dropforge/actions" / f"{name}.py" for name in ("approve", "cancel", "rerun", "rollback")]
LIVES = [Life(scenario, seed, 20) for scenario in ("storm", "wishes", "capped") for seed in range(2)]


@pytest.fixture(scope="module")
def called():
    """What each function called, as `port.method`, and of what: paths, topics."""
    calls = defaultdict(lambda: defaultdict(set))
    make = Calls.make

    def recorded(self, instance, name, call, about, *more, **named):
        if isinstance(instance, Instance):
            calls[instance.function][name].add(about.TOPIC if isinstance(about, Event) else str(about))
        return make(self, instance, name, call, about, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Calls, "make", recorded)
        for life in LIVES:
            life.world()
    return calls


def permissions():
    """What each method of the adapter takes, its own helpers included."""
    (adapter,) = [
        node for node in ast.parse(VERTEX.read_text()).body if isinstance(node, ast.ClassDef) and node.name == "Vertex"
    ]
    methods = {node.name: node for node in adapter.body if isinstance(node, ast.FunctionDef)}

    def of(name, seen=()):
        for node in ast.walk(methods[name]):
            if not isinstance(node, ast.Attribute):
                continue
            dotted = ast.unparse(node).removeprefix("self.")
            if dotted in methods and dotted not in (*seen, name):
                yield from of(dotted, (*seen, name))
            elif dotted.startswith(("_pipelines.", "_endpoints.", "_predictions.")):
                yield from ASKED_FOR[dotted]

    return {name: set(of(name)) for name in methods if name != "__init__"}


def granted(plan, member):
    roles = {each.values["name"]: each.values["permissions"] for each in plan.all("project_iam_custom_role")}
    return {
        permission.removeprefix("aiplatform.")
        for each in plan.all("project_iam_member")
        if each.values.get("member") == member
        for permission in roles[each.values["role"]]
        if permission.startswith("aiplatform.")
    }


FUNCTIONS = ("validate_dataset", "submit_tuning", "watch_status", "deploy_model", "notify_slack", "sweep")


def within_reach(function):
    """What the modules that a function can come to import call of Vertex AI, as methods of the adapter."""
    for name, path in reached(ROOT, ROOT / "functions" / function / "main.py", function).modules.items():
        if not name.startswith(("dropforge.adapters", "dropforge.ports", "dropforge.bootstrap")):
            yield from asked_in(path)


def asked_in(path):
    """What a module calls of Vertex AI, as methods of the adapter."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] in {"tuner", "host"}:
            yield node.attr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_with_vertex_what_it_does(function, called, full):
    takes = permissions()
    done = {name.partition(".")[2] for name in called[function] if name.startswith(("tuner.", "host."))}
    assert {permission for method in done for permission in takes[method]} <= granted(full, account(function))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_not_do_with_vertex_what_none_of_its_code_does(function, full):
    takes = permissions()
    assert granted(full, account(function)) <= {
        permission for method in within_reach(function) for permission in takes[method]
    }


def test_the_console_does_what_people_may_ask_for_in_it_and_nothing_else(plain, full):
    takes = permissions()
    methods = [method for path in (TRYING, *ACTING) for method in asked_in(path)]
    wanted = {permission for method in methods for permission in takes[method]}
    assert granted(full, account("console")) == wanted
    assert granted(plain, account("console")) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_publishes_where_it_may(function, called, full):
    may = {
        each.values["topic"]
        for each in full.all("pubsub_topic_iam_member")
        if each.values["member"] == account(function)
    }
    assert set(called[function]["bus.publish"]) <= may
    assert bool(may) == bool(called[function]["bus.publish"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_touches_the_buckets_that_it_may(function, called, full):
    held = {
        (each.values["bucket"], each.values["role"].rpartition(".")[2]): inner(each, "condition").get("expression", "")
        for each in full.all("storage_bucket_iam_member")
        if each.values["member"] == account(function)
    }
    done = {name for name in called[function] if name.startswith(("drop.", "state."))}
    changes = {f"state.{method}" for method in ("write", "annotate", "copy_from", "delete")}
    assert not done & {f"drop.{method}" for method in ("write", "annotate", "copy_from", "delete")}
    assert ((DROP, "objectViewer") in held) == any(name.startswith("drop.") for name in done)
    within = held[STATE, "objectUser"]
    touched = {name for call in done & (changes | {"state.read"}) for name in called[function][call]}
    assert touched
    if within:
        folders = [part.partition('"')[0] for part in within.split(f"/{STATE}/objects/")[1:]]
        assert {name for name in touched if not name.startswith(tuple(folders))} == set()


def test_every_folder_of_the_state_bucket_has_its_rule(called, full):
    """Of what passes, earlier versions go after a while; of the ledger, none; what a run read and wrote is asked about."""
    (state,) = (each for each in full.all("storage_bucket") if each.values["name"] == STATE)
    ruled = {
        prefix
        for rule in state.values["lifecycle_rule"]
        for prefix in rule["condition"][0].get("matches_prefix") or ()
        if rule["action"][0]["type"] == "Delete"
    }
    written = {name.partition("/") for function in FUNCTIONS for name in called[function]["state.write"]}
    folders = {folder + slash for folder, slash, _ in written}
    assert folders - ruled - {"ledger/", "aliases/", "aside/"} == set()


def test_who_submits_jobs_and_nobody_else_acts_as_the_runner(called, full):
    runner = f"projects/{PROJECT}/serviceAccounts/dropforge-runner@{PROJECT}.iam.gserviceaccount.com"
    may = {
        each.values["member"]
        for each in full.all("service_account_iam_member")
        if each.values["service_account_id"] == runner
    }
    assert {account(name) for name in FUNCTIONS if "tuner.submit" in called[name]} == may


def test_operators_may_do_what_people_ask_for(called, full):
    takes = permissions()
    done = called[PERSON]
    methods = {name.partition(".")[2] for name in done if name.startswith(("tuner.", "host."))}
    methods |= {*ASKED_BY_HAND, *asked_in(DOCTOR)}
    assert granted(full, OPERATORS) == {permission for method in methods for permission in takes[method]}
    topics = full.all("pubsub_topic_iam_member")
    assert done["bus.publish"] <= {each.values["topic"] for each in topics if each.values["member"] == OPERATORS}
    buckets = {
        each.values["bucket"] for each in full.all("storage_bucket_iam_member") if each.values["member"] == OPERATORS
    }
    assert buckets == {STATE}
    assert not [name for name in done if name.startswith("drop.")]


def test_operators_may_deal_with_every_dead_letter(full):
    kept = {each.values["name"] for each in full.all("pubsub_subscription") if each.name == "dead"}
    theirs = full.all("pubsub_subscription_iam_member")
    assert {each.values["subscription"] for each in theirs if each.values["member"] == OPERATORS} == kept
