"""What can be measured here: checks, findings, their report."""
