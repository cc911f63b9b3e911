"""How the ports are kept: over Google's client libraries, over Slack, and in memory."""
