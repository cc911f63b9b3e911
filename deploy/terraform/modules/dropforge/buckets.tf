locals {
  # The state bucket's folders whose objects come and go. Not among them: ledger/, aliases/, aside/ and discarded/, of which no
  # version is ever deleted by itself, and runs/, which expires only where keep_runs_days is set.
  passing = ["active/", "bookmarks/", "budget.json", "claims/", "doctor/", "intake/", "past/", "retiring/", "said/", "ticks/"]
}

# No retention policy on either: it would forbid replacing and deleting objects, and the ledger lives by replacing its
# records and deleting its markers. What protects them is versioning, soft delete, and that only functions may write.
resource "google_storage_bucket" "data" {
  #checkov:skip=CKV_GCP_62:who touched what is told by Cloud Audit Logs, which an organisation switches on for all
  #checkov:skip=CKV_GCP_78:the state bucket keeps versions; what people dropped they drop again, and soft delete holds it a week
  for_each = local.topology.buckets

  project                     = var.project
  name                        = "${var.project}-dropforge-${each.key}"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = each.value.versioning
  }

  soft_delete_policy {
    retention_duration_seconds = (each.value.versioning ? 30 : 7) * 24 * 3600
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.versioning ? [1] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_noncurrent_time = var.keep_versions_days
        matches_prefix             = local.passing
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.key == "state" && var.keep_runs_days != null ? [1] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = var.keep_runs_days
        with_state     = "ANY"
        matches_prefix = ["runs/"]
      }
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == "" ? [] : [var.kms_key]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}

resource "google_storage_bucket" "source" {
  #checkov:skip=CKV_GCP_62:it holds archives of public source
  project                     = var.project
  name                        = "${var.project}-dropforge-source"
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # it holds nothing but archives that can be made again

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.keep_versions_days
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == "" ? [] : [var.kms_key]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}

# Named by content: an archive that changed is another object, and its function is built anew.
resource "google_storage_bucket_object" "archive" {
  for_each = local.functions

  bucket = google_storage_bucket.source.name
  name   = "${each.key}-${filesha256("${var.archives}/${each.key}.zip")}.zip"
  source = "${var.archives}/${each.key}.zip"
}
