"""The limit pass in the measured process: a real server whose workers have a memory limit."""
