locals {
  week  = "${7 * 24 * 3600}s"
  month = "${31 * 24 * 3600}s"
}

# No Pub/Sub schema: a topic takes one, in Avro or Protocol Buffers, and ours carry several types of event each (notices
# ten), with open maps of metrics and findings and fields that are added within v1. Either it would say nothing, or it
# would refuse a publication, and a run would stand still for it. The contract is checked where events are made.
resource "google_pubsub_topic" "topic" {
  for_each = local.topology.topics

  project                    = var.project
  name                       = each.key
  labels                     = local.labels
  message_retention_duration = each.value.public ? local.week : null
  kms_key_name               = var.kms_key == "" ? null : var.kms_key

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_pubsub_topic" "dead" {
  for_each = local.fed_by_topics

  project      = var.project
  name         = "dead-${each.key}"
  labels       = local.labels
  kms_key_name = var.kms_key == "" ? null : var.kms_key

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

# A dead-letter topic without a subscription would lose what it is there to keep.
resource "google_pubsub_subscription" "dead" {
  for_each = local.fed_by_topics

  project                    = var.project
  name                       = google_pubsub_topic.dead[each.key].name
  topic                      = google_pubsub_topic.dead[each.key].id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = local.month

  expiration_policy {
    ttl = "" # never
  }
}

# Push subscriptions of our own, not Eventarc's hidden ones: ours have a dead-letter topic, a backoff, a retention and
# no expiry, all in the plan; and a function has as many topics as it likes.
resource "google_pubsub_subscription" "push" {
  for_each = local.subscriptions

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  labels                     = local.labels
  ack_deadline_seconds       = min(max(local.functions[each.value.function].timeout_seconds, 10), 600)
  message_retention_duration = contains(local.tick_topics, each.value.topic) ? "600s" : local.week

  push_config {
    # The functions framework takes the topic's name from the path.
    push_endpoint = "${local.urls[each.value.function]}/${google_pubsub_topic.topic[each.value.topic].id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = local.urls[each.value.function]
    }
  }

  retry_policy {
    minimum_backoff = "${local.cloud_delivery.minimum_backoff_seconds}s"
    maximum_backoff = "${local.cloud_delivery.maximum_backoff_seconds}s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead[each.value.function].id
    max_delivery_attempts = local.cloud_delivery.attempts
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters, google_service_account_iam_member.push_tokens]
}

# Pub/Sub itself moves what it gives up on: it publishes to the dead-letter topic and acknowledges at the subscription.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = local.fed_by_topics

  project = var.project
  topic   = google_pubsub_topic.dead[each.key].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.agents.pubsub}"
}

resource "google_pubsub_subscription_iam_member" "given_up" {
  for_each = local.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${local.agents.pubsub}"
}

resource "google_pubsub_topic_iam_member" "subscriber" {
  for_each = { for pair in setproduct(local.public_topics, var.subscribers) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.topic[each.value[0]].name
  role    = "roles/pubsub.subscriber"
  member  = each.value[1]
}
