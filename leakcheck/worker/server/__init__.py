"""The limit pass: a gunicorn server whose workers run under a memory limit."""
