"""A user's own Django project in the measured process: opened, given databases of its own, and asked.

Django is imported within functions alone: it is the user's, and where it is not installed all else still loads.
"""
