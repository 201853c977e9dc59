"""Say which requests of a site are to be replayed: each is a scenario."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import DJANGO, Target
from leakcheck.worker.web.application import find_application
from leakcheck.worker.web.options import DjangoRequestSettings, RequestSettings, manner_of
from leakcheck.worker.web.request import exchange_of


def describe_site(
    target: Target, plan: PassRequest, say: Callable[[str, float], None]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the fields of a `model.Description` for each request, and the requests that are left out."""
    site = f"{target.module}:{target.name}"
    if target.module == DJANGO:
        from leakcheck.worker.django.collect import describe_project

        found, left_out = describe_project(target, plan, say)
        return [_row(site, one["request"], DjangoRequestSettings, one["view"]) for one in found], left_out
    manner: RequestSettings = manner_of(plan.options, RequestSettings)
    assert target.module is not None
    assert target.name is not None
    find_application(target.module, target.name, manner.protocol)
    for request in target.requests:
        exchange_of(request, manner)
    return [_row(site, request, RequestSettings) for request in target.requests], []


def _row(site: str, request: str, manner: type[RequestSettings], view: str = "") -> dict[str, Any]:
    return {
        "target": f"{site} {request}",
        "name": request.replace(":", " ", 1),
        "lesson": view,
        "option_names": [one.name for one in fields(manner)],
    }
