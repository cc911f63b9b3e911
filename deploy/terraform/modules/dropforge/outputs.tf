output "drop_bucket" {
  description = "Where datasets are dropped: gs://BUCKET/datasets/NAME/."
  value       = google_storage_bucket.data["drop"].name
}

output "state_bucket" {
  description = "Where the ledger and the runs' data lie."
  value       = google_storage_bucket.data["state"].name
}

output "console_url" {
  description = "Where the console is."
  value       = local.console_url
}

output "topics" {
  description = "What downstream teams subscribe to."
  value       = { for name in local.public_topics : name => google_pubsub_topic.topic[name].id }
}

output "dead_letters" {
  description = "The subscriptions that hold what Pub/Sub gave up delivering to a function."
  value       = { for name, subscription in google_pubsub_subscription.dead : name => subscription.id }
}

output "secrets" {
  description = "The secrets that say how people are told, by the variable that notify_slack reads."
  value       = { for name, secret in local.secrets : secret.variable => google_secret_manager_secret.notify[name].secret_id }
}

output "accounts" {
  description = "The account that each function runs as."
  value       = { for name, account in google_service_account.function : name => account.email }
}

output "runner" {
  description = "The account that pipeline jobs run as; the operator's file names it."
  value       = google_service_account.runner.email
}

output "command_line" {
  description = "The environment in which `dropforge` works with this deployment."
  value = {
    DROPFORGE_PROJECT      = var.project
    DROPFORGE_LOCATION     = var.region
    DROPFORGE_DROP_BUCKET  = google_storage_bucket.data["drop"].name
    DROPFORGE_STATE_BUCKET = google_storage_bucket.data["state"].name
    DROPFORGE_CONSOLE_URL  = local.console_url
  }
}
