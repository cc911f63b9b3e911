"""Who may do what, and no more."""

from terraform.deployment import OPERATORS, PROJECT, Plan
from terraform.policies.reading import (
    AGENT,
    DROP,
    FUNCTIONS,
    STATE,
    TOPICS,
    Complaints,
    account,
    differing,
    functions,
    inner,
)

BROAD = {"roles/owner", "roles/editor", "roles/viewer", "roles/storage.admin"}
SECRETS = {"DROPFORGE_SLACK_URL", "DROPFORGE_SLACK_TOKEN", "DROPFORGE_WEBHOOK_URL", "DROPFORGE_WEBHOOK_SECRET"}
PUBLIC = {name for name, topic in TOPICS.items() if topic["public"]}
TELLERS = {account(name) for name in ("validate_dataset", "submit_tuning", "watch_status", "deploy_model", "sweep")}
PLACERS = {account(name) for name in ("submit_tuning", "watch_status", "sweep")}


def _tellers(plan: Plan) -> set[str]:
    """Who moves runs on: functions, and the console where people may ask for things in it."""
    return TELLERS | ({account("console")} if plan.asked.get("console_actions") else set())


def nobody_is_everybody(plan: Plan) -> Complaints:
    """Neither everybody nor everybody with a Google account."""
    for each in plan.grants:
        if each.values.get("member") in {"allUsers", "allAuthenticatedUsers"}:
            yield f"{each.address} is public"


def no_role_is_broad(plan: Plan) -> Complaints:
    """No basic role, no administrator; impersonation on single accounts only."""
    for each in plan.grants:
        role = each.values.get("role", "")
        if role in BROAD or role.lower().endswith("admin"):
            yield f"{each.address} gives {role}"
        if role.startswith("roles/iam.serviceAccount") and each.type != "google_service_account_iam_member":
            yield f"{each.address} gives {role} on every account of the project"


def each_function_runs_as_an_account_of_its_own(plan: Plan) -> Complaints:
    """Whose name tells it, and which nothing else runs as."""
    for each in functions(plan):
        email = inner(each, "service_config").get("service_account_email")
        yield from differing(f"{each.address} runs as", account(each.key), f"serviceAccount:{email}")
        yield from differing(
            f"{each.address} is built as",
            f"projects/{PROJECT}/serviceAccounts/dropforge-build@{PROJECT}.iam.gserviceaccount.com",
            inner(each, "build_config").get("service_account"),
        )


def only_who_moves_runs_on_publishes(plan: Plan) -> Complaints:
    """Of the functions; the sink and Pub/Sub itself have topics of their own."""
    ours = {account(name) for name in FUNCTIONS}
    held = {
        (each.values["member"], each.values["topic"])
        for each in plan.all("pubsub_topic_iam_member")
        if each.values["role"] == "roles/pubsub.publisher" and each.values["member"] in ours
    }
    wanted = {(teller, topic) for teller in _tellers(plan) for topic in PUBLIC}
    yield from differing("may publish, and need not", set(), held - wanted)
    yield from differing("need to publish, and may not", set(), wanted - held)
    for each in plan.all("project_iam_member"):
        if "pubsub" in each.values["role"] and each.values.get("member") in ours:
            yield f"{each.address}: on every topic of the project"


def only_who_places_jobs_acts_as_the_runner(plan: Plan) -> Complaints:
    """Whoever may act as it may do what it may."""
    runner = f"projects/{PROJECT}/serviceAccounts/dropforge-runner@{PROJECT}.iam.gserviceaccount.com"
    held = {
        each.values["member"]
        for each in plan.all("service_account_iam_member")
        if each.values["service_account_id"] == runner
    }
    yield from differing("act as it", PLACERS, held)


def only_functions_jobs_and_operators_touch_the_state(plan: Plan) -> Complaints:
    """The console only reads, unless people may ask for things in it; notify_slack, jobs and Vertex's tuning are kept to their folders; people must be named as operators."""
    held_in = {account("notify_slack"): {"claims/", "aside/"}, account("runner"): {"runs/"}}
    held_in[AGENT.format("aiplatform-ft")] = {"runs/"}
    for each in plan.all("storage_bucket_iam_member"):
        if each.values["bucket"] != STATE:
            continue
        role, member = each.values["role"].removeprefix("roles/storage."), each.values["member"]
        expression = inner(each, "condition").get("expression", "")
        folders = set(expression.replace('")', "").split("/objects/")[1:]) if expression else set()
        folders = {folder.split(" ")[0] for folder in folders}
        is_fine = (
            (role == "objectUser" and member in {*_tellers(plan), OPERATORS} and not expression)
            or (role == "objectUser" and folders == held_in.get(member))
            or (role == "objectViewer" and member == account("console"))
            or (role == "legacyBucketReader" and member in held_in)
        )
        if not is_fine:
            yield f"{each.address}: {member} has {role} on {sorted(folders) or 'everything'}"


def functions_only_read_what_people_drop(plan: Plan) -> Complaints:
    """And of them only the two that look at it."""
    ours = {account(name) for name in FUNCTIONS}
    held = {
        (each.values["member"], each.values["role"])
        for each in plan.all("storage_bucket_iam_member")
        if each.values["bucket"] == DROP and each.values["member"] in ours
    }
    readers = {(account(name), "roles/storage.objectViewer") for name in ("validate_dataset", "sweep")}
    yield from differing("on the drop bucket", readers, held)


def secrets_stay_out_of_the_plan(plan: Plan) -> Complaints:
    """A plan and a state are read by many. Secrets are named by their versions, to notify_slack alone."""
    for each in plan.all("secret_manager_secret_version"):
        yield f"{each.address} holds a secret"
    if "hooks.slack.com" in plan.text:
        yield "a webhook stands in the plan"
    for each in functions(plan):
        config = inner(each, "service_config")
        for secret in sorted(SECRETS & (config.get("environment_variables") or {}).keys()):
            yield f"{each.address} holds {secret} in the open"
        if config.get("secret_environment_variables") and each.key != "notify_slack":
            yield f"{each.address} is given a secret"
    held = [each.values["member"] for each in plan.grants if "secretmanager" in each.values["role"]]
    yield from differing("read secrets", {account("notify_slack")}, set(held))
