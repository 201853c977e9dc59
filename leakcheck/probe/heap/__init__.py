"""Inspect objects without running their code: containers, lengths, limits, referrers, paths, weights."""
