"""Two runs, a series of runs, two environments, the shards of one run."""
