# The webhook itself never passes through Terraform, so that it is in no plan and no state: README says how it comes here.
resource "google_secret_manager_secret" "slack" {
  project   = var.project
  secret_id = "dropforge-slack-url"
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

resource "google_secret_manager_secret_iam_member" "slack" {
  project   = var.project
  secret_id = google_secret_manager_secret.slack.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.function["notify_slack"].email}"
}
