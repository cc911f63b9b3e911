"""Mistakes by which somebody may do too much, or too little."""

from terraform.planted.mistake import Mistake
from terraform.policies import rights

_STATE_READER = """  role   = "roles/storage.objectViewer"
  member = local.members["console"]"""


MISTAKES = (
    Mistake(
        "everybody may call the functions",
        rights.nobody_is_everybody,
        "is public",
        "rights.tf",
        """  name     = google_cloudfunctions2_function.function["console"].name
  role     = "roles/run.invoker"
  member   = each.value""",
        """  name     = google_cloudfunctions2_function.function["console"].name
  role     = "roles/run.invoker"
  member   = "allUsers\"""",
    ),
    Mistake(
        "jobs run as an editor",
        rights.no_role_is_broad,
        "roles/editor",
        "rights.tf",
        "roles/aiplatform.user",
        "roles/editor",
    ),
    Mistake(
        "people administer the drop bucket",
        rights.no_role_is_broad,
        "roles/storage.admin",
        "rights.tf",
        """  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "state_writer\"""",
        """  role   = "roles/storage.admin"
  member = each.value
}

resource "google_storage_bucket_iam_member" "state_writer\"""",
    ),
    Mistake(
        "functions run as the runner",
        rights.each_function_runs_as_an_account_of_its_own,
        "dropforge-runner",
        "functions.tf",
        "google_service_account.function[each.key].email",
        "google_service_account.runner.email",
    ),
    Mistake(
        "builds run as the project's default account",
        rights.each_function_runs_as_an_account_of_its_own,
        "is built as: None",
        "functions.tf",
        "    service_account   = google_service_account.build.id\n",
        "",
    ),
    Mistake(
        "the teller of Slack publishes",
        rights.only_who_moves_runs_on_publishes,
        "need not",
        "rights.tf",
        'publishers = concat(["validate_dataset",',
        'publishers = concat(["notify_slack", "validate_dataset",',
    ),
    Mistake(
        "the deployer cannot publish",
        rights.only_who_moves_runs_on_publishes,
        "may not",
        "rights.tf",
        'publishers = concat(["validate_dataset", "submit_tuning", "watch_status", "deploy_model", "sweep"]',
        'publishers = concat(["validate_dataset", "submit_tuning", "watch_status", "sweep"]',
    ),
    Mistake(
        "the validator acts as the runner",
        rights.only_who_places_jobs_acts_as_the_runner,
        "validate-dataset",
        "rights.tf",
        'job_placers   = ["submit_tuning",',
        'job_placers   = ["validate_dataset", "submit_tuning",',
    ),
    Mistake(
        "the console writes",
        rights.only_functions_jobs_and_operators_touch_the_state,
        "dropforge-console",
        "rights.tf",
        _STATE_READER,
        _STATE_READER.replace("Viewer", "User"),
    ),
    Mistake(
        "the console acts though nobody allowed it",
        rights.only_who_moves_runs_on_publishes,
        "dropforge-console",
        "rights.tf",
        'var.console_actions ? ["console"] : []',
        '["console"]',
    ),
    Mistake(
        "jobs write into the ledger",
        rights.only_functions_jobs_and_operators_touch_the_state,
        "dropforge-runner",
        "rights.tf",
        'runner       = ["runs/"]',
        'runner       = ["runs/", "ledger/"]',
    ),
    Mistake(
        "a folder without bounds",
        rights.only_functions_jobs_and_operators_touch_the_state,
        "dropforge-notify-slack",
        "rights.tf",
        """  condition {
    title      = "only-some-folders"
    expression = local.only_below[each.key]
  }
""",
        "",
    ),
    Mistake(
        "the validator deletes what people dropped",
        rights.functions_only_read_what_people_drop,
        "roles/storage.objectUser",
        "rights.tf",
        """  role   = "roles/storage.objectViewer"
  member = local.members[each.value]""",
        """  role   = "roles/storage.objectUser"
  member = local.members[each.value]""",
    ),
    Mistake(
        "the webhook as a variable",
        rights.secrets_stay_out_of_the_plan,
        "in the open",
        "functions.tf",
        'DROPFORGE_CONFIG       = "dropforge.yaml" # in the archive',
        'DROPFORGE_CONFIG       = "dropforge.yaml"\n    DROPFORGE_SLACK_URL    = "https://hooks.example/T0"',
    ),
    Mistake(
        "everybody gets the secret",
        rights.secrets_stay_out_of_the_plan,
        "is given a secret",
        "functions.tf",
        'each.key == "notify_slack" ? local.secrets_in_use : {}',
        "local.secrets_in_use",
    ),
    Mistake(
        "the sweep reads the secret",
        rights.secrets_stay_out_of_the_plan,
        "read secrets",
        "secrets.tf",
        'function["notify_slack"]',
        'function["sweep"]',
    ),
    Mistake(
        "people who drop data write into the ledger",
        rights.only_functions_jobs_and_operators_touch_the_state,
        "group:data@acme.example",
        "rights.tf",
        """resource "google_storage_bucket_iam_member" "operator" {
  for_each = toset(var.operators)""",
        """resource "google_storage_bucket_iam_member" "operator" {
  for_each = toset(var.data_people)""",
    ),
)
