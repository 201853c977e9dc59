"""The allocation pass: which stacks allocated what a window of calls leaves behind, as seen by one tracer at a time."""
