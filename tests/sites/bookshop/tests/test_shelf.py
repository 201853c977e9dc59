"""The same gate, as a test."""

import pytest
from bookshop.models import Book
from bookshop.views import shelf
from django.test import RequestFactory, TestCase


@pytest.mark.leakcheck(growth="4 KiB / 1000 calls")
class ShelfTest(TestCase):
    """The shelf's page."""

    def test_the_shelf_lists_its_books(self) -> None:
        """List what is there."""
        Book.objects.get_or_create(title="Emma")
        assert b"Emma" in shelf(RequestFactory().get("/shelf/")).content
