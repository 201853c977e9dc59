"""Comparing results and histories, and merging shards of one run."""
