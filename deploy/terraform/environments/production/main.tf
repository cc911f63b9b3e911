provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true # the budget's service bills a project for its calls
}

module "dropforge" {
  source = "../../modules/dropforge"

  environment            = "production"
  project                = var.project
  region                 = var.region
  archives               = coalesce(var.archives, "${path.root}/../../../../dist/functions")
  operator_file          = "${path.root}/dropforge.yaml"
  labels                 = var.labels
  settings               = var.settings
  kms_key                = var.kms_key
  slack_secret_version   = var.slack_secret_version
  slack_token_version    = var.slack_token_version
  webhook_url_version    = var.webhook_url_version
  webhook_secret_version = var.webhook_secret_version
  console_ingress        = var.console_ingress
  console_viewers        = var.console_viewers
  console_actions        = var.console_actions
  console_predictions    = var.console_predictions
  data_people            = var.data_people
  operators              = var.operators
  subscribers            = var.subscribers
  keep_runs_days         = var.keep_runs_days
  alert_email            = var.alert_email
  budget                 = var.budget
  grant_tuning_agent     = var.grant_tuning_agent
}
