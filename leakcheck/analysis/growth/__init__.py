"""The growth of memory and other resources: shape, rate with bounds, and when to stop replaying."""
