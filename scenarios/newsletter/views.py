"""The view that sends the newsletter, with the ways to get at the subscribers that people have shipped."""

import logging
from collections.abc import Callable, Iterator, Mapping

from django.core.signals import request_finished
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.views.decorators.http import require_POST

from scenarios.newsletter.mail import deliver
from scenarios.newsletter.models import Subscriber

logger = logging.getLogger(__name__)

PAGE_SIZE = 1000
SENT: list[QuerySet[Subscriber]] = []


def naive() -> int:
    """The queryset caches its rows: all of them are in memory before the first mail goes out."""
    return deliver((subscriber.email, subscriber.first_name) for subscriber in Subscriber.objects.all())


def iterator() -> int:
    """The same objects, but no more than 2000 at a time."""
    return deliver((subscriber.email, subscriber.first_name) for subscriber in Subscriber.objects.all().iterator())


def values() -> int:
    """Only the two columns that a mail needs, and no model instances."""
    return deliver(Subscriber.objects.values_list("email", "first_name").iterator())


def keyset() -> int:
    """A query for each page, from where the last one ended: flat on every database."""
    return deliver((subscriber.email, subscriber.first_name) for page in _pages() for subscriber in page)


def _pages() -> Iterator[list[Subscriber]]:
    last = 0
    while page := list(Subscriber.objects.filter(pk__gt=last).order_by("pk")[:PAGE_SIZE]):
        yield page
        last = page[-1].pk


def retained() -> int:
    """Leaks: the list keeps every queryset, and each queryset keeps its rows."""
    subscribers = Subscriber.objects.all()
    SENT.append(subscribers)
    return deliver((subscriber.email, subscriber.first_name) for subscriber in subscribers)


def signal() -> int:
    """Leaks: a receiver is connected at every send, never disconnected, and holds the queryset."""
    subscribers = Subscriber.objects.all()

    def log_sent(**_: object) -> None:
        logger.info("the newsletter went to %d subscribers", len(subscribers))

    request_finished.connect(log_sent, weak=False)
    return deliver((subscriber.email, subscriber.first_name) for subscriber in subscribers)


STRATEGIES: Mapping[str, Callable[[], int]] = {
    "naive": naive,
    "iterator": iterator,
    "values": values,
    "keyset": keyset,
    "retained": retained,
    "signal": signal,
}


@require_POST
def send_newsletter(request: HttpRequest) -> HttpResponse:
    """Send the newsletter to every subscriber, with the strategy that the form names; answer how many they were."""
    strategy = STRATEGIES.get(request.POST.get("strategy", "iterator"))
    if strategy is None:
        return HttpResponseBadRequest(f"strategy is one of {', '.join(STRATEGIES)}")
    return JsonResponse({"sent": strategy()})
