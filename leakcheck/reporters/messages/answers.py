"""What requests were answered with: the statuses for a cell, and sentences where what was measured is no page."""

from collections.abc import Iterator
from http import HTTPStatus

from leakcheck.model.answers import StatusCount
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result

_LONGEST_ADDRESS = 200


def statuses(result: Result) -> str:
    """Return the statuses, the one that came most often first (`200, 302`); a dash where nothing was asked for."""
    return ", ".join(str(one.status) for one in result.answered) or "-"


def status_counts(result: Result) -> str:
    """Return how often each came (`200 ×1,600, 302 ×3`); "" where nothing was asked for."""
    return ", ".join(f"{one.status} ×{one.count:,}" for one in result.answered)


def response_notes(result: Result) -> Iterator[str]:
    """Yield where redirects led, that answers differed, and how passwords were hashed; nothing for pages alone."""
    yield from _of_answers(result)
    yield from _of_passwords(result)


def response_sentences(result: Result) -> Iterator[str]:
    """Yield the same, and else the one status: for reports whose table has no column for it."""
    told = list(_of_answers(result))
    if not told and result.answered:
        [one] = result.answered
        told = [f"{plain(result.id)}: answered {_words(one)} to {_calls(one)}."]
    yield from told
    yield from _of_passwords(result)


def _of_answers(result: Result) -> Iterator[str]:
    name = plain(result.id)
    if len(result.answered) > 1:
        yield f"{name}: its calls were answered differently: {status_counts(result)}."
    for one in result.answered:
        if result.trouble is not None and one.count == 1:
            continue  # it is what the trouble is about
        if one.leads_to is not None or one.is_redirect:
            yield f"{name}: {_led(one, result)}"


def _of_passwords(result: Result) -> Iterator[str]:
    if result.django is not None and result.django.fast_passwords:
        yield (
            f"{plain(result.id)}: passwords were hashed by Django's MD5PasswordHasher, as it advises for tests, and "
            "not as the project does; --hashers leaves that to the project."
        )


def _led(one: StatusCount, result: Result) -> str:
    if one.leads_to is None:
        return f"answered {_words(one)} to {_calls(one)}, and did not say where that leads."
    address = plain(one.leads_to)
    address = address if len(address) <= _LONGEST_ADDRESS else f"{address[: _LONGEST_ADDRESS - 1]}…"
    if not one.is_redirect:
        return f"redirects were followed to {address}{_elsewhere(one)}, which answered {_words(one)}."
    led = f"answered {_words(one)} to {_calls(one)}, which leads to {address}{_elsewhere(one)}"
    if result.trouble is not None or result.growth_options.get("expect") == one.status:
        return f"{led}."
    return f"{led}: the redirect was measured, and not the page behind it. To measure that too, say --follow."


def _elsewhere(one: StatusCount) -> str:
    return ", and later to other addresses" if one.varies else ""


def _words(one: StatusCount) -> str:
    try:
        return f"{one.status} {HTTPStatus(one.status).phrase}"
    except ValueError:
        return str(one.status)


def _calls(one: StatusCount) -> str:
    return "1 call" if one.count == 1 else f"{one.count:,} calls"
