"""The plugin's command line options and ini options.

Budgets and limits are read in layers, of which later ones win: the defaults, [tool.leakcheck] in pyproject.toml,
pytest's ini options, the environment, the command line, and the marker of a test. None means "not given here".
"""

from dataclasses import dataclass
from typing import Any

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.model.units import parse_growth, parse_size

# pytest has types of numbers only since 8.4; before, a number is a string
_NUMBERS: tuple[Any, Any] = ("int", "float") if pytest.version_tuple >= (8, 4) else ("string", "string")

INI: dict[str, tuple[str, Any]] = {
    "leakcheck": ("Measure every test, as --leakcheck does.", "bool"),
    "leakcheck_growth": ("Growth budget of all tests, e.g. '64 KiB / 1000 calls'.", "string"),
    "leakcheck_peak": ("Peak budget of all tests, e.g. '20 MiB'; without one, no peak is measured.", "string"),
    "leakcheck_calls": ("Maximum number of calls per test.", _NUMBERS[0]),
    "leakcheck_time": ("Maximum measuring time per test, in seconds (default: 60).", _NUMBERS[1]),
    "leakcheck_isolate": ("Measure every test in a fresh process, as --leakcheck-isolate does.", "bool"),
    "leakcheck_allow_inconclusive": ("Pass tests whose result is inconclusive.", "bool"),
}


def add_options(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("leakcheck", "memory leaks")
    group.addoption("--leakcheck", action="store_true", help="Measure every test, and fail those that are over budget.")
    group.addoption(
        "--leakcheck-isolate",
        action="store_true",
        help="Measure in fresh processes from the start, unaffected by earlier tests.",
    )
    group.addoption(
        "--leakcheck-explain",
        choices=("auto", "always", "never"),
        help="Explain why memory grows: auto (when it grew or is over budget), always or never (default: auto).",
    )
    group.addoption(
        "--leakcheck-calls", type=int, metavar="N", help="Maximum number of calls per test; a marker takes precedence."
    )
    group.addoption(
        "--leakcheck-json", metavar="FILE", help="Write the run document to FILE; `leakcheck show FILE` prints it."
    )
    for name, (help_text, kind) in INI.items():
        parser.addini(name, help_text, type=kind, default=False if kind == "bool" else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginOptions:
    """The options of the command line and the ini file."""

    everything: bool
    """Whether tests without a marker are replayed too."""
    isolate: bool
    json: str | None
    flags: dict[str, Any]
    """The fields of a `SettingsLayer` that the command line sets."""
    ini: dict[str, Any]
    """The fields of a `SettingsLayer` that the ini file sets."""


def read_options(config: pytest.Config) -> PluginOptions:
    """Return the options. Raises pytest.UsageError for an invalid one."""
    ini: dict[str, Any] = {
        "growth": config.getini("leakcheck_growth") or None,
        "peak": config.getini("leakcheck_peak") or None,
        "calls": _number(config, "leakcheck_calls", int),
        "time": _number(config, "leakcheck_time", float),
        "allow_inconclusive": config.getini("leakcheck_allow_inconclusive") or None,
    }
    try:
        if ini["growth"] is not None:
            parse_growth(ini["growth"])
        if ini["peak"] is not None:
            parse_size(ini["peak"])
    except UsageError as error:
        raise pytest.UsageError(f"ini option leakcheck_growth or leakcheck_peak: {error}") from error
    calls = config.getoption("leakcheck_calls")
    if calls is not None and calls < 1:
        raise pytest.UsageError("--leakcheck-calls: must be 1 or more")
    return PluginOptions(
        everything=config.getoption("leakcheck") or config.getini("leakcheck"),
        isolate=config.getoption("leakcheck_isolate") or config.getini("leakcheck_isolate"),
        json=config.getoption("leakcheck_json"),
        flags={"calls": calls, "explain": config.getoption("leakcheck_explain")},
        ini=ini,
    )


def _number(config: pytest.Config, name: str, kind: type[int] | type[float]) -> int | float | None:
    value = config.getini(name)
    if value is None or value == "":
        return None
    try:
        number = kind(value)
    except ValueError:
        number = 0
    if not number > 0:
        raise pytest.UsageError(f"ini option {name}: {value!r} is not a number above 0")
    return number
