"""Django's commands for the newsletter: `python -m scenarios.newsletter.manage seed_subscribers --rows 100000`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scenarios.newsletter.settings")
    execute_from_command_line(sys.argv)
