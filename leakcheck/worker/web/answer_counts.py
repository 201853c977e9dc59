"""What the requests of this process were answered with: how often each status, and where the first of each led.

Nothing is allocated per call: the counters are there before the first one, and one address is kept for each status.
"""

from array import array

from leakcheck.model.errors import WrongAnswer
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.request import Request, Response, check, status_words

_STATUSES = 1000
_LONGEST_ADDRESS = 300

_counts = array("q", bytes(8 * _STATUSES))
_led_to: dict[int, str] = {}
_varied = bytearray(_STATUSES)
"""1 for a status whose later answers led to other addresses than the first."""


class AnswerJudge:
    """Counts and judges the answers to one request."""

    def __init__(self, exchange: Request, login: LoginPage) -> None:
        self._exchange = exchange
        self._login = login
        self._fine: str | None = None
        """The last address that was led to and is no login page: most requests lead to one and the same."""

    def take(self, answer: Response, last: Request) -> None:
        """Count an answer to what was asked last: the request itself, or the one that redirects ended at.

        Raises WrongAnswer for one that is not what was expected, or that only sends to a login page.
        """
        status = answer.status if 0 <= answer.status < _STATUSES else 0
        _counts[status] += 1
        there = answer.leads_to or (None if last is self._exchange else last.address)
        if there is not None and status not in _led_to:
            _led_to[status] = there[:_LONGEST_ADDRESS]
        elif there is not None and not there.startswith(_led_to[status]):
            _varied[status] = 1
        if answer.status != self._exchange.expect:
            self._refuse_login(last, answer)
        check(self._exchange, answer, self._login.advice_for(answer))

    def pass_by(self, exchange: Request, answer: Response) -> None:
        """Judge an answer on the way of redirects that are followed. Raises WrongAnswer for a login page's."""
        self._refuse_login(exchange, answer, on_the_way=True)

    def _refuse_login(self, exchange: Request, answer: Response, *, on_the_way: bool = False) -> None:
        there = answer.leads_to
        if there is None or there == self._fine:
            return
        if not self._login.is_wanted_by(exchange, answer):
            self._fine = there
            return
        meant = f"say --expect {answer.status}{' and leave out --follow' if on_the_way else ''}"
        raise WrongAnswer(
            f"it answered {status_words(answer)}, which leads to a login page ({there[:_LONGEST_ADDRESS]}), "
            f"so the page itself was not measured; {self._login.remedy}; if the redirect is meant, {meant}",
            answer.status,
        )


def told() -> list[dict[str, object]]:
    """Return the fields of a `model.Answered` for each status, the one that came most often first."""
    seen = sorted((status for status in range(_STATUSES) if _counts[status]), key=lambda status: -_counts[status])
    return [
        {"status": one, "count": _counts[one], "leads_to": _led_to.get(one), "varies": bool(_varied[one])}
        for one in seen
    ]
