"""Requests of a web application, replayed in the process as a server makes them, without a server."""
