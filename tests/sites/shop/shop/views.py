"""Views as people write them, some with the mistakes that people make."""

import itertools
import json
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from shop.models import Order, Product

VISITS: list[bytes] = []
PAGES: list[object] = []
STREAMS: list[bytes] = []
NUMBERS = itertools.count()


def home(request: HttpRequest) -> HttpResponse:
    names = Product.objects.values_list("name", flat=True)[:20]
    return HttpResponse("<br>".join(names))


def count_visit(request: HttpRequest) -> HttpResponse:
    """Leaks: the list keeps a thousand bytes of every visit."""
    VISITS.append(bytes(1000))
    return HttpResponse(str(len(VISITS)))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Leaks where a server does not close it: only then does the stream give back what it holds."""

    def lines() -> Iterator[bytes]:
        STREAMS.append(bytes(1000))
        try:
            for number in range(20):
                yield b"%d\n" % number
        finally:
            STREAMS.pop()

    return StreamingHttpResponse(lines())


async def wait(request: HttpRequest) -> HttpResponse:
    first = await Product.objects.afirst()
    return HttpResponse(str(first))


def moved(request: HttpRequest) -> HttpResponse:
    return redirect("/")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<title>{request.user.get_username()}</title>")


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Take an order; the middleware asks for a CSRF token."""
    fields = json.loads(request.body) if request.content_type == "application/json" else request.POST
    Order.objects.create(product=Product.objects.get(name=fields["product"]), amount=int(fields["amount"]))
    return JsonResponse({"orders": Order.objects.count()}, status=201)


def catalogue(request: HttpRequest) -> HttpResponse:
    """The naive way: all rows of the table in memory at once."""
    products = Product.objects.all()
    return HttpResponse(str(sum(len(product.description) for product in products)))


def catalogue_in_chunks(request: HttpRequest) -> HttpResponse:
    products = Product.objects.all().iterator(chunk_size=100)
    return HttpResponse(str(sum(len(product.description) for product in products)))


def catalogue_with_orders(request: HttpRequest) -> HttpResponse:
    """All rows, and all orders of each of them."""
    products = Product.objects.prefetch_related("orders")
    return HttpResponse(str([len(product.orders.all()) for product in products]))


def cached(request: HttpRequest) -> HttpResponse:
    """Cache under a key that is always new."""
    cache.set(f"page-{next(NUMBERS)}", bytes(1000))
    return HttpResponse("cached")


def remember(request: HttpRequest) -> HttpResponse:
    """Leaks: the list keeps a queryset, which keeps its rows."""
    products = Product.objects.all()[:20]
    PAGES.append(products)
    return HttpResponse(str(len(products)))


def product(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(Product.objects.get(pk=number)))


def tell(request: HttpRequest) -> HttpResponse:
    send_mail("News", "There is tea.", "shop@example.com", ["ada@example.com"])
    return HttpResponse("told")


def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return redirect("/")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the shelf fell down")


def tired(request: HttpRequest) -> HttpResponse:
    """Answers twice, and then no more."""
    VISITS.append(b"")
    if len(VISITS) > 2:
        return JsonResponse({"detail": "slow down"}, status=429)
    return HttpResponse("yes")
