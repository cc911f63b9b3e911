locals {
  # Title, filter, how it is aggregated, and by which label it is grouped.
  charts = [
    ["Events handled", local.counts["handled"], "ALIGN_DELTA", "service_name"],
    ["Events tried again", local.counts["retried"], "ALIGN_DELTA", "service_name"],
    ["Events set aside", local.counts["given_up"], "ALIGN_DELTA", "service_name"],
    ["Repairs by the sweep", local.counts["repaired"], "ALIGN_DELTA", "service_name"],
    ["Age of the oldest event, seconds", local.oldest, "ALIGN_MAX", "subscription_id"],
    ["Dead letters", local.dead_letters, "ALIGN_MAX", "subscription_id"],
    ["Instances", local.instances, "ALIGN_MAX", "service_name"],
    ["Failed deliveries", local.failures, "ALIGN_DELTA", "service_name"],
  ]
}

resource "google_monitoring_dashboard" "dropforge" {
  project = var.project

  dashboard_json = jsonencode({
    displayName = "Dropforge, ${var.environment}"
    labels      = { for key, value in local.labels : key => value }
    mosaicLayout = {
      columns = 48
      tiles = [
        for place, chart in local.charts : {
          xPos   = (place % 2) * 24
          yPos   = floor(place / 2) * 16
          width  = 24
          height = 16
          widget = {
            title = chart[0]
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart[1]
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart[2]
                      crossSeriesReducer = chart[2] == "ALIGN_MAX" ? "REDUCE_MAX" : "REDUCE_SUM"
                      groupByFields      = ["resource.label.${chart[3]}"]
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.api]
}
