"""The pages."""

from django.http import HttpRequest, HttpResponse

from bookshop.models import Book


def shelf(request: HttpRequest) -> HttpResponse:
    """List the titles."""
    books = Book.objects.order_by("title")
    return HttpResponse("\n".join(book.title for book in books))
