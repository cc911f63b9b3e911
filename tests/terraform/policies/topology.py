"""What is deployed is what the topology says."""

import base64
import json

from terraform.deployment import PROJECT, Plan
from terraform.policies.reading import (
    FED_BY_TOPICS,
    FUNCTIONS,
    SCHEDULES,
    TOPICS,
    Complaints,
    differing,
    functions,
    inner,
    pushes,
)

ENDED = ("PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED")


def topics_are_those_of_the_topology(plan: Plan) -> Complaints:
    """And of dead letters, one for each function that topics call."""
    expected = set(TOPICS) | {f"dead-{name}" for name in FED_BY_TOPICS}
    found = {each.values["name"] for each in plan.all("pubsub_topic")}
    yield from differing("missing topics", set(), expected - found)
    yield from differing("surplus topics", set(), found - expected)


def functions_are_those_of_the_topology(plan: Plan) -> Complaints:
    """Each with its entry point, its limits and its trigger."""
    found = {each.key: each for each in functions(plan)}
    yield from differing("functions", set(FUNCTIONS), set(found))
    for name, each in found.items():
        function, config = FUNCTIONS[name], inner(each, "service_config")
        yield from differing(f"{each.address} enters", name, inner(each, "build_config")["entry_point"])
        expected = {
            "timeout_seconds": function["timeout_seconds"],
            "available_memory": function["cloud"]["memory"],
            "available_cpu": str(function["cloud"]["cpu"]),
            "max_instance_count": function["cloud"]["instances"],
            "max_instance_request_concurrency": function["cloud"]["concurrency"],
        }
        yield from differing(f"{each.address} may take", expected, {limit: config.get(limit) for limit in expected})
        bucket = function["trigger"].get("bucket")
        filtered = inner(each, "event_trigger", "event_filters").get("value")
        yield from differing(f"{each.address} hears of", bucket and f"{PROJECT}-dropforge-{bucket}", filtered)
    subscribed = {each.values["name"] for each in pushes(plan)}
    wanted = {f"{name}.{topic}" for name in FED_BY_TOPICS for topic in FUNCTIONS[name]["trigger"]["topics"]}
    yield from differing("subscriptions", wanted, subscribed)


def the_validator_checks_one_folder_at_a_time(plan: Plan) -> Complaints:
    """A dataset at Vertex's limits takes a core and most of an instance's memory."""
    for each in functions(plan):
        if each.key == "validate_dataset":
            config = inner(each, "service_config")
            yield from differing(each.address, 1, config.get("max_instance_request_concurrency"))
            yield from differing(each.address, "1", config.get("environment_variables", {}).get("THREADS"))


def schedules_are_those_of_the_topology(plan: Plan) -> Complaints:
    """Each publishes what the watcher and the sweep know as a tick, and tries again when it could not."""
    found = {each.key: each for each in plan.all("cloud_scheduler_job")}
    yield from differing("schedules", set(SCHEDULES), set(found))
    for name, each in found.items():
        target = inner(each, "pubsub_target")
        yield from differing(f"{each.address} runs", SCHEDULES[name]["cron"], each.values["schedule"])
        yield from differing(f"{each.address} runs in", "Etc/UTC", each.values.get("time_zone"))
        topic = f"projects/{PROJECT}/topics/{SCHEDULES[name]['topic']}"
        yield from differing(f"{each.address} publishes to", topic, target["topic_name"])
        yield from differing(f"{each.address} says", {"schedule": name}, target.get("attributes"))
        yield from differing(
            f"{each.address} holds", {"schedule": name}, json.loads(base64.b64decode(target.get("data") or "e30="))
        )
        if not inner(each, "retry_config").get("retry_count"):
            yield f"{each.address} does not try again"


def ends_of_jobs_and_nothing_else_are_let_through(plan: Plan) -> Complaints:
    """The sink's filter names the log, the resource and the three ends; its writer publishes to that topic alone."""
    (sink,) = plan.all("logging_project_sink")
    needed = (
        'log_id("aiplatform.googleapis.com/pipeline_job_events")',
        'resource.type="aiplatform.googleapis.com/PipelineJob"',
        "jsonPayload.state=(" + " OR ".join(f'"{state}"' for state in ENDED) + ")",
    )
    yield from differing(f"{sink.address} lets through", " AND ".join(needed), sink.values["filter"])
    topic = f"pubsub.googleapis.com/projects/{PROJECT}/topics/pipeline-job-events"
    yield from differing(f"{sink.address} writes to", topic, sink.values["destination"])
    granted = [
        (each.values["role"], each.values.get("topic"))
        for each in plan.grants
        if each.values.get("member") == sink.values["writer_identity"]
    ]
    yield from differing("its writer holds", [("roles/pubsub.publisher", "pipeline-job-events")], granted)
