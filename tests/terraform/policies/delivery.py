"""No event is lost on its way to a function."""

from terraform.deployment import TOPOLOGY, Plan
from terraform.policies.reading import (
    AGENT,
    FED_BY_TOPICS,
    SCHEDULES,
    Complaints,
    account,
    differing,
    functions,
    inner,
    pushes,
)

WEEK = 7 * 24 * 3600
DELIVERY = TOPOLOGY["delivery"]["cloud"]
TICKS = {schedule["topic"] for schedule in SCHEDULES.values()}


def every_trigger_tries_again_and_backs_off(plan: Plan) -> Complaints:
    """Without a policy a failed delivery is lost, or repeated at once."""
    for each in pushes(plan):
        backoff = {f"{end}_backoff": f"{DELIVERY[f'{end}_backoff_seconds']}s" for end in ("minimum", "maximum")}
        yield from differing(f"{each.address} backs off", backoff, dict(inner(each, "retry_policy")))
    for each in functions(plan):
        if each.values.get("event_trigger"):
            policy = inner(each, "event_trigger").get("retry_policy")
            yield from differing(f"{each.address} retries", "RETRY_POLICY_RETRY", policy)


def what_is_given_up_goes_to_a_topic_that_keeps_it(plan: Plan) -> Complaints:
    """A dead-letter topic without a subscription of its own loses what it is there to keep."""
    kept = {each.values["topic"] for each in plan.all("pubsub_subscription") if not each.values.get("push_config")}
    for each in pushes(plan):
        policy = inner(each, "dead_letter_policy")
        yield from differing(
            f"{each.address} gives up after", DELIVERY["attempts"], policy.get("max_delivery_attempts")
        )
        topic = policy.get("dead_letter_topic")
        if topic not in kept:
            yield f"{each.address}: nothing is subscribed to its dead-letter topic {topic}"
    for each in plan.all("pubsub_topic"):
        if each.values["name"].startswith("dead-") and each.values["id"] not in kept:
            yield f"{each.address} has no subscription"


def pubsub_may_move_what_it_gives_up(plan: Plan) -> Complaints:
    """It publishes to the dead-letter topic and acknowledges at the subscription; without both it does neither."""
    agent = AGENT.format("pubsub")
    held = {
        (each.values["role"], each.values.get("topic") or each.values.get("subscription"))
        for each in plan.all("pubsub_topic_iam_member", "pubsub_subscription_iam_member")
        if each.values["member"] == agent
    }
    needed = {("roles/pubsub.publisher", f"dead-{name}") for name in FED_BY_TOPICS}
    needed |= {("roles/pubsub.subscriber", each.values["name"]) for each in pushes(plan)}
    for role, where in sorted(needed - held):
        yield f"Pub/Sub lacks {role} on {where}"


def no_subscription_ever_expires(plan: Plan) -> Complaints:
    """One that nobody used for 31 days is deleted, and what is published then is lost."""
    for each in plan.all("pubsub_subscription"):
        yield from differing(f"{each.address} expires", "", inner(each, "expiration_policy").get("ttl"))


def events_are_kept_for_a_week_and_ticks_are_not(plan: Plan) -> Complaints:
    """As long as Pub/Sub keeps a message by default; a tick that comes late is worth nothing."""
    for each in pushes(plan):
        is_tick = each.values["topic"].rpartition("/")[2] in TICKS
        kept = "600s" if is_tick else f"{WEEK}s"
        yield from differing(f"{each.address} keeps", kept, each.values.get("message_retention_duration"))


def every_call_carries_a_token_that_the_function_admits(plan: Plan) -> Complaints:
    """Pub/Sub calls as an account of its own, which may invoke that function, and names it as the audience."""
    invoked = {
        (each.values["name"], each.values["member"])
        for each in plan.all("cloud_run_v2_service_iam_member")
        if each.values["role"] == "roles/run.invoker"
    }
    urls = {each.key: (each.values["name"], inner(each, "service_config")["uri"]) for each in functions(plan)}
    for each in pushes(plan):
        function, topic = each.key.split(".")
        name, url = urls[function]
        call = inner(each, "push_config")
        yield from differing(f"{each.address} calls", f"{url}/{each.values['topic']}", call["push_endpoint"])
        yield from differing(f"{each.address} reads", topic, each.values["topic"].rpartition("/")[2])
        token = inner(each, "push_config", "oidc_token")
        yield from differing(f"{each.address} names", url, token.get("audience"))
        caller = f"serviceAccount:{token.get('service_account_email')}"
        if caller != account("push") or (name, caller) not in invoked:
            yield f"{each.address}: {caller} may not invoke {name}"
    for each in functions(plan):
        if each.values.get("event_trigger"):
            caller = f"serviceAccount:{inner(each, 'event_trigger').get('service_account_email')}"
            if caller != account("eventarc") or (each.values["name"], caller) not in invoked:
                yield f"{each.address}: {caller} may not invoke it"
