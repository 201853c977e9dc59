"""Files: run.json, the baseline, captures, history, durations, git. All of them are read as a stranger's."""
