"""Make a scenario from a request: a generator that sets the application up and yields what makes the request once."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import DJANGO, Target
from leakcheck.worker.web.application import find_application
from leakcheck.worker.web.login_redirects import generic_login_page
from leakcheck.worker.web.options import WSGI, RequestSettings, read_request_settings
from leakcheck.worker.web.request import build_request


def make_replay(target: Target, pass_request: PassRequest) -> Callable[[], Any]:
    """Return a generator function that replays the target's one request."""
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

    def over_wsgi() -> Iterator[Callable[[], object]]:
        from leakcheck.worker.web import wsgi

        yield wsgi.make_call(application, request, login_page, follow=settings.follow)

    async def over_asgi() -> AsyncIterator[Callable[[], object]]:
        from leakcheck.worker.web import asgi

        async with asgi.lifespan(application) as state:
            yield asgi.make_call(application, request, login_page, follow=settings.follow, state=state)

    return over_wsgi if protocol == WSGI else over_asgi
