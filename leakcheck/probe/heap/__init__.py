"""Look at objects without running their code: containers, lengths, limits, referrers, paths, weights."""
