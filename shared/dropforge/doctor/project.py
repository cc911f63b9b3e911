"""The project: credentials, the APIs that a deployment needs, and the identities that work for it."""

from collections.abc import Iterator
from functools import partial

from dropforge.doctor.diagnosis import EDIT, Diagnosis, looked, ok, skipped, unknown, wrong
from dropforge.doctor.facts import Policy, Project
from dropforge.domain.errors import DropforgeError, Missing
from dropforge.domain.text import printable, shortened
from dropforge.domain.topology import TAKES, dead_letters
from dropforge.settings import Settings

LOGIN = "gcloud auth application-default login"
YOU = "the caller"  # credentials do not name a person
SERVICES = (
    "aiplatform",
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudscheduler",
    "eventarc",
    "iam",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)
_VERTEX = frozenset({"roles/aiplatform.user", "roles/aiplatform.admin", "roles/editor", "roles/owner"})
_USER, _PUBLISHER = "roles/aiplatform.user", "roles/pubsub.publisher"
_WRITER = "roles/storage.objectUser"
_WRITERS = frozenset({_WRITER, "roles/storage.objectAdmin", "roles/storage.admin"})
_SECURITY = "roles/iam.securityReviewer"
_BASIC = {"roles/owner": "projectOwner", "roles/editor": "projectEditor", "roles/viewer": "projectViewer"}
_LEGACY = frozenset({"roles/storage.legacyBucketOwner", "roles/storage.legacyObjectOwner"})


def credentials(*, project: Project | None) -> Iterator[Diagnosis]:
    """Whether Google knows who asks."""
    if project is None:
        yield skipped("credentials")
        return
    try:
        caller = project.caller()
    except DropforgeError as error:
        yield wrong("credentials", printable(shortened(str(error), 300)), LOGIN)
    else:
        yield ok("credentials", f"{caller or 'a person'}; the functions have an identity of their own")


def services(*, settings: Settings, project: Project | None) -> Iterator[Diagnosis]:
    """Whether the APIs are enabled."""
    if project is None:
        yield skipped("APIs")
        return
    look = partial(_services, settings, project)
    show = f"gcloud services list --enabled --project={settings.project}"
    yield from looked("APIs", look, role="roles/serviceusage.serviceUsageViewer", do=show)


def _services(settings: Settings, project: Project) -> Iterator[Diagnosis]:
    wanted = [*SERVICES, *(["cloudkms"] if settings.operator.encryption_key else [])]
    names = [f"{service}.googleapis.com" for service in wanted]
    lacking = sorted(set(names) - project.enabled(names))
    if lacking:
        enable = f"gcloud services enable {' '.join(lacking)} --project={settings.project}"
        yield wrong("APIs", f"not enabled: {', '.join(lacking)}", enable)
    else:
        yield ok("APIs", f"all {len(names)} are enabled")


def identities(*, settings: Settings, project: Project | None) -> Iterator[Diagnosis]:
    """Whether those who work for the project may: the jobs' account, the tuning service agent, Pub/Sub's."""
    if project is None:
        yield skipped("identities")
        return
    show = f"gcloud projects get-iam-policy {settings.project}"
    yield from looked("identities", partial(_identities, settings, project), role=_SECURITY, do=show)


def _identities(settings: Settings, project: Project) -> Iterator[Diagnosis]:
    number = project.number()
    account = settings.operator.service_account or f"{number}-compute@developer.gserviceaccount.com"
    tuning = f"service-{number}@gcp-sa-aiplatform-ft.iam.gserviceaccount.com"
    of_project = project.policy()
    roles = _roles(of_project, account)
    if roles & _VERTEX:
        yield ok("jobs' account", f"{account} may use Vertex AI")
    else:
        bind = f"gcloud projects add-iam-policy-binding {settings.project} --member=serviceAccount:{account} --role={_USER}"
        yield _without("jobs' account", account, "is not allowed to use Vertex AI", roles, bind)
    show = f"gcloud storage buckets get-iam-policy gs://{settings.state_bucket}"
    look = partial(_writers, settings, project, of_project, {"jobs' files": account, "tuning agent": tuning})
    yield from looked("runs' data", look, role=_SECURITY, do=show)
    show = f"gcloud iam service-accounts get-iam-policy {account}"
    yield from looked("acting as", partial(_acting, project, account), role="roles/iam.serviceAccountViewer", do=show)
    agent = f"service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    show = f"gcloud pubsub topics get-iam-policy {dead_letters(next(iter(TAKES)))} --project={settings.project}"
    look = partial(_forwarding, settings, project, of_project, agent)
    yield from looked("Pub/Sub's agent", look, role=_SECURITY, do=show)


def _writers(settings: Settings, project: Project, of_project: Policy, accounts: dict[str, str]) -> Iterator[Diagnosis]:
    """Who reads a run's files and writes its output: both lie in the state bucket."""
    bucket = settings.state_bucket
    of_bucket = project.bucket_policy(bucket)
    for what, account in accounts.items():
        roles = _roles(of_project, account)
        groups = {f"{group}:{settings.project}" for role, group in _BASIC.items() if role in roles}
        roles |= _roles(of_bucket, account) | {role for role, members in of_bucket.items() if groups & members}
        if roles & _WRITERS or roles >= _LEGACY:
            yield ok(what, f"{account} reads and writes gs://{bucket}")
        else:
            bind = (
                f"gcloud storage buckets add-iam-policy-binding gs://{bucket} "
                f"--member=serviceAccount:{account} --role={_WRITER}"
            )
            yield _without(what, account, f"is not allowed to write to gs://{bucket}", roles, bind)


def _without(what: str, account: str, says: str, roles: frozenset[str], bind: str) -> Diagnosis:
    """Wrong where an account has no role at all; what a role unknown here grants cannot be told."""
    if roles:
        return unknown(
            what, f"{account} has {', '.join(sorted(roles))}: whether that is enough cannot be told from here", bind
        )
    return wrong(what, f"{account} {says}: no policy of the project or the bucket names it", bind)


def _acting(project: Project, account: str) -> Iterator[Diagnosis]:
    what = "acting as"
    try:
        may = project.may_act_as(account)
    except Missing:
        yield wrong(what, f"{account} is not there: jobs run as it", EDIT)
        return
    caller = project.caller()
    if may:
        yield ok(what, f"{caller or YOU} may let jobs run as {account}")
    else:
        yield lacking(
            caller,
            what,
            f"may not let jobs run as {account}",
            f"gcloud iam service-accounts add-iam-policy-binding {account}",
            "roles/iam.serviceAccountUser",
        )


def lacking(caller: str, what: str, says: str, bind: str, role: str) -> Diagnosis:
    """A right that the caller lacks. A person needs none to drop data: it is the functions' accounts that must have it."""
    if caller:
        return wrong(what, f"{caller} {says}", f"{bind} --member=serviceAccount:{caller} --role={role}")
    return unknown(
        what, f"{YOU} {says}: look again as a function's account", f"{LOGIN} --impersonate-service-account=ACCOUNT"
    )


def _forwarding(settings: Settings, project: Project, of_project: Policy, agent: str) -> Iterator[Diagnosis]:
    """Whether Pub/Sub may publish what it gives up on: without that right it keeps trying until it deletes."""
    what = "Pub/Sub's agent"
    if _PUBLISHER in _roles(of_project, agent):
        yield ok(what, "may publish dead letters")
        return
    topics = [dead_letters(function) for function in TAKES]
    refused = [topic for topic in topics if _PUBLISHER not in _roles(project.topic_policy(topic), agent)]
    if refused:
        yield wrong(
            what,
            f"{agent} may not publish to {', '.join(refused)}: dead letters get lost",
            f"gcloud projects add-iam-policy-binding {settings.project} --member=serviceAccount:{agent} "
            f"--role={_PUBLISHER}",
        )
    else:
        yield ok(what, "may publish dead letters")


def _roles(policy: Policy, account: str) -> frozenset[str]:
    return frozenset(role for role, members in policy.items() if f"serviceAccount:{account}" in members)
