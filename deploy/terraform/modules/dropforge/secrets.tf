# None of them passes through Terraform, so that none is in a plan or a state: README says how they come here.
locals {
  # What each secret is to notify_slack, and the version that it reads; empty while there is none.
  secrets = {
    slack-url      = { variable = "DROPFORGE_SLACK_URL", version = var.slack_secret_version }
    slack-token    = { variable = "DROPFORGE_SLACK_TOKEN", version = var.slack_token_version }
    webhook-url    = { variable = "DROPFORGE_WEBHOOK_URL", version = var.webhook_url_version }
    webhook-secret = { variable = "DROPFORGE_WEBHOOK_SECRET", version = var.webhook_secret_version }
  }
  secrets_in_use = { for name, secret in local.secrets : name => secret if secret.version != "" }
}

resource "google_secret_manager_secret" "notify" {
  for_each = local.secrets

  project   = var.project
  secret_id = "dropforge-${each.key}"
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.kms_key == "" ? [] : [var.kms_key]
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_secret_manager_secret_iam_member" "notify" {
  for_each = local.secrets

  project   = var.project
  secret_id = google_secret_manager_secret.notify[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.function["notify_slack"].email}"
}

moved {
  from = google_secret_manager_secret.slack
  to   = google_secret_manager_secret.notify["slack-url"]
}

moved {
  from = google_secret_manager_secret_iam_member.slack
  to   = google_secret_manager_secret_iam_member.notify["slack-url"]
}
