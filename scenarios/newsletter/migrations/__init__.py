"""The tables of the newsletter, as `manage.py migrate` makes them."""
