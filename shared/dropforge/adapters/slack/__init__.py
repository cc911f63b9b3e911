"""Slack: messages in Block Kit, by an incoming webhook or by a bot."""
