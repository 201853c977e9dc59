"""The responses to a scenario's requests: statuses for a table cell, and sentences."""

from collections.abc import Iterator
from http import HTTPStatus

from leakcheck.model.answers import StatusCount
from leakcheck.model.plain_text import escape_control, shorten
from leakcheck.model.result import Result

_LONGEST_ADDRESS = 200


def statuses(result: Result) -> str:
    """Return the statuses, the most frequent first (`200, 302`); "-" for a scenario without requests."""
    return ", ".join(str(answer.status) for answer in result.response_statuses) or "-"


def status_counts(result: Result) -> str:
    """Return each status with its count (`200 ×1,600, 302 ×3`); "" for a scenario without requests."""
    return ", ".join(f"{answer.status} ×{answer.count:,}" for answer in result.response_statuses)


def status_sentences(result: Result) -> Iterator[str]:
    """Yield the single status of all responses, unless there is more to say of it."""
    if len(result.response_statuses) == 1 and not list(response_sentences(result)):
        [answer] = result.response_statuses
        yield f"answered {_status_text(answer)} to {_calls(answer)}."


def response_sentences(result: Result) -> Iterator[str]:
    """Yield where redirects lead, and that statuses differed; nothing for plain pages."""
    if len(result.response_statuses) > 1:
        yield f"its responses differed: {status_counts(result)}."
    for answer in result.response_statuses:
        if result.failure is not None and answer.count == 1:
            continue  # the failure's own message says it
        if answer.leads_to is not None or answer.is_redirect:
            yield _redirect_text(answer, result)


def password_sentences(result: Result) -> Iterator[str]:
    """Yield how passwords were hashed, if not as in the project."""
    if result.django is not None and result.django.fast_passwords:
        yield (
            "passwords were hashed by Django's MD5PasswordHasher, which Django recommends for tests; "
            "pass --hashers to use the project's."
        )


def _redirect_text(answer: StatusCount, result: Result) -> str:
    answered = f"answered {_status_text(answer)} to {_calls(answer)}"
    if answer.leads_to is None:
        return f"{answered}, without saying where that leads."
    address = shorten(escape_control(answer.leads_to), _LONGEST_ADDRESS)
    address += ", and later to other addresses" if answer.varies else ""
    if not answer.is_redirect:
        return f"redirects were followed to {address}, which answered {_status_text(answer)}."
    if result.failure is not None or result.growth_options.get("expect") == answer.status:
        return f"{answered}, redirecting to {address}."
    return (
        f"{answered}, redirecting to {address}: the redirect was measured, not the page behind it. "
        "Pass --follow to measure that too."
    )


def _status_text(answer: StatusCount) -> str:
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)


def _calls(answer: StatusCount) -> str:
    return "1 call" if answer.count == 1 else f"{answer.count:,} calls"
