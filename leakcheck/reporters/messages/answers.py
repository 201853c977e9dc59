"""The responses to a scenario's requests: statuses for a table cell, sentences where no page was measured."""

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


def response_notes(result: Result) -> Iterator[str]:
    """Yield where redirects lead, that statuses differed, and how passwords were hashed; nothing for plain pages."""
    yield from _status_notes(result)
    yield from _password_note(result)


def response_sentences(result: Result) -> Iterator[str]:
    """Yield the notes, or else the single status: for reports whose table has no column for it."""
    notes = list(_status_notes(result))
    if not notes and result.response_statuses:
        [answer] = result.response_statuses
        notes = [f"{escape_control(result.id)}: answered {_status_text(answer)} to {_calls(answer)}."]
    yield from notes
    yield from _password_note(result)


def _status_notes(result: Result) -> Iterator[str]:
    name = escape_control(result.id)
    if len(result.response_statuses) > 1:
        yield f"{name}: its calls were answered differently: {status_counts(result)}."
    for answer in result.response_statuses:
        if result.failure is not None and answer.count == 1:
            continue  # the failure's own message says it
        if answer.leads_to is not None or answer.is_redirect:
            yield f"{name}: {_redirect_text(answer, result)}"


def _password_note(result: Result) -> Iterator[str]:
    if result.django is not None and result.django.fast_passwords:
        yield (
            f"{escape_control(result.id)}: passwords were hashed by Django's MD5PasswordHasher, "
            "as it advises for tests, and not as the project does; --hashers leaves that to the project."
        )


def _redirect_text(answer: StatusCount, result: Result) -> str:
    if answer.leads_to is None:
        return f"answered {_status_text(answer)} to {_calls(answer)}, and did not say where that leads."
    address = shorten(escape_control(answer.leads_to), _LONGEST_ADDRESS)
    address += ", and later to other addresses" if answer.varies else ""
    if not answer.is_redirect:
        return f"redirects were followed to {address}, which answered {_status_text(answer)}."
    sentence = f"answered {_status_text(answer)} to {_calls(answer)}, which leads to {address}"
    if result.failure is not None or result.growth_options.get("expect") == answer.status:
        return f"{sentence}."
    return f"{sentence}: the redirect was measured, and not the page behind it. To measure that too, say --follow."


def _status_text(answer: StatusCount) -> str:
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)


def _calls(answer: StatusCount) -> str:
    return "1 call" if answer.count == 1 else f"{answer.count:,} calls"
