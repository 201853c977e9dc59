"""A run as CSV: a row for each scenario, and the unit in each heading."""

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from leakcheck.model.explanation import ResourceKind
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.reporters.escape import csv_cell, escape_arguments
from leakcheck.reporters.messages.answers import status_counts
from leakcheck.reporters.messages.causes import frame_location, path_text

Cell = str | int | float | bool | None


def csv_document(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return a table as CSV (RFC 4180), in UTF-8.

    Texts that a spreadsheet would evaluate are escaped, numbers are not. None is an empty cell.
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
    return csv_cell(cell)


_RESULT_COLUMNS = {
    "scenario": "scenario",
    "variant": "variant",
    "target": "target",
    "verdict": "verdict",
    "gate": "gate",
    "over budget": "over_budget",
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
    "explained (share of the growth)": "explanation.explained_fraction",
    "took (seconds)": "duration_seconds",
    "replaying (seconds)": "replay_seconds",
    "watching (seconds)": "watch_seconds",
    "CPU of the growth pass (seconds)": "worker_cpu_seconds",
    "failure": "failure.message",
}
"""The heading of each column, and the path of its field."""

_RUN_COLUMNS = {"run started": "started", "git commit": "environment.git_commit", "python": "environment.python"}


@escape_arguments
def run_csv(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one table of all results, with a column for each kind of resource."""
    resources = [f"{kind} (count / 1000 calls)" for kind in ResourceKind]
    headings = [*_RESULT_COLUMNS, "answered", "allocated at", "held by", *resources, *_RUN_COLUMNS]
    yield "run.csv", csv_document(headings, [_row(run, result) for result in run.results])


def _row(run: Run, result: Result) -> list[Cell]:
    sites, paths = result.explanation.allocation_sites, result.explanation.retention_paths
    resources = {resource.kind: resource.per_1000_calls for resource in result.resources}
    return [
        *(_field(result, path) for path in _RESULT_COLUMNS.values()),
        status_counts(result) or None,
        frame_location(sites[0].frame) if sites and sites[0].frames else None,
        path_text(paths[0]) if paths else None,
        *(resources.get(kind) for kind in ResourceKind),
        *(_field(run, path) for path in _RUN_COLUMNS.values()),
    ]


def _field(document: Run | Result, path: str) -> Cell:
    """Return the field at a dotted path; None where a part of the path is None."""
    value: Any = document
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    if isinstance(value, tuple):
        return ", ".join(value)
    return value.value if isinstance(value, StrEnum) else value
