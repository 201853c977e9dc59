"""Inspect memory from inside a process, with the standard library only, and memray for tracing."""
