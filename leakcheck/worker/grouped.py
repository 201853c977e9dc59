"""Put names together that differ by a number, or within one folder: 200 log files are one line."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from leakcheck.worker.own import BUILTINS, os

__builtins__ = BUILTINS

_MANY = 5
"""Fewer that differ are named each by itself."""

_DIGITS = re.compile(r"(\d+)")


def grouped(counts: "Counter[str]") -> "Counter[str]":
    """Return the counts with names put together where many differ: `/tmp/x/[*].log`."""
    return _by_key(_by_key(counts, _without_digits, _merged_numbers), os.path.dirname, _merged_names)


def _by_key(counts: "Counter[str]", key: Callable[[str], str], merge: Callable[[Sequence[str]], str]) -> "Counter[str]":
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[key(name)].append(name)
    found: Counter[str] = Counter()
    for common, names in groups.items():
        if len(names) < _MANY or not common:
            found.update({name: counts[name] for name in names})
        else:
            found[merge(names)] += sum(counts[name] for name in names)
    return found


def _without_digits(name: str) -> str:
    return _DIGITS.sub("0", name)


def _merged_numbers(names: Sequence[str]) -> str:
    """Return what names with numbers at the same places have in common."""
    columns = zip(*(_DIGITS.split(name) for name in names), strict=True)
    return "".join(parts[0] if len(set(parts)) == 1 else "[*]" for parts in columns)


def _merged_names(names: Sequence[str]) -> str:
    """Return the beginning and the end that names in one folder have in common."""
    before = _beginning(names)
    after = _beginning([name[len(before) :][::-1] for name in names])[::-1]
    return f"{before}[*]{after}".replace("[*][*]", "[*]")


def _beginning(names: Sequence[str]) -> str:
    """Return how all begin: as the first and the last of them do, in the order of the alphabet."""
    first, last = min(names), max(names)
    return first[: next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))]
