"""Check the responses of this process and count them by status, with the first redirect target of each.

Nothing is allocated per call: the counters exist before the first one, and one address is kept for each status.
"""

from array import array

from leakcheck.model.errors import WrongAnswer
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.request import Request, Response, check_status, status_text

_STATUSES = 1000
_LONGEST_ADDRESS = 300

_counts = array("q", bytes(8 * _STATUSES))
_first_targets: dict[int, str] = {}
_varied = bytearray(_STATUSES)
"""1 for a status whose later responses redirected to other addresses than the first."""


class ResponseChecker:
    """Counts and checks the responses to one request."""

    def __init__(self, request: Request, login: LoginPage) -> None:
        self._request = request
        self._login = login
        self._accepted_target: str | None = None
        """The last redirect target that is no login page: most requests are always redirected to the same one."""

    def check_final(self, response: Response, last_request: Request) -> None:
        """Count the response to the last request: the one that was made, or the one that its redirects led to.

        Raises WrongAnswer if the status is not the expected one, or if it redirects to a login page.
        """
        status = response.status if 0 <= response.status < _STATUSES else 0
        _counts[status] += 1
        target = response.redirect_target or (None if last_request is self._request else last_request.address)
        if target is not None and status not in _first_targets:
            _first_targets[status] = target[:_LONGEST_ADDRESS]
        elif target is not None and not target.startswith(_first_targets[status]):
            _varied[status] = 1
        if response.status != self._request.expect:
            self._refuse_login(last_request, response)
        check_status(self._request, response, self._login.advice_for(response))

    def check_redirect(self, request: Request, response: Response) -> None:
        """Check a redirect that is about to be followed. Raises WrongAnswer if it leads to a login page."""
        self._refuse_login(request, response, on_the_way=True)

    def _refuse_login(self, request: Request, response: Response, *, on_the_way: bool = False) -> None:
        target = response.redirect_target
        if target is None or target == self._accepted_target:
            return
        if not self._login.is_target_of(request, response):
            self._accepted_target = target
            return
        remedy = f"say --expect {response.status}{' and leave out --follow' if on_the_way else ''}"
        raise WrongAnswer(
            f"it answered {status_text(response)}, which leads to a login page ({target[:_LONGEST_ADDRESS]}), "
            f"so the page itself was not measured; {self._login.remedy}; if the redirect is meant, {remedy}",
            response.status,
        )


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
