"""A newsletter that goes out to every subscriber, sent the ways that people send it: the scenario of the story."""
