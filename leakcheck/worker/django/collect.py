"""Collect the requests of a Django project to replay, and those to skip with the reason."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import PassRequest
from leakcheck.scenario import Target
from leakcheck.worker.django.login import login_page, session_cookie
from leakcheck.worker.django.setup import django_project, make_handler, site_scheme
from leakcheck.worker.django.urls import Samples, all_urls, view_name
from leakcheck.worker.web.options import DjangoRequestSettings, read_request_settings
from leakcheck.worker.web.request import Response, build_request, status_text
from leakcheck.worker.web.wsgi import prepare

_LONGEST_TRIAL_SECONDS = 10
_LONGEST_MIGRATIONS_SECONDS = 600
"""Hundreds of migrations take minutes; they run once in a run."""

_ALL = "*"
_NOT_ALLOWED = 405
_METHODS_OF_VIEWS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NEEDS_LOGIN = "requires a login: pass --user NAME or --superuser"
_NEEDS_OTHER_LOGIN = "requires another user: pass a different --user, or --superuser"


class _TrialTimeout(BaseException):
    """The view did not respond in time. No `Exception`, which a view might catch."""


def collect_project(
    target: Target, pass_request: PassRequest, report_progress: Callable[[str, float], None]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the requests to replay (`request`, `view`) and those to skip (`request`, `reason`).

    `report_progress` is called with what is being done and how many seconds that may take beyond the timeout of a step.
    Raises UsageError for a request whose path no URL pattern matches.
    """
    assert target.name is not None
    settings: DjangoRequestSettings = read_request_settings(pass_request.options, DjangoRequestSettings)
    collected: list[dict[str, str]] = []
    skipped: list[dict[str, str]] = []
    report_progress("making the test database", _LONGEST_MIGRATIONS_SECONDS)
    with django_project(target.name, settings, pass_request.shared_folder):
        cookies = session_cookie(settings)
        for request_text in target.requests:
            method, _, address = request_text.partition(":")
            if address == _ALL:
                _collect_all_urls(method, settings, cookies, collected, skipped, report_progress)
            else:
                request = build_request(request_text, settings)
                # with --expect 404 the path need not match any pattern
                view = "" if settings.expect == 404 else view_name(request.path)
                collected.append({"request": request_text, "view": view})
    return collected, skipped


def _collect_all_urls(
    method: str,
    settings: DjangoRequestSettings,
    cookies: str,
    collected: list[dict[str, str]],
    skipped: list[dict[str, str]],
    report_progress: Callable[[str, float], None],
) -> None:
    """Request every URL once, and skip those that have no page for this user; those that fail are not skipped."""
    application, methods = make_handler(""), [method, "POST"] if settings.unsafe else [method]
    for url in all_urls(_argument_samples(settings)):
        reason = url.reason_to_skip
        if reason is not None and not (settings.unsafe and not url.takes_argument):
            skipped.append({"request": f"{method} {url.path}", "reason": reason})
            continue
        for verb in methods:
            request_text = f"{verb}:{url.path}"
            report_progress(f"the first look at {verb} {url.path}", _LONGEST_TRIAL_SECONDS)
            reason = _reason_to_skip(application, request_text, settings, cookies)
            if reason is None:
                collected.append({"request": request_text, "view": url.view})
            else:
                skipped.append({"request": f"{verb} {url.path}", "reason": reason})


def _reason_to_skip(application: Any, request_text: str, settings: DjangoRequestSettings, cookies: str) -> str | None:
    request = build_request(request_text, settings, cookies=cookies, scheme=site_scheme())
    try:
        with _alarm(_LONGEST_TRIAL_SECONDS):
            response = prepare(application, request)()
    except _TrialTimeout:
        return f"did not answer within {_LONGEST_TRIAL_SECONDS} s"
    except Exception:
        return None  # it is replayed, and its failure reported with a traceback
    if response.status == settings.expect:
        return None
    if response.status == _NOT_ALLOWED and (allowed := _allowed_methods(response)):
        return f"does not accept {request.method}, only {', '.join(allowed)}: name it, as in {allowed[0]}:/path/"
    if 400 <= response.status < 500:
        return f"answers {status_text(response).partition(' (')[0]}"
    if login_page(settings).is_target_of(request, response):
        return _NEEDS_OTHER_LOGIN if cookies else _NEEDS_LOGIN
    return None


def _argument_samples(settings: DjangoRequestSettings) -> Samples:
    """Return the sample arguments among the options. Raises UsageError if they are not a JSON object."""
    try:
        samples = json.loads(settings.arguments or "{}")
    except ValueError:
        samples = None
    if not isinstance(samples, dict):
        raise UsageError(f'-o arguments={settings.arguments}: write a JSON object, such as {{"pk": 1}}')
    return samples


def _allowed_methods(response: Response) -> list[str]:
    """Return the methods of the Allow header, without HEAD and OPTIONS, which every view answers."""
    methods = [method.strip().upper() for method in (response.header("allow") or "").split(",")]
    return [method for method in methods if method in _METHODS_OF_VIEWS]


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def raise_timeout(number: int, frame: FrameType | None) -> None:
        raise _TrialTimeout

    previous = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
