"""Collect the requests of a target to replay: each is a scenario."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import DJANGO, Target
from leakcheck.worker.web.application import find_application
from leakcheck.worker.web.options import DjangoRequestSettings, RequestSettings, read_request_settings
from leakcheck.worker.web.request import build_request


def collect_requests(
    target: Target, pass_request: PassRequest, report_progress: Callable[[str, float], None]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the fields of a `ScenarioInfo` for each request, and the requests that are skipped."""
    site = f"{target.module}:{target.name}"
    if target.module == DJANGO:
        from leakcheck.worker.django.collect import collect_project

        collected, skipped = collect_project(target, pass_request, report_progress)
        return [_row(site, entry["request"], DjangoRequestSettings, entry["view"]) for entry in collected], skipped
    settings: RequestSettings = read_request_settings(pass_request.options, RequestSettings)
    assert target.module is not None
    assert target.name is not None
    find_application(target.module, target.name, settings.protocol)
    for request in target.requests:
        build_request(request, settings)
    return [_row(site, request, RequestSettings) for request in target.requests], []


def _row(site: str, request: str, settings_class: type[RequestSettings], view: str = "") -> dict[str, Any]:
    return {
        "target": f"{site} {request}",
        "name": request.replace(":", " ", 1),
        "description": view,
        "option_names": [field.name for field in fields(settings_class)],
    }
