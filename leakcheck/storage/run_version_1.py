"""Turn run documents of version 1 (`leakcheck.run/1`, until November 2026) into those of version 2.

Version 1 had other names for the same fields, those of the explanation among those of the result, and other values.
"""

from collections.abc import Callable, Mapping
from typing import Any

SCHEMA = "leakcheck.run/1"

_RUN = {"left_out": "skipped_requests", "known_unseen": "known_leaks_not_found", "baseline_gone": "missing_scenarios"}
_RESULT = {
    "failures": "over_budget",
    "trouble": "failure",
    "peak_trouble": "peak_failure",
    "answered": "response_statuses",
    "changes": "baseline_changes",
    "limit": "memory_limit",
    "known": "known_leaks",
    "children": "child_processes",
    "elsewhere": "measured_on",
    "lesson": "description",
}
_EXPLANATION = {
    "containers": "containers",
    "retention_paths": "retention_paths",
    "nothing_in_python": "nothing_in_python",
    "sites": "allocation_sites",
    "sites_meter": "allocation_tracer",
    "explained_fraction": "explained_fraction",
    "growth_stacks": "growth_stacks",
    "explain_notes": "notes",
}
_PATH = {"kept": "kept_function"}
_CHANGE = {"excused": "is_excused", "allowed": "tolerance"}
_LIMIT = {"foretold": "predicted"}
_HOST = {"begun": "attempts"}
_FAILURES = {"fleet": "cluster"}

_TRACERS = {"memray with native frames": "memray_native", "malloc's live bytes, line by line": "lines"}
_COUNTS = {
    "open_files": "open files",
    "threads": "threads",
    "children": "child processes",
    "tasks": "asyncio tasks",
    "uncollectable": "uncollectable objects",
}
_PAGES = {
    "live in the heap": "live",
    "freed in malloc's heap and not used again": "free",
    "freed in Python's arenas and not used again": "arenas",
    "stacks of threads": "stacks",
    "mapped files and shared memory": "files",
    "mapped past the heap": "mapped",
    "in memory whose allocator cannot be read": "unread",
}


def upgrade(document: Any) -> Any:
    """Return the document in the form of version 2. What has not the form of version 1 stays, and is refused later."""
    run = _rename(document, _RUN)
    _change(run, "results", _result)
    return {**run, "schema": "leakcheck.run/2"}


def _result(document: Mapping[str, Any]) -> dict[str, Any]:
    explanation = {new: document[old] for old, new in _EXPLANATION.items() if old in document}
    result = _rename({name: value for name, value in document.items() if name not in _EXPLANATION}, _RESULT)
    explanation = _word(explanation, "allocation_tracer", _TRACERS)
    _change(explanation, "retention_paths", lambda path: _rename(path, _PATH))
    _change(result, "baseline_changes", lambda change: _rename(change, _CHANGE))
    _change(result, "memory_limit", lambda limit: _rename(limit, _LIMIT))
    for name in ("failure", "peak_failure"):
        _change(result, name, lambda failure: _word(failure, "kind", _FAILURES))
    _change(result, "measured_on", lambda host: _rename(host, _HOST))
    _change(result, "readings", _readings)
    _change(result, "resident", lambda part: _word(part, "kind", _PAGES))
    return {**result, "explanation": explanation}


def _readings(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns with those of resources in a field of their own, by the words of version 2."""
    counts = {kind: columns[name] for name, kind in _COUNTS.items() if name in columns}
    return {**{name: column for name, column in columns.items() if name not in _COUNTS}, "counts": counts}


def _word(fields: Mapping[str, Any], name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields with the word of version 2 in one that has a word of version 1."""
    value = fields.get(name)
    return {**fields, name: words[value]} if isinstance(value, str) and value in words else {**fields}


def _rename(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}


def _change(fields: dict[str, Any], name: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Change the object that a field holds, or each object of its list."""
    value = fields.get(name)
    if isinstance(value, dict):
        fields[name] = change(value)
    elif isinstance(value, list):
        fields[name] = [change(part) if isinstance(part, dict) else part for part in value]
