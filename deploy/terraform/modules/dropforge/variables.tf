variable "project" {
  description = "Id of the Google Cloud project. One project holds one Dropforge: the names of its topics are the public contract."
  type        = string
}

variable "environment" {
  description = "Label of everything that takes labels: staging, production."
  type        = string
}

variable "region" {
  description = "Region of functions, buckets, schedules and Vertex AI: one of those in which text embeddings can be tuned."
  type        = string
  default     = "us-central1"
}

variable "archives" {
  description = "Folder that `deploy/stage.py` filled: FUNCTION.zip for each function."
  type        = string

  validation {
    condition     = length(fileset(var.archives, "*.zip")) > 0
    error_message = "There are no archives in that folder: run `deploy/stage.py` first (README)."
  }
}

variable "operator_file" {
  description = "The operator's file (docs/operator.md) that `deploy/stage.py --config` put into the archives."
  type        = string

  validation {
    condition     = try(yamldecode(file(var.operator_file)).service_account, "") == "dropforge-runner@${var.project}.iam.gserviceaccount.com"
    error_message = "The operator's file must say `service_account: dropforge-runner@PROJECT.iam.gserviceaccount.com`, with your project's id: without it jobs run as the project's default account."
  }
  validation {
    condition     = try(yamldecode(file(var.operator_file)).encryption_key, "") == var.kms_key
    error_message = "The operator's file must name as `encryption_key` what kms_key names: one encrypts the jobs and the models, the other everything else."
  }
}

variable "labels" {
  description = "Further labels for everything that takes labels."
  type        = map(string)
  default     = {}
}

variable "settings" {
  description = "Further environment variables of every function, such as DROPFORGE_SETTLE_SECONDS."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "DROPFORGE_")])
    error_message = "Every setting begins with DROPFORGE_: others would change Google's libraries under the functions."
  }
  validation {
    condition = length(setintersection(keys(var.settings), [
      "DROPFORGE_PROJECT", "DROPFORGE_LOCATION", "DROPFORGE_DROP_BUCKET", "DROPFORGE_STATE_BUCKET", "DROPFORGE_CONFIG",
    ])) == 0
    error_message = "Project, region, buckets and the operator's file are set by what is deployed."
  }
  validation {
    condition = length(setintersection(keys(var.settings), [
      "DROPFORGE_SLACK_URL", "DROPFORGE_SLACK_TOKEN", "DROPFORGE_WEBHOOK_URL", "DROPFORGE_WEBHOOK_SECRET",
    ])) == 0
    error_message = "Webhooks and tokens are secrets: put them into Secret Manager and name their versions in slack_secret_version, slack_token_version, webhook_url_version and webhook_secret_version."
  }
}

variable "python" {
  description = "The functions' runtime."
  type        = string
  default     = "python312"
}

variable "kms_key" {
  description = "Cloud KMS key, in the same region, of everything that takes one: projects/P/locations/R/keyRings/K/cryptoKeys/C. Empty for Google's own."
  type        = string
  default     = ""
}

variable "slack_secret_version" {
  description = "Version of the secret `dropforge-slack-url` that holds Slack's incoming webhook, such as 1. Empty until there is one."
  type        = string
  default     = ""
}

variable "slack_token_version" {
  description = "Version of the secret `dropforge-slack-token` that holds the token of Slack's bot. Empty until there is one."
  type        = string
  default     = ""
}

variable "webhook_url_version" {
  description = "Version of the secret `dropforge-webhook-url` that holds the address to which events are also sent. Empty for nowhere."
  type        = string
  default     = ""

  validation {
    condition     = (var.webhook_url_version == "") == (var.webhook_secret_version == "")
    error_message = "A webhook is signed: webhook_url_version and webhook_secret_version go together."
  }
}

variable "webhook_secret_version" {
  description = "Version of the secret `dropforge-webhook-secret` that holds the key, or two of them, with which those events are signed."
  type        = string
  default     = ""
}

variable "console_ingress" {
  description = "From where the console can be reached. Even from anywhere it takes a viewer's credentials."
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"

  validation {
    condition     = contains(["ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB", "ALLOW_ALL"], var.console_ingress)
    error_message = "console_ingress is ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  }
}

variable "console_viewers" {
  description = "Who may open the console, as IAM members: group:ml@example.com."
  type        = list(string)
  default     = []

  validation {
    condition     = length(setintersection(var.console_viewers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The console is never public."
  }
}

variable "console_actions" {
  description = "Whether the console may do what people ask for in it: cancel, rerun, approve, roll back, retire. The operator's file must allow it, too."
  type        = bool
  default     = false
}

variable "console_predictions" {
  description = "Whether the console may ask models for vectors, for people to try them: it costs predictions. The operator's file must allow it, too."
  type        = bool
  default     = false
}

variable "data_people" {
  description = "Who may drop datasets, as IAM members."
  type        = list(string)
  default     = []

  validation {
    condition     = length(setintersection(var.data_people, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Whoever drops a dataset spends money: that is never everybody."
  }
}

variable "operators" {
  description = "Who may end, repeat, approve, roll back and retire by `dropforge`, ask models, and deal with dead letters, as IAM members."
  type        = list(string)
  default     = []

  validation {
    condition     = length(setintersection(var.operators, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Operators stop what others paid for: they are never everybody."
  }
}

variable "subscribers" {
  description = "Who may subscribe to the public topics, as IAM members."
  type        = list(string)
  default     = []

  validation {
    condition     = length(setintersection(var.subscribers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Events name datasets and models: they are never for everybody."
  }
}

variable "keep_runs_days" {
  description = "After how many days what a run read and wrote (runs/ in the state bucket) is deleted; null for never. The ledger is never."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.keep_runs_days, 90) >= 30
    error_message = "keep_runs_days is at least 30: a job takes days, and readers load a space's vectors from there."
  }
}

variable "keep_versions_days" {
  description = "For how many days earlier versions of markers, leases and the like are kept."
  type        = number
  default     = 14
}

variable "alert_email" {
  description = "Who is told when something needs a person. Empty for nobody."
  type        = string
  default     = ""
}

variable "budget" {
  description = "A monthly budget of the project, in units of a currency; people are told when it is passed; null for none. It stops nothing: the caps of the operator's file do."
  type = object({
    billing_account = string
    currency        = string
    units           = number
  })
  default = null
}

variable "grant_tuning_agent" {
  description = "Whether to give Vertex AI's tuning service agent the rights that tuning takes. Off where the project has no such agent yet (README)."
  type        = bool
  default     = true
}
