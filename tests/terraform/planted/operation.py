"""Mistakes in what is reached, switched on and watched."""

from terraform.planted.mistake import Mistake
from terraform.policies import operation

MISTAKES = (
    Mistake(
        "functions can be called from anywhere",
        operation.functions_are_called_from_inside_only,
        "ALLOW_ALL",
        "functions.tf",
        'var.console_ingress : "ALLOW_INTERNAL_ONLY"',
        'var.console_ingress : "ALLOW_ALL"',
    ),
    Mistake(
        "a service that is not on",
        operation.every_service_that_is_used_is_on,
        "eventarc",
        "apis.tf",
        '    "eventarc.googleapis.com",\n',
        "",
    ),
    Mistake(
        "services go off with Dropforge",
        operation.every_service_that_is_used_is_on,
        "switched off",
        "apis.tf",
        "  # Others in the project may use them.\n  disable_on_destroy = false",
        "  disable_on_destroy = true",
    ),
    Mistake(
        "an alarm that nobody hears",
        operation.what_goes_wrong_is_told,
        "no_sweep goes to",
        "monitoring.tf",
        """  display_name          = "Dropforge, ${var.environment}: no sweep for half an hour"
  combiner              = "OR"
  notification_channels = local.channels""",
        """  display_name          = "Dropforge, ${var.environment}: no sweep for half an hour"
  combiner              = "OR"
  notification_channels = []""",
    ),
    Mistake(
        "an alarm that looks at nothing",
        operation.what_goes_wrong_is_told,
        "which nobody counts",
        "monitoring.tf",
        'filter    = local.counts["stuck"]',
        'filter    = replace(local.counts["stuck"], "dropforge/", "")',
    ),
)
