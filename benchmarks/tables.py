"""What `beside.py` prints at its end: a tool a row."""

from collections.abc import Mapping
from typing import Any

from figures import accuracy, ahead, attempts, joined, pair, peers_right_alone
from functions import TRUTH
from outcomes import from_json
from peers.registry import LEAKCHECK
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_record(document: Mapping[str, Any], console: Console) -> None:
    """Print accuracy and costs of a document, and where a peer is ahead."""
    rows = joined(from_json(document["rows"]))
    names = [tool["name"] for tool in document["tools"]]
    if rows:
        counted = [accuracy(name, rows) for name in names]
        table = _table("tool", "memory leaks", "other leaks", "false alarms", "undecided", "failed", "rates", "named")
        for one in counted:
            table.add_row(
                one.tool,
                f"{one.memory_found}/{one.memory}",
                f"{one.other_found}/{one.other}",
                f"{one.false_alarms}/{one.nothing}",
                str(one.undecided),
                str(one.failed),
                f"{one.rates_close}/{one.rates}" if one.rates else "-",
                f"{one.named}/{one.nameable}" if one.nameable else "-",
            )
        console.print(table)
        _print_pairs(console, rows, names)
        for sentence in ahead(counted):
            console.print(f"ahead of leakcheck: {sentence}", markup=False)
        for arm, tools in peers_right_alone(rows).items():
            console.print(f"{arm}: leakcheck is not right; {', '.join(tools) or 'nor is another'}", markup=False)
    if document["functions"]:
        _print_attempts(console, document)


def _print_pairs(console: Console, rows: Any, names: list[str]) -> None:
    table = _table("leakcheck over", "arms", "CPU: median", "least", "most", "calls: median", "least", "most")
    for name in names:
        found = pair(name, rows) if name != LEAKCHECK else None
        if found:
            figures = (found.cpu.median, found.cpu.low, found.cpu.high)
            calls = (found.calls.median, found.calls.low, found.calls.high)
            table.add_row(name, str(found.arms), *(f"{value:,.2f}" for value in (*figures, *calls)))
    if table.row_count:
        console.print()
        console.print(table)


def _print_attempts(console: Console, document: Mapping[str, Any]) -> None:
    table = _table("tool", "times the usual calls", "right about all six", "calls", "CPU s", "mistakes")
    for one in attempts(from_json(document["functions"]), [f"{name}-function" for name in TRUTH]):
        right = "yes" if one.right else "no"
        table.add_row(
            one.tool,
            f"×{one.factor}",
            right,
            f"{one.calls:,}",
            f"{one.cpu_seconds:.1f}",
            escape("; ".join(one.mistakes)),
        )
    console.print()
    console.print(table)


def _table(first: str, *headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "mistakes" else "right")
    return table
