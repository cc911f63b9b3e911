"""Dropforge: from a dataset folder in a bucket to a tuned, measured, deployed embedding model."""
