"""Who gets the newsletter."""

from django.db import models


class Subscriber(models.Model):
    """A reader."""

    email: "models.EmailField[str, str]" = models.EmailField()

    def __str__(self) -> str:
        return self.email
