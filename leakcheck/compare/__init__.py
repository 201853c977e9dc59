"""Compare sides (variants, revisions, runs), update the baseline, merge shards."""
