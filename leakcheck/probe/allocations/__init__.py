"""The sites pass: which stacks allocated what a window of calls leaves behind, told by one tracer at a time."""
