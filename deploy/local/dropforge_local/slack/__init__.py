"""A local receiver for Slack's incoming webhooks: it answers as Slack does and shows what was sent."""
