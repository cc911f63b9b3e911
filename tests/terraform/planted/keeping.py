"""Mistakes in what is kept, encrypted and labelled."""

from terraform.planted.mistake import Mistake
from terraform.policies import keeping

MISTAKES = (
    Mistake(
        "a bucket with lists of its own",
        keeping.buckets_are_closed,
        "storage_bucket.source: uniform access",
        "buckets.tf",
        """  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true""",
        """  uniform_bucket_level_access = false
  public_access_prevention    = "enforced"
  force_destroy               = true""",
    ),
    Mistake(
        "a bucket that could be made public",
        keeping.buckets_are_closed,
        "public access: 'inherited'",
        "buckets.tf",
        """  public_access_prevention    = "enforced"
  force_destroy               = false""",
        """  public_access_prevention    = "inherited"
  force_destroy               = false""",
    ),
    Mistake(
        "datasets go with their bucket",
        keeping.what_people_and_runs_left_is_never_deleted_with_its_bucket,
        'data["drop"]',
        "buckets.tf",
        "force_destroy               = false",
        "force_destroy               = true",
    ),
    Mistake(
        "the ledger is tidied up",
        keeping.the_ledger_is_for_good,
        "deletes of ledger/",
        "buckets.tf",
        'passing = ["active/",',
        'passing = ["active/", "ledger/",',
    ),
    Mistake(
        "everything old is deleted",
        keeping.the_ledger_is_for_good,
        "deletes of ledger/, aliases/, aside/",
        "buckets.tf",
        '        matches_prefix = ["runs/"]\n',
        "",
    ),
    Mistake(
        "no earlier versions",
        keeping.the_ledger_is_for_good,
        "versions: False",
        "buckets.tf",
        "enabled = each.value.versioning",
        "enabled = false",
    ),
    Mistake(
        "a retention policy",
        keeping.the_ledger_is_for_good,
        "retention policy",
        "buckets.tf",
        "  soft_delete_policy {",
        "  retention_policy {\n    retention_period = 86400\n  }\n\n  soft_delete_policy {",
    ),
    Mistake(
        "archives without digests",
        keeping.archives_are_named_by_what_is_in_them,
        "tells no digest",
        "buckets.tf",
        'name   = "${each.key}-${filesha256("${var.archives}/${each.key}.zip")}.zip"',
        'name   = "${each.key}.zip"',
    ),
    Mistake(
        "dead letters in the open",
        keeping.what_takes_a_key_has_it,
        "google_pubsub_topic.dead",
        "topics.tf",
        """  labels       = local.labels
  kms_key_name = var.kms_key == "" ? null : var.kms_key
""",
        "  labels       = local.labels\n",
    ),
    Mistake(
        "a secret in the open",
        keeping.what_takes_a_key_has_it,
        "google_secret_manager_secret.notify",
        "secrets.tf",
        'for_each = var.kms_key == "" ? [] : [var.kms_key]',
        "for_each = []",
    ),
    Mistake(
        "schedules' topics without labels",
        keeping.what_takes_labels_is_labelled,
        "google_pubsub_topic.topic",
        "topics.tf",
        "  labels                     = local.labels\n  message_retention_duration = each.value.public",
        "  message_retention_duration = each.value.public",
    ),
    Mistake(
        "markers that are still owed are deleted",
        keeping.the_ledger_is_for_good,
        "deletes what is there of active/",
        "buckets.tf",
        "days_since_noncurrent_time = var.keep_versions_days\n        matches_prefix             = local.passing",
        "age                        = var.keep_versions_days\n        matches_prefix             = local.passing",
    ),
)
