"""Before and after: variants, revisions, runs; updates of the baseline; merging of shards."""
