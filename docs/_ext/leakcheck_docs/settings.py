"""The settings: each key of [tool.leakcheck], with what else sets it, from the code that reads them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args, get_origin, get_type_hints

from leakcheck.config.settings import DEFAULT_GROWTH_BUDGET, DEFAULTS
from leakcheck.config.sources import OFF, RESOURCES, DjangoSettings, Override, SettingsLayer
from leakcheck.model.explanation import KnownEntry
from leakcheck.pytest_plugin.options import INI
from leakcheck_docs.commands import options_by_name
from leakcheck_docs.text import code, plain, sentences_of, table

_NOT_IN_THE_FILE = frozenset({"shard"})
_DEFAULT_IN_HELP = re.compile(r"\s*\\?\[default: (?P<value>[^\]]+)\]")
_KINDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "date": "date"}
_TABLES = {
    "[[tool.leakcheck.overrides]]": (
        Override,
        "Budgets for some scenarios; each table is one entry, and the last wins.",
    ),
    "[[tool.leakcheck.known]]": (KnownEntry, "Leaks that are known; each table is one entry."),
    "[tool.leakcheck.django]": (DjangoSettings, "What `leakcheck django` is told."),
}


def markdown() -> str:
    """Return the tables of all settings."""
    parts = ["## [tool.leakcheck]\n", table(("key", "default", "what else sets it", "what it says"), settings())]
    for title, (kind, sentence) in _TABLES.items():
        parts += [f"## {title}\n", f"{sentence}\n", table(("key", "type", "what it says"), _keys_of(kind))]
    parts += [
        "## [tool.leakcheck.resources]\n",
        f"How many may stay of 1000 calls; a number, or `{OFF!r}`, which does not look. The default is 0.\n",
        table(("key", "what is counted"), ((code(key), str(kind)) for key, kind in RESOURCES.items())),
    ]
    return "\n".join(parts).replace("'off'", '"off"')


def settings() -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each key: with its type, default, environment variable, flag, pytest's option, and meaning."""
    options = options_by_name("check")
    hints = get_type_hints(SettingsLayer)
    for one in fields(SettingsLayer):
        option = options[one.name]
        words, default = _said_in_help(str(option.help))
        others = [code(f"LEAKCHECK_{one.name.upper()}"), code(max(option.opts, key=len))]
        if f"leakcheck_{one.name}" in INI:
            others.append(f"pytest: {code(f'leakcheck_{one.name}')}")
        if one.name in _NOT_IN_THE_FILE:
            words += " Not in the file: it is for one command."
        yield (
            f"{code(one.name)}<br>{_kind(hints[one.name])}",
            _default(one.name) or default or "none",
            "<br>".join(others),
            words,
        )


def _said_in_help(text: str) -> tuple[str, str]:
    found = _DEFAULT_IN_HELP.search(text)
    return plain(_DEFAULT_IN_HELP.sub("", text)), plain(found["value"]) if found else ""


def _default(name: str) -> str:
    value = DEFAULT_GROWTH_BUDGET if name == "growth" else getattr(DEFAULTS, name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:g}" if isinstance(value, int | float) else f'"{value}"')


def _kind(hint: Any) -> str:
    if get_origin(hint) is Mapping:
        return "a table"
    parts = [part for part in (get_args(hint) or (hint,)) if part is not type(None)]
    return " or ".join(_named(part) for part in parts)


def _named(kind: Any) -> str:
    if kind.__name__ in _KINDS:
        return _KINDS[kind.__name__]
    return ", ".join(code(f'"{member}"') for member in kind)


def _keys_of(kind: Any) -> Iterable[tuple[str, str, str]]:
    said, hints = sentences_of(kind), get_type_hints(kind)
    for one in fields(kind):
        needed = one.default is MISSING and one.default_factory is MISSING
        yield code(one.name), _kind(hints[one.name]) + (", needed" if needed else ""), said[one.name]
