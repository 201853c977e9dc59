"""The app's name and label."""

from django.apps import AppConfig


class LeakcheckConfig(AppConfig):
    """An app without models: it is there for its command."""

    name = "leakcheck.django"
    label = "leakcheck"
    verbose_name = "leakcheck"
