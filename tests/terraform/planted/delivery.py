"""Mistakes by which events get lost."""

from terraform.planted.mistake import Mistake
from terraform.policies import delivery

_RETRY = """  retry_policy {
    minimum_backoff = "${local.cloud_delivery.minimum_backoff_seconds}s"
    maximum_backoff = "${local.cloud_delivery.maximum_backoff_seconds}s"
  }
"""
_PUSH_EXPIRATION = """    max_delivery_attempts = local.cloud_delivery.attempts
  }

  expiration_policy {
    ttl = "" # never
  }
"""

MISTAKES = (
    Mistake("no backoff", delivery.every_trigger_tries_again_and_backs_off, "push[", "topics.tf", _RETRY, ""),
    Mistake(
        "an event that failed is lost",
        delivery.every_trigger_tries_again_and_backs_off,
        'function["validate_dataset"]',
        "functions.tf",
        "RETRY_POLICY_RETRY",
        "RETRY_POLICY_DO_NOT_RETRY",
    ),
    Mistake(
        "nothing keeps dead letters",
        delivery.what_is_given_up_goes_to_a_topic_that_keeps_it,
        "nothing is subscribed",
        "topics.tf",
        "topic                      = google_pubsub_topic.dead[each.key].id",
        'topic                      = google_pubsub_topic.dead["sweep"].id',
    ),
    Mistake(
        "given up after five attempts",
        delivery.what_is_given_up_goes_to_a_topic_that_keeps_it,
        "gives up after: 5",
        "topics.tf",
        "= local.cloud_delivery.attempts",
        "= 5",
    ),
    Mistake(
        "Pub/Sub may not publish dead letters",
        delivery.pubsub_may_move_what_it_gives_up,
        "roles/pubsub.publisher on dead-sweep",
        "topics.tf",
        """  topic   = google_pubsub_topic.dead[each.key].name
  role    = "roles/pubsub.publisher\"""",
        """  topic   = google_pubsub_topic.dead[each.key].name
  role    = "roles/pubsub.viewer\"""",
    ),
    Mistake(
        "Pub/Sub may not take a message away",
        delivery.pubsub_may_move_what_it_gives_up,
        "roles/pubsub.subscriber on notify_slack.notices",
        "topics.tf",
        """  role         = "roles/pubsub.subscriber\"""",
        """  role         = "roles/pubsub.viewer\"""",
    ),
    Mistake(
        "subscriptions expire",
        delivery.no_subscription_ever_expires,
        "push[",
        "topics.tf",
        _PUSH_EXPIRATION,
        _PUSH_EXPIRATION.replace('""', '"2678400s"'),
    ),
    Mistake(
        "subscriptions expire by default",
        delivery.no_subscription_ever_expires,
        "None",
        "topics.tf",
        _PUSH_EXPIRATION,
        _PUSH_EXPIRATION.partition("\n\n")[0] + "\n",
    ),
    Mistake(
        "events are kept for ten minutes",
        delivery.events_are_kept_for_a_week_and_ticks_are_not,
        "submit_tuning.dataset-validated",
        "topics.tf",
        '? "600s" : local.week',
        '? "600s" : "600s"',
    ),
    Mistake(
        "calls without a token",
        delivery.every_call_carries_a_token_that_the_function_admits,
        "names: None",
        "topics.tf",
        """    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = local.urls[each.value.function]
    }
""",
        "",
    ),
    Mistake(
        "one function does not admit Pub/Sub",
        delivery.every_call_carries_a_token_that_the_function_admits,
        "may not invoke sweep",
        "rights.tf",
        """resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = local.fed_by_topics""",
        """resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = { for name, function in local.fed_by_topics : name => function if name != "sweep" }""",
    ),
    Mistake(
        "the validator does not admit Eventarc",
        delivery.every_call_carries_a_token_that_the_function_admits,
        "dropforge-build",
        "functions.tf",
        "service_account_email = google_service_account.eventarc.email",
        "service_account_email = google_service_account.build.email",
    ),
)
