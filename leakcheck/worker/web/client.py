"""Make a request as a client does: send it, follow its redirects, and check and count the responses.

How an application is sent one request is its protocol's; all else is done here. Nothing is allocated per call: the
counters exist before the first one, and one address is kept for each status.
"""

from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

from leakcheck.model.errors import ScenarioFailed, WrongAnswer
from leakcheck.worker.web import wsgi
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.options import ASGI
from leakcheck.worker.web.request import Request, Response, check_status, next_hop, status_text

_MOST_HOPS = 20
_STATUSES = 1000
_LONGEST_ADDRESS = 300

_counts = array("q", bytes(8 * _STATUSES))
_first_targets: dict[int, str] = {}
_varied = bytearray(_STATUSES)
"""1 for a status whose later responses redirected to other addresses than the first."""


class Exchange:
    """A request with its redirects: says what to send next, and checks and counts the responses."""

    def __init__(self, request: Request, login: LoginPage, *, follow: bool) -> None:
        self._request = request
        self._login = login
        self._follow = follow
        self._accepted_target: str | None = None
        """The last redirect target that is no login page: most requests are always redirected to the same one."""

    def next_request(self, sent: Request, response: Response) -> Request | None:
        """Return the request that the response to the last one leads to; None if it was the final response.

        Raises WrongAnswer if the final status is not the expected one, or for a redirect to a login page, and
        ScenarioFailed for too many redirects.
        """
        hop = next_hop(sent, response) if self._follow else None
        if hop is None:
            self._check_final(sent, response)
            return None
        self._refuse_login(sent, response, on_the_way=True)
        if hop.hops > _MOST_HOPS:
            raise ScenarioFailed(f"it was redirected more than {_MOST_HOPS} times, at last to {hop}")
        return hop

    def _check_final(self, sent: Request, response: Response) -> None:
        status = response.status if 0 <= response.status < _STATUSES else 0
        _counts[status] += 1
        target = response.redirect_target or (sent.address if sent.hops else None)
        if target is not None and status not in _first_targets:
            _first_targets[status] = target[:_LONGEST_ADDRESS]
        elif target is not None and not target.startswith(_first_targets[status]):
            _varied[status] = 1
        if response.status != self._request.expect:
            self._refuse_login(sent, response)
        check_status(self._request, response, self._login.advice_for(response))

    def _refuse_login(self, sent: Request, response: Response, *, on_the_way: bool = False) -> None:
        target = response.redirect_target
        if target is None or target == self._accepted_target:
            return
        if not self._login.is_target_of(sent, response):
            self._accepted_target = target
            return
        remedy = f"pass --expect {response.status}{' and leave out --follow' if on_the_way else ''}"
        raise WrongAnswer(
            f"it answered {status_text(response)}, which leads to a login page ({target[:_LONGEST_ADDRESS]}), "
            f"so the page itself was not measured; {self._login.remedy}; if the redirect is meant, {remedy}",
            response.status,
        )


def make_call(
    application: Any,
    protocol: str,
    request: Request,
    login_page: LoginPage,
    *,
    follow: bool,
    state: dict[str, Any] | None = None,
) -> Callable[[], Any]:
    """Return a function that makes the request once and returns the response: a coroutine function for ASGI.

    It raises ScenarioFailed for a wrong response. `state` is what an ASGI application's start-up left for its requests.
    """
    prepare: Any  # what it returns is awaited with ASGI alone
    if protocol == ASGI:
        from leakcheck.worker.web import asgi  # asyncio takes 4 MiB, which only an async scenario should have

        prepare = partial(asgi.prepare, application, state=state)
    else:
        prepare = partial(wsgi.prepare, application)
    exchange, send = Exchange(request, login_page, follow=follow), prepare(request)

    def call() -> Any:
        sent, response = request, send()
        while (hop := exchange.next_request(sent, response)) is not None:
            sent, response = hop, prepare(hop)()
        return response

    async def call_async() -> Any:
        sent, response = request, await send()
        while (hop := exchange.next_request(sent, response)) is not None:
            sent, response = hop, await prepare(hop)()
        return response

    return call_async if protocol == ASGI else call


def counts_by_status() -> list[dict[str, object]]:
    """Return the fields of a `StatusCount` for each status, the most frequent one first."""
    statuses = sorted((status for status in range(_STATUSES) if _counts[status]), key=lambda status: -_counts[status])
    return [
        {
            "status": status,
            "count": _counts[status],
            "leads_to": _first_targets.get(status),
            "varies": bool(_varied[status]),
        }
        for status in statuses
    ]
