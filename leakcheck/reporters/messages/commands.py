"""Commands that remedies name: they keep what the user had said of how the scenarios are replayed."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import shell_words

_WITH_VALUE = frozenset(
    ("-o", "--database", "--setup", "--python", "--baseline", "--data", "--header", "--expect", "--user", "--fixture")
)
_MOST_NAMED = 10
_ALONE = frozenset(("--follow", "--asgi", "--wsgi", "--superuser", "--no-migrate", "--atomic", "--mail", "--hashers"))
"""The options of `baseline update` by which another scenario, or another figure, would be accepted."""


def update_command(targets: Iterable[str], said: Sequence[str]) -> str:
    """Return the command that accepts targets, replayed as the command was that said so (its words)."""
    words = [*dict.fromkeys(targets)] or ["TARGET"]
    return plain(f"leakcheck baseline update {shell_words(words)}{''.join(f' {word}' for word in _kept(said))}")


def closer_look(results: Iterable[Result], said: Sequence[str]) -> str | None:
    """Return the command that looks closer at the URLs that are not within budget; None where there is none."""
    named = [one.target.partition(" ")[2] for one in results if one.trouble is None and one.gate is not Gate.WITHIN]
    if not named:
        return None
    more = f" ({len(named) - _MOST_NAMED} more are not within budget)" if len(named) > _MOST_NAMED else ""
    words = "".join(f" {word}" for word in _kept(said, _WITH_VALUE | {"--settings"}))
    return plain(f"Look closer{more}: leakcheck django {shlex.join(named[:_MOST_NAMED])}{words}")


def _kept(said: Sequence[str], with_value: frozenset[str] = _WITH_VALUE) -> Iterator[str]:
    words = iter(said)
    for word in words:
        name, equals, _ = word.partition("=")
        if word in _ALONE or (equals and name in with_value and name.startswith("--")) or _is_short(word):
            yield shlex.quote(word)
        elif word in with_value:
            value = next(words, None)
            if value is not None and not value.startswith("-"):  # an option of somebody else's
                yield f"{word} {shlex.quote(value)}"


def _is_short(word: str) -> bool:
    """Tell whether it is an option with its value in one word, `-orows=5`."""
    return word.startswith("-o") and len(word) > len("-o")
