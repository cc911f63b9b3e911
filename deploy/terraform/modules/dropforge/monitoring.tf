locals {
  service_names      = [for name in values(local.deployed_names) : "\"${name}\""]
  subscription_names = [for name in keys(local.subscriptions) : "\"${name}\""]
  channels           = [for channel in google_monitoring_notification_channel.email : channel.id]

  # Entries of shared/dropforge/logs.py: `message` is the event's name.
  counted = {
    handled   = "jsonPayload.message=\"event.handled\""
    given_up  = "jsonPayload.message=(\"event.given_up\" OR \"event.unreadable\")"
    retried   = "jsonPayload.message=\"event.retried\""
    repaired  = "jsonPayload.message=\"record.repaired\""
    unhandled = "jsonPayload.message=\"record.failed\" AND severity>=ERROR"
    # A sweep that has published dropforge.run.stuck.v1 for a run that stands still names that run as `stuck`.
    stuck = "jsonPayload.message=\"record.repaired\" AND jsonPayload.stuck:*"
    swept = "jsonPayload.message=\"event.handled\" AND jsonPayload.worker=\"sweep\""
  }

  # What alarms and the dashboard look at.
  of_services = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${join(",", local.service_names)})"
  of_pubsub   = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id"
  pushed      = "${local.of_pubsub}=one_of(${join(",", local.subscription_names)})"
  counts = {
    for name, metric in google_logging_metric.counter :
    name => "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${metric.name}\""
  }
  failures = join(" AND ", [
    local.of_services,
    "metric.type=\"run.googleapis.com/request_count\"",
    "metric.labels.response_code_class=\"5xx\"",
  ])
  instances    = "${local.of_services} AND metric.type=\"run.googleapis.com/container/instance_count\""
  oldest       = "${local.pushed} AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
  dead_letters = "${local.of_pubsub}=starts_with(\"dead-\") AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""

  # Each: what is looked at, how it is aggregated, what value is too high, for how long, and what to do.
  alarms = {
    dead_letters = {
      title     = "dead letters wait"
      filter    = local.dead_letters
      aligner   = "ALIGN_MAX"
      threshold = 0
      lasting   = 0
      todo      = "Pub/Sub gave up on messages. `dropforge dlq list` shows them; the function's log says why. Fix it, then `dropforge dlq retry`."
    }
    given_up = {
      title     = "an event was set aside"
      filter    = local.counts["given_up"]
      aligner   = "ALIGN_DELTA"
      threshold = 0
      lasting   = 0
      todo      = "A function could not make anything of an event. `dropforge dlq list` shows it with the reason."
    }
    stuck = {
      title     = "a run is stuck"
      filter    = local.counts["stuck"]
      aligner   = "ALIGN_DELTA"
      threshold = 0
      lasting   = 0
      todo      = "A run has stood in its state for longer than is normal. The console and `dropforge runs` show where; nothing was done about it."
    }
    records = {
      title     = "work on a record keeps failing"
      filter    = local.counts["unhandled"]
      aligner   = "ALIGN_DELTA"
      threshold = 5
      lasting   = 900
      todo      = "The watcher or the sweep meets an unexpected error with a run or a dataset, again and again. The entries `record.failed` hold the stack."
    }
    errors = {
      title     = "a function fails"
      filter    = local.failures
      aligner   = "ALIGN_DELTA"
      threshold = 10
      lasting   = 900
      todo      = "More than ten deliveries in five minutes failed, for a quarter of an hour. They are repeated; the function's log says why."
    }
    backlog = {
      title     = "events wait for a function"
      filter    = local.oldest
      aligner   = "ALIGN_MAX"
      threshold = 3600
      lasting   = 300
      todo      = "The oldest event of a subscription is more than an hour old. Look at its function's errors, and at whether it reached its most instances."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == "" ? 0 : 1

  project      = var.project
  display_name = "Dropforge, ${var.environment}"
  type         = "email"
  labels       = { email_address = var.alert_email }
  user_labels  = local.labels

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "counter" {
  for_each = local.counted

  project     = var.project
  name        = "dropforge/${each.key}"
  description = "Entries of Dropforge's log."
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", local.service_names)})",
    each.value,
  ])

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alarm" {
  for_each = local.alarms

  project               = var.project
  display_name          = "Dropforge, ${var.environment}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = "${each.value.lasting}s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = each.value.aligner
      }
    }
  }

  documentation {
    content   = each.value.todo
    mime_type = "text/markdown"
  }
}

# The sweep makes good whatever else fails, so it must be known that the sweep itself runs.
resource "google_monitoring_alert_policy" "no_sweep" {
  project               = var.project
  display_name          = "Dropforge, ${var.environment}: no sweep for half an hour"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = "no sweep for half an hour"

    condition_absent {
      filter   = local.counts["swept"]
      duration = "1800s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "The sweep runs every ten minutes and finds what events missed. Look at the Cloud Scheduler job `dropforge-sweep`, then at the function's log."
    mime_type = "text/markdown"
  }
}
