# Tells of a pipeline job's end within seconds. The watcher then looks at the job, as it does every minute anyway.
resource "google_logging_project_sink" "job_events" {
  project                = var.project
  name                   = "dropforge-pipeline-job-events"
  description            = "Ends of pipeline jobs, for the watcher."
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.topic["pipeline-job-events"].id}"
  unique_writer_identity = true
  filter = join(" AND ", [
    "log_id(\"aiplatform.googleapis.com/pipeline_job_events\")",
    "resource.type=\"aiplatform.googleapis.com/PipelineJob\"",
    "jsonPayload.state=(\"PIPELINE_STATE_SUCCEEDED\" OR \"PIPELINE_STATE_FAILED\" OR \"PIPELINE_STATE_CANCELLED\")",
  ])
}

resource "google_pubsub_topic_iam_member" "job_events" {
  project = var.project
  topic   = google_pubsub_topic.topic["pipeline-job-events"].name
  role    = "roles/pubsub.publisher"
  member  = google_logging_project_sink.job_events.writer_identity
}
