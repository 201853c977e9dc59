"""What looks at memory from inside a process: the standard library alone, and memray where it traces."""
