"""Say which requests of a Django project are to be replayed, and which are left out, and why."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import Target
from leakcheck.worker.django.login import cookies_of, login_of
from leakcheck.worker.django.setup import handler, opened, scheme
from leakcheck.worker.django.urls import Samples, all_urls, view_of
from leakcheck.worker.web.options import DjangoRequestSettings, manner_of
from leakcheck.worker.web.request import Response, environ_of, exchange_of, status_words
from leakcheck.worker.web.wsgi import ask

_LONGEST_TRIAL_SECONDS = 10
_LONGEST_MIGRATIONS_SECONDS = 600
"""Hundreds of migrations take minutes, once in a run, and nobody can make them shorter."""

_ALL = "*"
_NOT_ALLOWED = 405
_METHODS_OF_VIEWS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LOGS_IN = "asks to log in: say --user NAME or --superuser"
_LOGS_IN_AS_ANOTHER = "asks to log in as somebody else: say another --user, or --superuser"


class _TooLong(BaseException):
    """The view did not answer in time."""


def describe_project(
    target: Target, plan: PassRequest, say: Callable[[str, float], None]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return what is to be replayed (`request`, `view`) and what is left out (`request`, `reason`).

    `say` is told what is being done, and how many seconds that may take beyond one step's timeout.
    Raises UsageError for a request that leads nowhere.
    """
    assert target.name is not None
    manner: DjangoRequestSettings = manner_of(plan.options, DjangoRequestSettings)
    found: list[dict[str, str]] = []
    left_out: list[dict[str, str]] = []
    say("making the test database", _LONGEST_MIGRATIONS_SECONDS)
    with opened(target.name, manner, plan.shared_folder):
        cookies = cookies_of(manner)
        for request in target.requests:
            method, _, address = request.partition(":")
            if address == _ALL:
                _look_at_all(method, manner, cookies, found, left_out, say)
            else:
                exchange = exchange_of(request, manner)
                # whoever expects it to lead nowhere may ask for what leads nowhere
                view = "" if manner.expect == 404 else view_of(exchange.path)
                found.append({"request": request, "view": view})
    return found, left_out


def _look_at_all(
    method: str,
    manner: DjangoRequestSettings,
    cookies: str,
    found: list[dict[str, str]],
    left_out: list[dict[str, str]],
    say: Callable[[str, float], None],
) -> None:
    """Ask every URL once: what has no page for this visitor is left out, and what fails is not."""
    application, methods = handler(""), [method, "POST"] if manner.unsafe else [method]
    for url in all_urls(_samples_of(manner)):
        reason = url.reason_to_leave_out
        if reason is not None and not (manner.unsafe and not url.takes_argument):
            left_out.append({"request": f"{method} {url.path}", "reason": reason})
            continue
        for asked in methods:
            request = f"{asked}:{url.path}"
            say(f"the first look at {asked} {url.path}", _LONGEST_TRIAL_SECONDS)
            reason = _trial(application, request, manner, cookies)
            if reason is None:
                found.append({"request": request, "view": url.view})
            else:
                left_out.append({"request": f"{asked} {url.path}", "reason": reason})


def _trial(application: Any, request: str, manner: DjangoRequestSettings, cookies: str) -> str | None:
    exchange = exchange_of(request, manner, cookies=cookies, scheme=scheme())
    try:
        with _alarm(_LONGEST_TRIAL_SECONDS):
            answer = ask(application, environ_of(exchange), exchange.body)
    except _TooLong:
        return f"gave no answer within {_LONGEST_TRIAL_SECONDS} s"
    except Exception:
        return None  # it is replayed, and its failure told with its traceback
    if answer.status == manner.expect:
        return None
    if answer.status == _NOT_ALLOWED and (allowed := _methods_of(answer)):
        return f"takes no {exchange.method}, only {', '.join(allowed)}: name it, as in {allowed[0]}:/path/"
    if 400 <= answer.status < 500:
        return f"answers {status_words(answer).partition(' (')[0]}"
    if login_of(manner).is_wanted_by(exchange, answer):
        return _LOGS_IN_AS_ANOTHER if cookies else _LOGS_IN
    return None


def _samples_of(manner: DjangoRequestSettings) -> Samples:
    """Return the samples of arguments that the options say. Raises UsageError for what is no JSON object."""
    try:
        said = json.loads(manner.arguments or "{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise UsageError(f'-o arguments={manner.arguments}: write a JSON object, such as {{"pk": 1}}')
    return said


def _methods_of(answer: Response) -> list[str]:
    """Return what a view says that it takes, but for what every view answers by itself."""
    said = [method.strip().upper() for method in (answer.header("allow") or "").split(",")]
    return [method for method in said if method in _METHODS_OF_VIEWS]


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
