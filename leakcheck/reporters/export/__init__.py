"""Runs in the formats of other tools: speedscope, collapsed stacks, memray's HTML, CSV."""
