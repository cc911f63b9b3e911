variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "archives" {
  description = "Folder that `deploy/stage.py` filled; dist/functions of the checkout where none is named."
  type        = string
  default     = null
}

variable "labels" {
  description = "Further labels for everything that takes labels, such as a cost centre."
  type        = map(string)
  default     = {}
}

variable "settings" {
  description = "Further DROPFORGE_ variables of every function."
  type        = map(string)
  default     = {}
}

variable "kms_key" {
  description = "Cloud KMS key of everything that takes one; empty for Google's own."
  type        = string
  default     = ""
}

variable "slack_secret_version" {
  description = "Version of the secret `dropforge-slack-url`, once it has one."
  type        = string
  default     = ""
}

variable "slack_token_version" {
  description = "Version of the secret `dropforge-slack-token`, once it has one."
  type        = string
  default     = ""
}

variable "webhook_url_version" {
  description = "Version of the secret `dropforge-webhook-url`, once it has one."
  type        = string
  default     = ""
}

variable "webhook_secret_version" {
  description = "Version of the secret `dropforge-webhook-secret`, once it has one."
  type        = string
  default     = ""
}

variable "console_ingress" {
  description = "From where the console can be reached: ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  type        = string
  default     = "ALLOW_INTERNAL_ONLY"
}

variable "console_viewers" {
  description = "Who may open the console, as IAM members."
  type        = list(string)
  default     = []
}

variable "console_actions" {
  description = "Whether people may cancel, rerun, approve, roll back and retire in the console; the operator's file must say so, too."
  type        = bool
  default     = false
}

variable "console_predictions" {
  description = "Whether people may try models in the console; the operator's file must say so, too."
  type        = bool
  default     = false
}

variable "data_people" {
  description = "Who may drop datasets, as IAM members."
  type        = list(string)
  default     = []
}

variable "operators" {
  description = "Who may end, repeat, approve, roll back and retire by `dropforge`, as IAM members."
  type        = list(string)
  default     = []
}

variable "subscribers" {
  description = "Who may subscribe to the public topics, as IAM members."
  type        = list(string)
  default     = []
}

variable "keep_runs_days" {
  description = "After how many days the runs' inputs and outputs are deleted; null for never."
  type        = number
  default     = null
}

variable "alert_email" {
  description = "Who is told when something needs a person."
  type        = string
}

variable "budget" {
  description = "A monthly budget; people are told when it is passed; null for none."
  type = object({
    billing_account = string
    currency        = string
    units           = number
  })
  default = null
}

variable "grant_tuning_agent" {
  description = "Off where the project has no tuning service agent yet: see deploy/terraform/README.md."
  type        = bool
  default     = true
}
