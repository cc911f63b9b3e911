resource "google_cloud_scheduler_job" "tick" {
  for_each = local.topology.schedules

  project     = var.project
  region      = var.region
  name        = "dropforge-${each.key}"
  description = "A tick to ${each.value.topic}."
  schedule    = each.value.cron
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic[each.value.topic].id
    data       = base64encode(jsonencode({ schedule = each.key }))
    attributes = { schedule = each.key }
  }

  # By default a tick is not retried at all.
  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "20s"
  }
}
