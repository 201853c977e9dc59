"""The pages of the site."""

import json

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from mysite.models import Subscriber


def home(request: HttpRequest) -> HttpResponse:
    """Say hello."""
    return HttpResponse("hello")


def newsletter(request: HttpRequest) -> HttpResponse:
    """Say who gets it."""
    return HttpResponse("\n".join(Subscriber.objects.values_list("email", flat=True)))


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Write to every subscriber, in the naive way or by iterator()."""
    subscribers = Subscriber.objects.all()
    naive = json.loads(request.body)["strategy"] == "naive"
    return JsonResponse({"sent": sum(1 for _ in (subscribers if naive else subscribers.iterator()))})


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Say who asks."""
    return HttpResponse(request.user.get_username())
