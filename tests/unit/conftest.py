"""Hypothesis, the same on every machine: a test that failed here fails there."""

from hypothesis import settings

settings.register_profile("leakcheck", deadline=None, derandomize=True, database=None)
settings.load_profile("leakcheck")
