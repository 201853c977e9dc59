"""The commands that this Django app adds to `manage.py`."""
