"""Who the newsletter goes to."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Subscriber(models.Model):
    """One subscriber: the address and 205 bytes of text, most of it in `profile`, which no mail needs."""

    # types in quotes: Django's fields are generic in their stubs alone
    email: "models.EmailField[str, str]" = models.EmailField(unique=True)
    first_name: "models.CharField[str, str]" = models.CharField(max_length=40)
    last_name: "models.CharField[str, str]" = models.CharField(max_length=40)
    profile: "models.TextField[str, str]" = models.TextField()

    class Meta:
        """On a server each number of rows has a table of its own, so the table's name is a setting."""

        db_table: ClassVar[str] = settings.NEWSLETTER_TABLE

    def __str__(self) -> str:
        """Return the address."""
        return self.email
