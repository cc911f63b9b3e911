locals {
  urls = { for name, function in google_cloudfunctions2_function.function : name => function.service_config[0].uri }

  # Cloud Run gives a service this address before it is there, so that no function has to wait for another.
  console_url = lookup(var.settings, "DROPFORGE_CONSOLE_URL", "https://console-${local.number}.${var.region}.run.app")

  variables = merge(var.settings, {
    DROPFORGE_PROJECT      = var.project
    DROPFORGE_LOCATION     = var.region
    DROPFORGE_DROP_BUCKET  = google_storage_bucket.data["drop"].name
    DROPFORGE_STATE_BUCKET = google_storage_bucket.data["state"].name
    DROPFORGE_CONSOLE_URL  = local.console_url
    DROPFORGE_CONFIG       = "dropforge.yaml" # in the archive
  })
}

# Only Cloud Storage's events come by Eventarc: what it may lose after a day, the sweep finds by looking at the bucket.
resource "google_cloudfunctions2_function" "function" {
  #checkov:skip=CKV_GCP_124:internal by default; only the console can be opened, and then to named viewers (tests/terraform/policies)
  for_each = local.functions

  project      = var.project
  location     = var.region
  name         = local.deployed_names[each.key]
  labels       = local.labels
  kms_key_name = var.kms_key == "" ? null : var.kms_key

  build_config {
    runtime           = var.python
    entry_point       = each.key
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.archive[each.key].name
      }
    }
  }

  service_config {
    available_cpu                    = tostring(each.value.cloud.cpu)
    available_memory                 = each.value.cloud.memory
    timeout_seconds                  = each.value.timeout_seconds
    max_instance_count               = each.value.cloud.instances
    max_instance_request_concurrency = each.value.cloud.concurrency
    ingress_settings                 = can(each.value.trigger.http) ? var.console_ingress : "ALLOW_INTERNAL_ONLY"
    service_account_email            = google_service_account.function[each.key].email
    environment_variables            = merge(local.variables, { THREADS = tostring(each.value.cloud.concurrency) })
    all_traffic_on_latest_revision   = true

    dynamic "secret_environment_variables" {
      for_each = each.key == "notify_slack" ? local.secrets_in_use : {}
      content {
        key        = secret_environment_variables.value.variable
        project_id = var.project
        secret     = google_secret_manager_secret.notify[secret_environment_variables.key].secret_id
        version    = secret_environment_variables.value.version
      }
    }
  }

  dynamic "event_trigger" {
    for_each = can(each.value.trigger.bucket) ? [each.value.trigger.bucket] : []
    content {
      trigger_region        = var.region
      event_type            = "google.cloud.storage.object.v1.finalized"
      retry_policy          = "RETRY_POLICY_RETRY"
      service_account_email = google_service_account.eventarc.email

      event_filters {
        attribute = "bucket"
        value     = google_storage_bucket.data[event_trigger.value].name
      }
    }
  }

  depends_on = [
    google_project_iam_member.eventarc_receiver,
    google_project_iam_member.storage_events,
    google_project_iam_member.build,
    google_artifact_registry_repository_iam_member.build,
    google_secret_manager_secret_iam_member.notify,
    google_kms_crypto_key_iam_member.agent,
  ]
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "dropforge"
  description   = "The functions' images, as Cloud Build makes them."
  format        = "DOCKER"
  labels        = local.labels
  kms_key_name  = var.kms_key == "" ? null : var.kms_key

  cleanup_policies {
    id     = "old-images"
    action = "DELETE"
    condition {
      older_than = "${30 * 24 * 3600}s"
    }
  }
  cleanup_policies {
    id     = "rollbacks"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}
