"""Scenarios to try leakcheck on: the newsletter, a small Django project, and a gallery of classic leaks."""
