data "google_project" "this" {
  project_id = var.project
}

data "google_storage_project_service_account" "this" {
  project = var.project

  depends_on = [google_project_service.api]
}

locals {
  topology = jsondecode(file("${path.module}/../../../topology.json"))
  number   = data.google_project.this.number
  labels   = merge(var.labels, { app = "dropforge", environment = var.environment })

  functions      = local.topology.functions
  fed_by_topics  = { for name, function in local.functions : name => function if can(function.trigger.topics) }
  public_topics  = toset([for name, topic in local.topology.topics : name if topic.public])
  tick_topics    = toset([for schedule in local.topology.schedules : schedule.topic])
  cloud_delivery = local.topology.delivery.cloud

  # A function and one of its topics: one subscription each, named as on a laptop.
  subscriptions = merge([
    for name, function in local.fed_by_topics : {
      for topic in function.trigger.topics : "${name}.${topic}" => { function = name, topic = topic }
    }
  ]...)

  # Cloud Run takes no underscores.
  deployed_names = { for name, _ in local.functions : name => replace(name, "_", "-") }

  agents = { # service agents: Google's own accounts in this project
    storage  = data.google_storage_project_service_account.this.email_address
    pubsub   = "service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    tuning   = "service-${local.number}@gcp-sa-aiplatform-ft.iam.gserviceaccount.com"
    vertex   = "service-${local.number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    run      = "service-${local.number}@serverless-robot-prod.iam.gserviceaccount.com"
    function = "service-${local.number}@gcf-admin-robot.iam.gserviceaccount.com"
    images   = "service-${local.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    secrets  = "service-${local.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  }
}
