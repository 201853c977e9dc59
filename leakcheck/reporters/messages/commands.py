"""The commands that remedies name, with the user's own replay options."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import shell_words

_OPTIONS_WITH_VALUE = frozenset(
    ("-o", "--database", "--setup", "--python", "--baseline", "--data", "--header", "--expect", "--user", "--fixture")
)
_FLAGS = frozenset(("--follow", "--asgi", "--wsgi", "--superuser", "--no-migrate", "--atomic", "--mail", "--hashers"))
"""The options of `baseline update` without which it would accept another scenario, or another figure."""

_MOST_REQUESTS = 10


def update_command(targets: Iterable[str], command: Sequence[str]) -> str:
    """Return the command that accepts the targets, with the replay options of `command`, the user's own words."""
    words = [*dict.fromkeys(targets)] or ["TARGET"]
    return escape_control(f"leakcheck baseline update {shell_words(words)}{''.join(_replay_options(command))}")


def closer_look_command(results: Iterable[Result], command: Sequence[str]) -> str | None:
    """Return the command that looks closer at the URLs that are not within budget; None where there is none."""
    failed = [result for result in results if result.failure is None and result.gate is not Gate.WITHIN]
    if not failed:
        return None
    requests = [result.target.partition(" ")[2] for result in failed[:_MOST_REQUESTS]]
    more = f" ({len(failed) - _MOST_REQUESTS} more are not within budget)" if len(failed) > _MOST_REQUESTS else ""
    options = "".join(_replay_options(command, _OPTIONS_WITH_VALUE | {"--settings"}))
    return escape_control(f"Look closer{more}: leakcheck django {shlex.join(requests)}{options}")


def _replay_options(command: Sequence[str], with_value: frozenset[str] = _OPTIONS_WITH_VALUE) -> Iterator[str]:
    words = iter(command)
    for word in words:
        name, equals, _ = word.partition("=")
        is_short_with_value = word.startswith("-o") and word != "-o"  # -orows=5
        if word in _FLAGS or (equals and name in with_value and name.startswith("--")) or is_short_with_value:
            yield f" {shlex.quote(word)}"
        elif word in with_value:
            value = next(words, None)
            if value is not None and not value.startswith("-"):  # of an option that has no value here
                yield f" {word} {shlex.quote(value)}"
