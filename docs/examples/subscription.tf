# What a downstream team keeps in its own project: a subscription that loses nothing.
#
#   terraform apply -var project=YOURS -var dropforge_project=DROPFORGES
#
# Whoever applies it is among Dropforge's `subscribers`: they may attach subscriptions to its public topics.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

variable "project" {
  description = "Where the subscription lives."
  type        = string
}

variable "dropforge_project" {
  description = "Where Dropforge lives."
  type        = string
}

variable "topic" {
  description = "Which of its topics."
  type        = string
  default     = "model-deployed"
}

data "google_project" "own" {
  project_id = var.project
}

locals {
  pubsub = "serviceAccount:service-${data.google_project.own.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription" "events" {
  project              = var.project
  name                 = "dropforge-${var.topic}"
  topic                = "projects/${var.dropforge_project}/topics/${var.topic}"
  ack_deadline_seconds = 60
  # filter             = "attributes.dataset = \"topics\"" # only one dataset; it cannot be changed afterwards

  expiration_policy {
    ttl = "" # never: otherwise it is deleted after 31 days in which nothing happened
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 100
  }
}

# A dead-letter topic without a subscription would lose what it is there to keep.
resource "google_pubsub_topic" "dead" {
  project = var.project
  name    = "dropforge-${var.topic}-dead"
}

resource "google_pubsub_subscription" "dead" {
  project                    = var.project
  name                       = google_pubsub_topic.dead.name
  topic                      = google_pubsub_topic.dead.id
  message_retention_duration = "${31 * 24 * 3600}s"

  expiration_policy {
    ttl = "" # never
  }
}

# Pub/Sub itself moves what it gives up on: it publishes to the dead-letter topic and acknowledges at the subscription.
resource "google_pubsub_topic_iam_member" "given_up" {
  project = var.project
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub
}

resource "google_pubsub_subscription_iam_member" "given_up" {
  project      = var.project
  subscription = google_pubsub_subscription.events.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub
}
