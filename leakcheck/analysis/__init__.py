"""The analysis of measured data: pure functions that read no files, start no processes and print nothing."""
