"""What Google says of a project is read as it documents it, and told with the command that mends it."""

from dataclasses import replace

import pytest
from support.google_project import FORBIDDEN, NOT_FOUND, google
from support.wired import BUCKET, Wired
from support.world import ENVIRONMENT, World

from dropforge.doctor.buckets import buckets
from dropforge.doctor.diagnosis import State, mends
from dropforge.doctor.encryption import encryption
from dropforge.doctor.project import credentials, identities, services
from dropforge.doctor.vertex import vertex
from dropforge.settings import Operator, load

SETTINGS = load(ENVIRONMENT)
COMPUTE = "42-compute@developer.gserviceaccount.com"
TUNING = "service-42@gcp-sa-aiplatform-ft.iam.gserviceaccount.com"
PUBSUB = "service-42@gcp-sa-pubsub.iam.gserviceaccount.com"
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
DEAD = ("submit_tuning", "watch_status", "deploy_model", "notify_slack", "sweep")


@pytest.fixture
def cloud():
    with google() as (answering, project):
        yield answering, project
        assert answering.tokens == [], "no token goes over an open line"


def of(found):
    return {each.what: each for each in found}


def policy(**members):
    return {"bindings": [{"role": role, "members": who} for role, who in members.items()]}


def healthy(google):
    google.answers |= {
        "GET /v1/projects/p": {"projectNumber": "42", "projectId": "p"},
        "POST /v1/projects/p:getIamPolicy": policy(**{"roles/aiplatform.user": [f"serviceAccount:{COMPUTE}"]}),
        "GET /storage/v1/b/state/iam": policy(
            **{"roles/storage.objectUser": [f"serviceAccount:{COMPUTE}", f"serviceAccount:{TUNING}"]}
        ),
    }
    for function in DEAD:
        path = f"GET /v1/projects/p/topics/dead-{function}:getIamPolicy"
        google.answers[path] = policy(**{"roles/pubsub.publisher": [f"serviceAccount:{PUBSUB}"]})
    google.allowed |= {"iam.serviceAccounts.actAs"}


def test_apis_that_are_not_enabled_are_named_in_one_command(cloud):
    answering, project = cloud
    [found] = services(settings=SETTINGS, project=project)
    assert found.state is State.WRONG
    wanted = [each.rpartition("/")[2] for each in answering.asked[-1][2]["names"]]
    answering.enabled |= set(wanted)
    assert [each.state for each in services(settings=SETTINGS, project=project)] == [State.OK]
    answering.enabled -= {"eventarc.googleapis.com", "aiplatform.googleapis.com"}
    [found] = services(settings=SETTINGS, project=project)
    assert found.do == "gcloud services enable aiplatform.googleapis.com eventarc.googleapis.com --project=p"


def test_without_the_right_to_look_the_role_is_named(cloud):
    answering, project = cloud
    answering.answers["GET /v1/projects/p/services:batchGet"] = FORBIDDEN
    [found] = services(settings=SETTINGS, project=project)
    assert found.state is State.UNKNOWN
    assert "roles/serviceusage.serviceUsageViewer" in found.says


def test_a_person_who_lacks_a_right_says_nothing_of_the_functions(cloud):
    """Only an account that works for the project must have it."""
    answering, project = cloud
    world = World()
    look = {"settings": SETTINGS, "tuner": world.tuner, "host": world.host}
    found = of(vertex(project=project, **look))
    assert (found["rights"].state, found["jobs"].state) == (State.UNKNOWN, State.OK)
    assert "--impersonate-service-account=" in found["rights"].do

    project.caller = lambda: "dropforge@p.iam.gserviceaccount.com"
    found = of(vertex(project=project, **look))
    assert (found["rights"].state, "pipelineJobs.create" in found["rights"].says) == (State.WRONG, True)
    assert found["rights"].do == (
        "gcloud projects add-iam-policy-binding p --member=serviceAccount:dropforge@p.iam.gserviceaccount.com "
        "--role=roles/aiplatform.user"
    )
    answering.allowed |= set(found["rights"].says.partition("lacks ")[2].split(", "))
    assert of(vertex(project=project, **look))["rights"].state is State.OK


def quota(metric, *entries):
    return {
        "quotaId": f"{metric}-id",
        "metric": f"aiplatform.googleapis.com/{metric}",
        "dimensionsInfos": [
            {
                "dimensions": {"region": region} if region else {},
                "details": {"value": str(value)} if value else {},  # a zero is left out of JSON
                "applicableLocations": [region] if region else ["us-central1", "europe-west4"],
            }
            for region, value in entries
        ],
    }


TRAINING, SERVING = "restricted_image_training_nvidia_v100_gpus", "custom_model_serving_nvidia_a100_gpus"


@pytest.mark.parametrize(
    ("quotas", "states"),
    [
        ([quota(TRAINING, ("us-central1", 8)), quota(SERVING, ("us-central1", 1))], (State.OK, State.OK)),
        ([quota(SERVING, ("", -1)), quota(TRAINING, ("", 4))], (State.OK, State.OK)),
        ([quota(TRAINING, ("us-central1", 3), ("", 8)), quota(SERVING, ("", 0))], (State.WRONG, State.WRONG)),
        ([quota(f"{TRAINING}_2", ("", 8)), quota(SERVING, ("europe-west4", 8))], (State.UNKNOWN, State.UNKNOWN)),
        ([], (State.UNKNOWN, State.UNKNOWN)),
    ],
)
def test_quotas_are_those_of_the_region_and_the_accelerator(cloud, quotas, states):
    answering, project = cloud
    answering.quotas = quotas
    world = World()
    found = of(vertex(settings=SETTINGS, tuner=world.tuner, host=world.host, project=project))
    assert (found["quota, training"].state, found["quota, serving"].state) == states
    for each in (found["quota, training"], found["quota, serving"]):
        if each.state is State.WRONG:
            assert f"--quota-id={TRAINING if 'training' in each.what else SERVING}-id --preferred-value=" in each.do


def test_those_who_work_for_the_project_may(cloud):
    answering, project = cloud
    healthy(answering)
    found = list(identities(settings=SETTINGS, project=project))
    assert {each.state for each in found} == {State.OK}, found
    assert {each.what for each in found} == {
        "jobs' account",
        "jobs' files",
        "tuning agent",
        "acting as",
        "Pub/Sub's agent",
    }


def test_editors_write_where_the_bucket_lets_the_projects_editors(cloud):
    """Cloud's default account is an editor, and a bucket's own policy names editors by a group."""
    answering, project = cloud
    healthy(answering)
    answering.answers["POST /v1/projects/p:getIamPolicy"] = policy(**{"roles/editor": [f"serviceAccount:{COMPUTE}"]})
    answering.answers["GET /storage/v1/b/state/iam"] = policy(
        **{
            "roles/storage.legacyBucketOwner": ["projectEditor:p"],
            "roles/storage.legacyObjectOwner": ["projectEditor:p"],
            "roles/storage.objectAdmin": [f"serviceAccount:{TUNING}"],
        }
    )
    assert {each.state for each in identities(settings=SETTINGS, project=project)} == {State.OK}


def test_an_account_that_only_looks_is_not_taken_for_one_that_tunes(cloud):
    answering, project = cloud
    healthy(answering)
    answering.answers["POST /v1/projects/p:getIamPolicy"] = policy(**{"roles/viewer": [f"serviceAccount:{COMPUTE}"]})
    found = of(identities(settings=SETTINGS, project=project))["jobs' account"]
    assert (found.state, found.do.endswith("--role=roles/aiplatform.user")) == (State.UNKNOWN, True)


def test_a_service_agent_that_nobody_let_in_is_let_in_by_a_command(cloud):
    answering, project = cloud
    healthy(answering)
    answering.answers["GET /storage/v1/b/state/iam"] = policy(
        **{"roles/storage.objectUser": [f"serviceAccount:{COMPUTE}"]}
    )
    answering.answers["GET /v1/projects/p/topics/dead-sweep:getIamPolicy"] = {}
    found = of(identities(settings=SETTINGS, project=project))
    assert {what for what, each in found.items() if each.state is State.WRONG} == {"tuning agent", "Pub/Sub's agent"}
    assert found["tuning agent"].do == (
        f"gcloud storage buckets add-iam-policy-binding gs://state --member=serviceAccount:{TUNING} "
        "--role=roles/storage.objectUser"
    )
    assert "dead-sweep:" in found["Pub/Sub's agent"].says


def test_a_role_of_ones_own_is_not_judged(cloud):
    answering, project = cloud
    healthy(answering)
    answering.answers["GET /storage/v1/b/state/iam"] = policy(
        **{"projects/p/roles/ours": [f"serviceAccount:{TUNING}", f"serviceAccount:{COMPUTE}"]}
    )
    assert of(identities(settings=SETTINGS, project=project))["tuning agent"].state is State.UNKNOWN


def test_what_one_may_not_see_hides_nothing_else(cloud):
    answering, project = cloud
    healthy(answering)
    answering.answers["GET /storage/v1/b/state/iam"] = FORBIDDEN
    found = of(identities(settings=SETTINGS, project=project))
    assert (found["runs' data"].state, found["acting as"].state) == (State.UNKNOWN, State.OK)
    assert "roles/iam.securityReviewer" in found["runs' data"].says


def test_an_account_that_is_not_there_is_told(cloud):
    answering, project = cloud
    healthy(answering)
    answering.answers[f"POST /v1/projects/-/serviceAccounts/{COMPUTE}:testIamPermissions"] = NOT_FOUND
    assert "is not there" in of(identities(settings=SETTINGS, project=project))["acting as"].says


def told(topic):
    return {"topic": f"//pubsub.googleapis.com/projects/p/topics/{topic}", "event_types": ["OBJECT_FINALIZE"]}


@pytest.mark.parametrize(
    ("drop", "state", "expected", "mend"),
    [
        ([told("eventarc-1")], [], State.OK, ""),
        ([], [], State.WRONG, mends(SETTINGS)),
        ([told("a")], [told("b")], State.OK, ""),
        ([told("a")], [told("a")], State.WRONG, "gcloud storage buckets notifications delete gs://state"),
    ],
)
def test_new_objects_are_told_of_once_and_ours_are_not(cloud, drop, state, expected, mend):
    answering, project = cloud
    answering.answers["GET /storage/v1/b/drop/notificationConfigs"] = {"items": drop} if drop else {"kind": "none"}
    answering.answers["GET /storage/v1/b/state/notificationConfigs"] = {"items": state} if state else {"kind": "none"}
    world = World()
    wiring = Wired([replace(BUCKET, name="drop"), BUCKET])
    found = of(buckets(settings=SETTINGS, wiring=wiring, drop=world.drop, state=world.state, project=project))
    assert (found["new objects"].state, found["new objects"].do) == (expected, mend)


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        ({"primary": {"state": "ENABLED"}}, State.OK, "enabled"),
        ({"primary": {"state": "DESTROY_SCHEDULED"}}, State.WRONG, "destroy scheduled"),
        ({"purpose": "ASYMMETRIC_SIGN"}, State.WRONG, "missing"),
        (NOT_FOUND, State.WRONG, "is not there"),
        (FORBIDDEN, State.UNKNOWN, "roles/cloudkms.viewer"),
    ],
)
def test_a_key_is_in_use_or_told_of(cloud, answer, state, says):
    answering, project = cloud
    answering.answers[f"GET /v1/{KEY}"] = answer
    settings = replace(SETTINGS, operator=Operator(encryption_key=KEY))
    [found] = encryption(settings=settings, project=project)
    assert (found.state, says in found.says) == (state, True)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("k", "must have the form"),
        (KEY.replace("us-central1", "europe-west4"), "lies in europe-west4"),
        (f"{KEY}/v", "form"),
    ],
)
def test_a_key_that_cannot_be_is_told_of_without_asking(cloud, key, says):
    _, project = cloud
    [found] = encryption(settings=replace(SETTINGS, operator=Operator(encryption_key=key)), project=project)
    assert (found.state, says in found.says) == (State.WRONG, True)


def test_without_credentials_one_logs_in(monkeypatch, tmp_path):
    """As on a machine that nobody has logged in on, outside of Google's cloud."""
    from dropforge.adapters.google.project import GoogleProject  # noqa: PLC0415 - reads the environment when it asks

    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    [found] = credentials(project=GoogleProject("p"))
    assert (found.state, found.do) == (State.WRONG, "gcloud auth application-default login")
