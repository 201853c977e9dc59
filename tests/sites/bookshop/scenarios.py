"""What is gated: one call is one request for the shelf."""

import os
from collections.abc import Callable, Iterator

from leakcheck import scenario


@scenario(growth="4 KiB / 1000 calls", peak="5 MiB")
def shelf() -> Iterator[Callable[[], object]]:
    """Ask for the shelf, with a hundred books on it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bookshop.settings"
    import django

    django.setup()
    from bookshop.models import Book
    from bookshop.views import shelf as view
    from django.db import connection
    from django.test import RequestFactory

    with connection.schema_editor() as editor:
        editor.create_model(Book)
    Book.objects.bulk_create(Book(title=f"Volume {number}") for number in range(100))
    requests = RequestFactory()
    yield lambda: view(requests.get("/shelf/"))
