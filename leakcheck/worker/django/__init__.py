"""Requests to a Django project, replayed on test databases of the measured process.

Django is imported inside functions only: it is the user's, and these modules must load without it.
"""
