"""The ports over Google's client libraries."""
