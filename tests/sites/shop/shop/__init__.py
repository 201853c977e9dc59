"""A small Django project, as leakcheck's users have one: it knows nothing of leakcheck.

The tests copy it to a folder of their own and run the real command there.
"""
