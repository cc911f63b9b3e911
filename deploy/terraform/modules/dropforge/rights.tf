# Who may do what. What a function may do follows from the ports that its worker names; tests hold the two together.
locals {
  members = { for name, account in google_service_account.function : name => "serviceAccount:${account.email}" }
  runner  = "serviceAccount:${google_service_account.runner.email}"

  # Whoever moves a run on tells what has not been told of it, whichever event that is: every public topic.
  # So does the console, where people may ask for things in it.
  acts       = var.console_actions ? ["console"] : []
  publishers = concat(["validate_dataset", "submit_tuning", "watch_status", "deploy_model", "sweep"], local.acts)

  drop_readers  = ["validate_dataset", "sweep"]
  state_writers = concat(["validate_dataset", "submit_tuning", "watch_status", "deploy_model", "sweep"], local.acts)
  job_placers   = ["submit_tuning", "watch_status", "sweep"]

  # The methods that adapters/google/vertex.py calls, by whoever calls them. The predefined roles hold hundreds.
  vertex_permissions = {
    submit_tuning = [
      "aiplatform.pipelineJobs.cancel",
      "aiplatform.pipelineJobs.create",
      "aiplatform.pipelineJobs.get",
    ]
    watch_status = [
      "aiplatform.endpoints.create",
      "aiplatform.endpoints.delete",
      "aiplatform.endpoints.deploy",
      "aiplatform.endpoints.get",
      "aiplatform.endpoints.predict",
      "aiplatform.endpoints.undeploy",
      "aiplatform.models.get",
      "aiplatform.operations.list",
      "aiplatform.pipelineJobs.cancel",
      "aiplatform.pipelineJobs.create",
      "aiplatform.pipelineJobs.get",
      "aiplatform.pipelineJobs.list",
    ]
    deploy_model = [
      "aiplatform.endpoints.create",
      "aiplatform.endpoints.delete",
      "aiplatform.endpoints.get",
      "aiplatform.endpoints.undeploy",
    ]
    sweep = [
      "aiplatform.endpoints.create",
      "aiplatform.endpoints.delete",
      "aiplatform.endpoints.get",
      "aiplatform.endpoints.list",
      "aiplatform.endpoints.undeploy",
      "aiplatform.pipelineJobs.cancel",
      "aiplatform.pipelineJobs.create",
      "aiplatform.pipelineJobs.get",
      "aiplatform.pipelineJobs.list",
    ]
  }

  console_permissions = concat(
    var.console_actions ? ["aiplatform.endpoints.get", "aiplatform.pipelineJobs.cancel", "aiplatform.pipelineJobs.get"] : [],
    var.console_predictions ? ["aiplatform.endpoints.predict"] : [],
  )
  vertex_callers = merge(
    local.vertex_permissions,
    length(local.console_permissions) > 0 ? { console = local.console_permissions } : {},
  )

  # Whoever may list a bucket is told that an object is missing; others are told that they may not see it. So those who
  # may only touch some folders may list it all the same: names, and nothing of what is in them.
  only_below = {
    for name, folders in {
      notify_slack = ["claims/", "aside/"]
      runner       = ["runs/"]
      tuning_agent = ["runs/"]
      } : name => join(" || ", [
        for folder in folders :
        "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.data["state"].name}/objects/${folder}\")"
    ])
  }
  only_below_members = merge(
    { notify_slack = local.members["notify_slack"], runner = local.runner },
    var.grant_tuning_agent ? { tuning_agent = "serviceAccount:${local.agents.tuning}" } : {},
  )
}

# Topics

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = { for pair in setproduct(local.publishers, local.public_topics) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.topic[each.value[1]].name
  role    = "roles/pubsub.publisher"
  member  = local.members[each.value[0]]
}

# Buckets

resource "google_storage_bucket_iam_member" "drop_reader" {
  for_each = toset(local.drop_readers)

  bucket = google_storage_bucket.data["drop"].name
  role   = "roles/storage.objectViewer"
  member = local.members[each.value]
}

resource "google_storage_bucket_iam_member" "data_people" {
  for_each = toset(var.data_people)

  bucket = google_storage_bucket.data["drop"].name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "state_writer" {
  for_each = toset(local.state_writers)

  bucket = google_storage_bucket.data["state"].name
  role   = "roles/storage.objectUser"
  member = local.members[each.value]
}

resource "google_storage_bucket_iam_member" "state_reader" {
  bucket = google_storage_bucket.data["state"].name
  role   = "roles/storage.objectViewer"
  member = local.members["console"]
}

resource "google_storage_bucket_iam_member" "state_folders" {
  for_each = local.only_below_members

  bucket = google_storage_bucket.data["state"].name
  role   = "roles/storage.objectUser"
  member = each.value

  condition {
    title      = "only-some-folders"
    expression = local.only_below[each.key]
  }
}

resource "google_storage_bucket_iam_member" "state_names" {
  for_each = local.only_below_members

  bucket = google_storage_bucket.data["state"].name
  role   = "roles/storage.legacyBucketReader"
  member = each.value
}

# Vertex AI

resource "google_project_iam_custom_role" "vertex" {
  for_each = local.vertex_callers

  project     = var.project
  role_id     = "dropforge_${each.key}"
  title       = "Dropforge: ${each.key}"
  description = "The methods of Vertex AI that ${each.key} calls."
  permissions = each.value

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "vertex" {
  for_each = local.vertex_callers

  project = var.project
  role    = google_project_iam_custom_role.vertex[each.key].name
  member  = local.members[each.key]
}

resource "google_service_account_iam_member" "acts_as_runner" {
  for_each = toset(local.job_placers)

  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.members[each.value]
}

# What a tuning pipeline does inside Vertex AI is Google's: the role that its documentation asks for.
resource "google_project_iam_member" "runner" {
  project = var.project
  role    = "roles/aiplatform.user"
  member  = local.runner
}

# Calls

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = local.fed_by_topics

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function[each.key].name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.push.email}"
}

resource "google_service_account_iam_member" "push_tokens" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${local.agents.pubsub}"
}

resource "google_cloud_run_v2_service_iam_member" "eventarc" {
  for_each = { for name, function in local.functions : name => function if can(function.trigger.bucket) }

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function[each.key].name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.eventarc.email}"
}

resource "google_project_iam_member" "eventarc_receiver" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = "serviceAccount:${google_service_account.eventarc.email}"
}

# Cloud Storage publishes its events to a topic that Eventarc makes and names.
resource "google_project_iam_member" "storage_events" {
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.agents.storage}"
}

resource "google_cloud_run_v2_service_iam_member" "console_viewer" {
  for_each = toset(var.console_viewers)

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function["console"].name
  role     = "roles/run.invoker"
  member   = each.value
}

# Builds

resource "google_project_iam_member" "build" {
  for_each = {
    "roles/logging.logWriter" = ""
    # Cloud Run functions copies an archive into a bucket of its own and builds from there.
    "roles/storage.objectViewer" = join(" || ", [
      for bucket in [google_storage_bucket.source.name, "gcf-v2-sources-${local.number}-${var.region}"] :
      "resource.name.startsWith(\"projects/_/buckets/${bucket}/\")"
    ])
  }

  project = var.project
  role    = each.key
  member  = "serviceAccount:${google_service_account.build.email}"

  dynamic "condition" {
    for_each = each.value == "" ? [] : [each.value]
    content {
      title      = "only-archives"
      expression = condition.value
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.build.email}"
}

# People who ask for things by hand: what `dropforge cancel`, `rerun`, `approve`, `rollback`, `retire`, `predict`, `search`,
# `dlq` and `doctor` call. They read and write the ledger as functions do, and tell of it.

resource "google_project_iam_custom_role" "operator" {
  project     = var.project
  role_id     = "dropforge_operator"
  title       = "Dropforge: operators"
  description = "The methods that the command line calls, besides those on its buckets and topics."
  permissions = [
    "aiplatform.endpoints.delete",
    "aiplatform.endpoints.get",
    "aiplatform.endpoints.list",
    "aiplatform.endpoints.predict",
    "aiplatform.endpoints.undeploy",
    "aiplatform.pipelineJobs.cancel",
    "aiplatform.pipelineJobs.get",
    "aiplatform.pipelineJobs.list",
    "pubsub.subscriptions.list",
  ]

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "operator" {
  for_each = toset(var.operators)

  project = var.project
  role    = google_project_iam_custom_role.operator.name
  member  = each.value
}

resource "google_storage_bucket_iam_member" "operator" {
  for_each = toset(var.operators)

  bucket = google_storage_bucket.data["state"].name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = { for pair in setproduct(local.public_topics, var.operators) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.topic[each.value[0]].name
  role    = "roles/pubsub.publisher"
  member  = each.value[1]
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = { for pair in setproduct(keys(local.fed_by_topics), var.operators) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead[each.value[0]].name
  role         = "roles/pubsub.subscriber"
  member       = each.value[1]
}
