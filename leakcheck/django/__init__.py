"""The Django app: with `leakcheck.django` in INSTALLED_APPS, `python manage.py leakcheck` is `leakcheck django`."""
