"""A local Cloud Scheduler: ticks to Pub/Sub topics, on time or not at all."""
