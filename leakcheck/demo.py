"""The newsletter that is shipped with us: where it lies, what it needs, and what a run of it is to show.

In a checkout it is `scenarios/newsletter`; a wheel has what the replay needs of it below `leakcheck/_demo`,
a folder of data and no package: the newsletter is imported as `scenarios.newsletter` in either place.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from leakcheck.errors import UsageError
from leakcheck.model import Result, Verdict
from leakcheck.own_folders import own_folder
from leakcheck.plan import OptionValue

USUAL: Mapping[str, OptionValue] = MappingProxyType({"peak.rows": 50_000})
"""Half of the rows that the newsletter itself has for a peak: the demo is to take about a minute."""

QUICK: Mapping[str, OptionValue] = MappingProxyType({"growth.rows": 50, "peak.rows": 25_000})
"""Enough rows for the story to come out, and a quarter of the time."""

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_demo" / "scenarios" / "newsletter"
_CHECKOUT = _PACKAGE.parent / "scenarios" / "newsletter"
_NEEDED = ("django", "aiosmtpd")
_CACHE = "NEWSLETTER_CACHE"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to come out for one variant."""

    verdict: Verdict
    over: tuple[str, ...] = ()
    """What it is held over budget for, on purpose."""


STORY: Mapping[str, Expected] = MappingProxyType(
    {
        "naive": Expected(Verdict.CLEAN, ("peak",)),
        "iterator": Expected(Verdict.CLEAN),
        "values": Expected(Verdict.CLEAN),
        "keyset": Expected(Verdict.CLEAN),
        "retained": Expected(Verdict.LEAK, ("growth", "peak")),
        "outbox": Expected(Verdict.LEAK, ("growth",)),
        "signal": Expected(Verdict.LEAK, ("growth", "peak")),
        "debug_queries": Expected(Verdict.BOUNDED),
    }
)


def newsletter() -> Path:
    """Return the newsletter's folder. Raises UsageError where it, or what it needs, is not installed."""
    folder = next((place for place in (_SHIPPED, _CHECKOUT) if place.is_dir()), None)
    if folder is None:
        raise UsageError("demo: the newsletter was not installed with leakcheck; install the wheel, or use a checkout")
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"demo: the newsletter is a Django project, and there is no {' and no '.join(missing)} here; "
            'pip install "pytest-leakcheck[django]"'
        )
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


@contextmanager
def databases() -> Iterator[None]:
    """Give the seeded databases a place: a checkout has one; an installed package may not be written to."""
    if os.environ.get(_CACHE) or not _SHIPPED.is_dir():
        yield
        return
    with own_folder() as folder:
        os.environ[_CACHE] = str(folder)
        try:
            yield
        finally:
            del os.environ[_CACHE]


def surprises(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each result that is not what the story says; none where all are."""
    found = []
    for result in results:
        expected = STORY.get(result.variant or "")
        if result.trouble is not None:
            found.append(f"{result.id} failed: {result.trouble.message}")
        elif expected is None:
            found.append(f"{result.id} has no part in the story")
        elif (result.verdict, set(result.failures)) != (expected.verdict, set(expected.over)):
            found.append(
                f"{result.id} should be {_words(expected.verdict, expected.over)}; it is "
                f"{_words(result.verdict, result.failures)}"
            )
    return found


def _words(verdict: Verdict, over: Sequence[str]) -> str:
    return f"{verdict}, over its budget of {' and '.join(sorted(over))}" if over else f"{verdict}, within its budgets"
