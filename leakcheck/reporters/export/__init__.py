"""Runs in the formats of other tools: speedscope, collapsed stacks, and tables for spreadsheets."""
