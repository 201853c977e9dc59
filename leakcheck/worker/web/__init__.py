"""Requests to a web application, replayed in the measured process as a server would make them, without a server."""
