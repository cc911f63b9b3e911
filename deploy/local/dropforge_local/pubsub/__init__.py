"""A Pub/Sub for one machine: the service's gRPC and REST interfaces, push delivery, and a journal on disk.

Not for production: where one machine is outgrown, the same clients speak to Google Cloud Pub/Sub.
"""
