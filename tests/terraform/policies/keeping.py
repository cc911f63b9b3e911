"""What is kept, how it is encrypted, and what it is told apart by."""

from terraform.deployment import KEY, Plan
from terraform.policies.reading import STATE, Complaints, differing, functions, inner
from terraform.standin.provider import RESOURCES

WEEK = 7 * 24 * 3600
# Folders of the state bucket of which nothing goes by itself.
FOR_GOOD = ("ledger/", "aliases/", "aside/", "discarded/")
KEY_ARGUMENTS = {"kms_key_name", "default_kms_key_name"}
ENCRYPTED_BY_ANOTHER = {"google_storage_bucket_object"}  # by its bucket


def buckets_are_closed(plan: Plan) -> Complaints:
    """By IAM alone, and never public."""
    for each in plan.all("storage_bucket"):
        yield from differing(f"{each.address}: uniform access", True, each.values.get("uniform_bucket_level_access"))
        prevention = each.values.get("public_access_prevention")
        yield from differing(f"{each.address}: public access", "enforced", prevention)


def what_people_and_runs_left_is_never_deleted_with_its_bucket(plan: Plan) -> Complaints:
    """`terraform destroy` stops at a bucket that holds something."""
    for each in plan.all("storage_bucket"):
        if each.name == "data" and each.values.get("force_destroy") is not False:
            yield f"{each.address} is deleted with all that is in it"


def the_ledger_is_for_good(plan: Plan) -> Complaints:
    """No rule deletes of it, earlier versions stay, and no retention policy keeps it from being written.

    Of what stands beside it a rule deletes earlier versions only, but for what runs read and wrote.
    """
    for each in plan.all("storage_bucket"):
        if each.values["name"] != STATE:
            continue
        yield from differing(f"{each.address}: versions", True, inner(each, "versioning").get("enabled"))
        if not inner(each, "soft_delete_policy").get("retention_duration_seconds", 0) >= WEEK:
            yield f"{each.address}: what is deleted is gone at once"
        if each.values.get("retention_policy"):
            yield f"{each.address} has a retention policy: markers and records could not be replaced"
        for rule in each.values["lifecycle_rule"]:
            (action,), (condition,) = rule["action"], rule["condition"]
            prefixes = condition.get("matches_prefix") or [""]
            is_of_the_past = condition.get("days_since_noncurrent_time") and not condition.get("age")
            if action["type"] == "Delete" and prefixes != ["runs/"] and not is_of_the_past:
                yield f"{each.address}: a rule deletes what is there of {', '.join(prefixes) or 'everything'}"
            struck = [kept for kept in FOR_GOOD for p in prefixes if kept.startswith(p) or p.startswith(kept)]
            if action["type"] == "Delete" and struck:
                yield f"{each.address}: a rule deletes of {', '.join(struck)}"


def archives_are_named_by_what_is_in_them(plan: Plan) -> Complaints:
    """Otherwise a function would not be built anew when its code has changed."""
    named = {each.key: each.values["name"] for each in plan.all("storage_bucket_object")}
    for each in functions(plan):
        source = inner(each, "build_config", "source", "storage_source").get("object")
        yield from differing(f"{each.address} is built from", named.get(each.key), source)
    for key, name in named.items():
        digest = name.removesuffix(".zip").removeprefix(f"{key}-")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            yield f"{key}: {name} tells no digest"


def what_takes_a_key_has_it(plan: Plan) -> Complaints:
    """Where one is asked for at all: everything whose schema has an argument for it."""
    if KEY not in plan.text:
        return
    for each in plan.resources:
        takes_key = each.type not in ENCRYPTED_BY_ANOTHER and _takes_key(RESOURCES[each.type]["block"])
        if takes_key and not _has_key(each.values):
            yield f"{each.address} is not encrypted with {KEY}"


def _takes_key(block: dict) -> bool:
    return bool(KEY_ARGUMENTS & block.get("attributes", {}).keys()) or any(
        _takes_key(nested["block"]) for nested in block.get("block_types", {}).values()
    )


def _has_key(value: object) -> bool:
    if isinstance(value, dict):
        return any((name in KEY_ARGUMENTS and inner == KEY) or _has_key(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_has_key, value))


def what_takes_labels_is_labelled(plan: Plan) -> Complaints:
    """Costs are told apart by them."""
    for each in plan.resources:
        attributes = RESOURCES[each.type]["block"].get("attributes", {})
        # Of a notification channel `labels` says where it leads to.
        argument = "user_labels" if "user_labels" in attributes else "labels"
        if argument in attributes:
            labels = each.values.get(argument) or {}
            if labels.get("app") != "dropforge" or "environment" not in labels:
                yield f"{each.address} is labelled {labels}"
