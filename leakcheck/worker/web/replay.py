"""Make a scenario of a request: a generator that opens the application and yields what asks once."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import DJANGO, Target
from leakcheck.worker.web.application import find_application
from leakcheck.worker.web.login_redirects import login_by_header
from leakcheck.worker.web.options import WSGI, RequestSettings, manner_of
from leakcheck.worker.web.request import exchange_of


def replay_of(target: Target, plan: PassRequest) -> Callable[[], Any]:
    """Return the generator function that replays a target's one request."""
    (request,) = target.requests
    assert target.module is not None
    assert target.name is not None
    if target.module == DJANGO:
        from leakcheck.worker.django.replay import replay_of_project

        return replay_of_project(target.name, request, plan)
    manner: RequestSettings = manner_of(plan.options, RequestSettings)
    exchange, login = exchange_of(request, manner), login_by_header(manner)
    # outside of any event loop: what a module does while it is imported may want none
    application, protocol = find_application(target.module, target.name, manner.protocol)

    def over_wsgi() -> Iterator[Callable[[], object]]:
        from leakcheck.worker.web import wsgi

        yield wsgi.visit(application, exchange, login, follow=manner.follow)

    async def over_asgi() -> AsyncIterator[Callable[[], object]]:
        from leakcheck.worker.web import asgi

        async with asgi.lifespan(application) as state:
            yield asgi.visit(application, exchange, login, follow=manner.follow, state=state)

    return over_wsgi if protocol == WSGI else over_asgi
