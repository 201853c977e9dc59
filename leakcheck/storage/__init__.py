"""Files: run document, baseline, captures, history, durations, git. What is read may come from a stranger."""
