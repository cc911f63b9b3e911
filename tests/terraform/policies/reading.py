"""How rules read a plan, and what they hold it against."""

from collections.abc import Iterator, Mapping
from typing import Any

from terraform.deployment import PROJECT, TOPOLOGY, Plan, Resource

Complaints = Iterator[str]

FUNCTIONS, TOPICS, SCHEDULES = TOPOLOGY["functions"], TOPOLOGY["topics"], TOPOLOGY["schedules"]
FED_BY_TOPICS = {name for name, function in FUNCTIONS.items() if "topics" in function["trigger"]}
AGENT = "serviceAccount:service-123456789012@gcp-sa-{}.iam.gserviceaccount.com"
DROP, STATE = f"{PROJECT}-dropforge-drop", f"{PROJECT}-dropforge-state"


def account(name: str) -> str:
    """As whom something of ours acts, as an IAM member."""
    return f"serviceAccount:dropforge-{name.replace('_', '-')}@{PROJECT}.iam.gserviceaccount.com"


def inner(resource: Resource, *blocks: str) -> Mapping[str, Any]:
    """The values of a nested block; empty where there is none."""
    values: Mapping[str, Any] = resource.values
    for block in blocks:
        values = next(iter(values.get(block) or []), {})
    return values


def functions(plan: Plan) -> Iterator[Resource]:
    """The functions; a resource's key is the name in the topology."""
    return plan.all("cloudfunctions2_function")


def pushes(plan: Plan) -> Iterator[Resource]:
    """Subscriptions that call functions."""
    return (each for each in plan.all("pubsub_subscription") if each.values.get("push_config"))


def differing(what: str, expected: object, found: object) -> Complaints:
    """A complaint where two things should be the same."""
    if expected != found:
        yield f"{what}: {found!r} instead of {expected!r}"
