"""A local Slack: it takes messages by webhook and from a bot, answers as Slack does, and shows what was sent."""
