"""The requests of a target as scenarios: collect them, and make what replays one."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import fields
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import DJANGO, Target
from leakcheck.worker.web.application import find_application
from leakcheck.worker.web.client import make_call
from leakcheck.worker.web.login_redirects import generic_login_page
from leakcheck.worker.web.options import WSGI, DjangoRequestSettings, RequestSettings, read_request_settings
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


def make_replay(target: Target, pass_request: PassRequest) -> Callable[[], Any]:
    """Return a generator function that sets the application up and yields what makes the target's one request."""
    (request_text,) = target.requests
    assert target.module is not None
    assert target.name is not None
    if target.module == DJANGO:
        from leakcheck.worker.django.replay import make_project_replay

        return make_project_replay(target.name, request_text, pass_request)
    settings: RequestSettings = read_request_settings(pass_request.options, RequestSettings)
    request, login_page = build_request(request_text, settings), generic_login_page(settings)
    # not in an event loop: a module may refuse to be imported in one
    application, protocol = find_application(target.module, target.name, settings.protocol)

    def over_wsgi() -> Iterator[Callable[[], Any]]:
        yield make_call(application, protocol, request, login_page, follow=settings.follow)

    async def over_asgi() -> AsyncIterator[Callable[[], Any]]:
        from leakcheck.worker.web.asgi import lifespan

        async with lifespan(application) as state:
            yield make_call(application, protocol, request, login_page, follow=settings.follow, state=state)

    return over_wsgi if protocol == WSGI else over_asgi
