"""Files: run document, baseline, captures, history, durations, git. Everything that is read is untrusted."""
