resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project
  account_id   = "dropforge-${local.deployed_names[each.key]}"
  display_name = "Dropforge: the function ${each.key}"

  depends_on = [google_project_service.api]
}

resource "google_service_account" "runner" {
  project      = var.project
  account_id   = "dropforge-runner"
  display_name = "Dropforge: pipeline jobs run as this"

  depends_on = [google_project_service.api]
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "dropforge-push"
  display_name = "Dropforge: Pub/Sub calls functions as this"

  depends_on = [google_project_service.api]
}

resource "google_service_account" "eventarc" {
  project      = var.project
  account_id   = "dropforge-eventarc"
  display_name = "Dropforge: Eventarc calls the validator as this"

  depends_on = [google_project_service.api]
}

resource "google_service_account" "build" {
  project      = var.project
  account_id   = "dropforge-build"
  display_name = "Dropforge: functions are built as this"

  depends_on = [google_project_service.api]
}
