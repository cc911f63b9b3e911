"""What runs is reached, switched on and watched as it should be."""

from terraform.deployment import Plan
from terraform.policies.reading import Complaints, differing, functions, inner

# The service that must be on for each kind of resource, and those that functions and their builds call.
SERVICES = {
    "artifact_registry": "artifactregistry",
    "billing": "billingbudgets",
    "cloud_run": "run",
    "cloud_scheduler": "cloudscheduler",
    "cloudfunctions2": "cloudfunctions",
    "logging": "logging",
    "monitoring": "monitoring",
    "pubsub": "pubsub",
    "secret_manager": "secretmanager",
    "service_account": "iam",
    "storage": "storage",
}
CALLED = {"aiplatform", "cloudbuild", "eventarc"}
ALARMS = {"dead_letters", "given_up", "stuck", "records", "errors", "backlog", "no_sweep"}


def functions_are_called_from_inside_only(plan: Plan) -> Complaints:
    """Pub/Sub and Eventarc count as inside; the console is opened by whoever deploys it, not by this module."""
    for each in functions(plan):
        ingress = inner(each, "service_config").get("ingress_settings")
        yield from differing(f"{each.address} is reached", "ALLOW_INTERNAL_ONLY", ingress)


def every_service_that_is_used_is_on(plan: Plan) -> Complaints:
    """In a new project most of them are not."""
    on = {each.values["service"].removesuffix(".googleapis.com") for each in plan.all("project_service")}
    types = {each.type.removeprefix("google_") for each in plan.resources}
    used = {service for kind, service in SERVICES.items() if any(name.startswith(kind) for name in types)}
    yield from differing("not on", set(), (used | CALLED) - on)
    for each in plan.all("project_service"):
        if each.values.get("disable_on_destroy") is not False:
            yield f"{each.address} is switched off for everybody when Dropforge goes"


def what_goes_wrong_is_told(plan: Plan) -> Complaints:
    """Each alarm says what to do, goes to whoever is named, and looks at what is counted."""
    alarms = {each.key or each.name: each for each in plan.all("monitoring_alert_policy")}
    yield from differing("alarms", ALARMS, set(alarms))
    channels = [each.values["id"] for each in plan.all("monitoring_notification_channel")]
    counted = {f"logging.googleapis.com/user/{each.values['name']}" for each in plan.all("logging_metric")}
    for each in alarms.values():
        yield from differing(f"{each.address} goes to", channels, each.values.get("notification_channels") or [])
        if not inner(each, "documentation").get("content"):
            yield f"{each.address} does not say what to do"
        condition = inner(each, "conditions", "condition_threshold") or inner(each, "conditions", "condition_absent")
        metric = condition["filter"].partition('metric.type="')[2].partition('"')[0]
        if metric.startswith("logging.googleapis.com/") and metric not in counted:
            yield f"{each.address} looks at {metric}, which nobody counts"
    absent = [each for each in alarms.values() if inner(each, "conditions", "condition_absent")]
    yield from differing("told when nothing comes", ["no_sweep"], [each.name for each in absent])
