"""The thinking: pure functions over facts. Nothing here reads a file, starts a process or prints."""
