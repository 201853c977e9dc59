"""A run as a table for spreadsheets: a row a scenario, and the unit in each heading."""

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from leakcheck.model.explanation import ResourceKind
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.reporters.escape import as_cell, plainly
from leakcheck.reporters.messages.answers import counted
from leakcheck.reporters.messages.causes import path_words, place

Cell = str | int | float | bool | None


def sheet(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return a table as CSV (RFC 4180), in UTF-8.

    A text that a spreadsheet would take for a formula begins with `'`, as OWASP advises; numbers are ours,
    and stay numbers. What is not known is empty.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(headings)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return stream.getvalue().encode()


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return str(cell).lower() if isinstance(cell, bool) else repr(cell)
    return as_cell(cell)


_OF_RESULTS = {
    "scenario": "scenario",
    "variant": "variant",
    "target": "target",
    "verdict": "verdict",
    "gate": "gate",
    "failures": "failures",
    "growth (bytes / 1000 calls)": "growth.bytes_per_1000_calls",
    "growth, lower bound (bytes / 1000 calls)": "growth.low",
    "growth, upper bound (bytes / 1000 calls)": "growth.high",
    "growth budget (bytes / 1000 calls)": "budget.growth_bytes_per_1000_calls",
    "meter": "growth.meter",
    "heap (bytes / 1000 calls)": "growth.heap_bytes_per_1000_calls",
    "resident pages (bytes / 1000 calls)": "growth.rss_bytes_per_1000_calls",
    "Python blocks (blocks / 1000 calls)": "growth.blocks_per_1000_calls",
    "calls": "growth.calls",
    "peak (bytes)": "peak_bytes",
    "peak budget (bytes)": "budget.peak_bytes",
    "p50 (seconds)": "latency_seconds.p50",
    "p95 (seconds)": "latency_seconds.p95",
    "latency samples": "latency_seconds.samples",
    "bounded by": "bounded_by.name",
    "limit (entries)": "bounded_by.limit",
    "stood still after (calls)": "settled_after_calls",
    "explained (share of the growth)": "explained_fraction",
    "took (seconds)": "duration_seconds",
    "replaying (seconds)": "replay_seconds",
    "watching (seconds)": "watch_seconds",
    "CPU of the growth pass (seconds)": "worker_cpu_seconds",
    "trouble": "trouble.message",
}
"""What a column is called, and where it stands in the document."""

_OF_RUNS = {"run started": "started", "git commit": "environment.git_commit", "python": "environment.python"}


@plainly
def run_sheet(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one table with all results; what rises beside memory has a column for each kind."""
    rises = [f"{kind} (count / 1000 calls)" for kind in ResourceKind]
    headings = [*_OF_RESULTS, "answered", "allocated at", "held by", *rises, *_OF_RUNS]
    yield "run.csv", sheet(headings, [_row(run, result) for result in run.results])


def _row(run: Run, result: Result) -> list[Cell]:
    sites, paths = result.sites, result.retention_paths
    resources = {resource.kind: resource.per_1000_calls for resource in result.resources}
    return [
        *(_at(result, path) for path in _OF_RESULTS.values()),
        counted(result) or None,
        place(sites[0].frame) if sites and sites[0].frames else None,
        path_words(paths[0]) if paths else None,
        *(resources.get(kind) for kind in ResourceKind),
        *(_at(run, path) for path in _OF_RUNS.values()),
    ]


def _at(facts: Run | Result, path: str) -> Cell:
    """Return what stands in the facts under a dotted path; None where a part of it is not there."""
    found: Any = facts
    for name in path.split("."):
        found = None if found is None else getattr(found, name)
    if isinstance(found, tuple):
        return ", ".join(found)
    return found.value if isinstance(found, StrEnum) else found
