"""A run as a table for spreadsheets: a row a scenario, and the unit in each heading."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from leakcheck.explanation import ResourceKind
from leakcheck.model import Result, Run
from leakcheck.reporters.causes import path_words, place
from leakcheck.reporters.plain import plain

Cell = str | int | float | bool | None

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    text = plain(cell)
    # a blank before it does not hide it from every spreadsheet
    return f"'{text}" if text.lstrip().startswith(_STARTS_A_FORMULA) else text


_COLUMNS: dict[str, Callable[[Run, Result], Cell]] = {
    "scenario": lambda run, one: one.scenario,
    "variant": lambda run, one: one.variant,
    "target": lambda run, one: one.target,
    "verdict": lambda run, one: one.verdict.value if one.growth else None,
    "gate": lambda run, one: one.gate.value,
    "failures": lambda run, one: ", ".join(one.failures),
    "growth (bytes / 1000 calls)": lambda run, one: one.growth and one.growth.bytes_per_1000_calls,
    "growth, lower bound (bytes / 1000 calls)": lambda run, one: one.growth and one.growth.low,
    "growth, upper bound (bytes / 1000 calls)": lambda run, one: one.growth and one.growth.high,
    "growth budget (bytes / 1000 calls)": lambda run, one: one.budget.growth_bytes_per_1000_calls,
    "meter": lambda run, one: one.growth and one.growth.meter.value,
    "heap (bytes / 1000 calls)": lambda run, one: one.growth and one.growth.heap_bytes_per_1000_calls,
    "resident pages (bytes / 1000 calls)": lambda run, one: one.growth and one.growth.rss_bytes_per_1000_calls,
    "Python blocks (blocks / 1000 calls)": lambda run, one: one.growth and one.growth.blocks_per_1000_calls,
    "calls": lambda run, one: one.growth and one.growth.calls,
    "peak (bytes)": lambda run, one: one.peak_bytes,
    "peak budget (bytes)": lambda run, one: one.budget.peak_bytes,
    "p50 (seconds)": lambda run, one: one.latency_seconds and one.latency_seconds.p50,
    "p95 (seconds)": lambda run, one: one.latency_seconds and one.latency_seconds.p95,
    "latency samples": lambda run, one: one.latency_seconds and one.latency_seconds.samples,
    "bounded by": lambda run, one: one.bounded_by and one.bounded_by.name,
    "limit (entries)": lambda run, one: one.bounded_by and one.bounded_by.limit,
    "stood still after (calls)": lambda run, one: one.settled_after_calls,
    "allocated at": lambda run, one: place(one.sites[0].frame) if one.sites and one.sites[0].frames else None,
    "held by": lambda run, one: path_words(one.retention_paths[0]) if one.retention_paths else None,
    "explained (share of the growth)": lambda run, one: one.explained_fraction,
    "took (seconds)": lambda run, one: one.duration_seconds,
    "replaying (seconds)": lambda run, one: one.replay_seconds,
    "watching (seconds)": lambda run, one: one.watch_seconds,
    "CPU of the growth pass (seconds)": lambda run, one: one.worker_cpu_seconds,
    "trouble": lambda run, one: one.trouble and one.trouble.message,
    "run started": lambda run, one: run.started,
    "git commit": lambda run, one: run.environment and run.environment.git_commit,
    "python": lambda run, one: run.environment and run.environment.python,
}


def run_sheet(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one table with all results; what rises beside memory has a column for each kind."""
    headings = [*_COLUMNS, *(f"{kind} (count / 1000 calls)" for kind in ResourceKind)]
    rows = [[*(column(run, one) for column in _COLUMNS.values()), *_resources(one)] for one in run.results]
    yield "run.csv", sheet(headings, rows)


def _resources(result: Result) -> list[Cell]:
    rises = {resource.kind: resource.per_1000_calls for resource in result.resources}
    return [rises.get(kind) for kind in ResourceKind]
