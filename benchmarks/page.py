"""Make `docs/benchmarks.md` and its pictures from the documents in `benchmarks/results/`.

    python benchmarks/page.py [--results DIR] [--docs DIR]

The same documents give the same bytes. A document that is not there leaves its sections out.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import (
    Attempt,
    Spread,
    accuracy,
    ahead,
    attempts,
    cheaper,
    cost,
    joined,
    pair,
    peers_right_alone,
    right_with_all,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from outcomes import Kind, Row, Standing, from_json
from page_plots import draw_all
from peers.registry import LEAKCHECK

ROOT = Path(__file__).resolve().parent.parent
OTHERS = {"cost.json": "cost_page"}
"""Documents of other benchmarks, and the modules whose `sections(document, images)` makes Markdown of them."""
_SIGNS = {
    Standing.RIGHT: "✓",
    Standing.UNDECIDED: "undecided",
    Standing.MISSED: "✗ missed",
    Standing.FALSE_ALARM: "✗ false alarm",
    Standing.FAILED: "failed",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results", help="the documents' folder")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page and its pictures go")
    options = parser.parse_args(arguments)
    file = options.docs / "benchmarks.md"
    images = options.docs / "images" / "benchmarks"
    images.mkdir(parents=True, exist_ok=True)
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(options.results.glob("*.json"))}
    sections = [
        importlib.import_module(module).sections(found[name], images)
        for name, module in OTHERS.items()
        if name in found
    ]
    file.write_text(page(found.get("beside.json"), sections, images), encoding="utf-8")
    print(file)
    return 0


def page(beside: Mapping[str, Any] | None, sections: Sequence[str], images: Path) -> str:
    """Return the page, and draw its pictures; what other benchmarks say stands at its end."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(whole=whole, two=two, cell=cell)
    context: dict[str, Any] = {"peers": None, "sections": [section.strip() for section in sections]}
    if beside is not None:
        context.update(about_peers(beside))
        draw_all(joined(from_json(beside["rows"])), context["peers"]["names"], images)
    text = environment.get_template("page.md.j2").render(context)
    return _without_blank_runs(text)


def about_peers(beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that the template says of the peers."""
    rows = joined(from_json(beside["rows"]))
    names = [tool["name"] for tool in beside["tools"]]
    kinds = {row.arm: row.kind for row in rows}
    counted = [accuracy(name, rows) for name in names]
    return {
        "peers": {
            "date": beside["started"][:10],
            "machine": beside["machine"],
            "jobs": beside["jobs"],
            "repetitions": beside["repetitions"],
            "tools": beside["tools"],
            "names": names,
            "arms": len(kinds),
            "memory": sum(kind is Kind.MEMORY for kind in kinds.values()),
            "other": sum(kind is Kind.OTHER for kind in kinds.values()),
            "nothing": sum(kind is Kind.NOTHING for kind in kinds.values()),
        },
        "accuracy": counted,
        "documented_limit": documented_limit(rows),
        "ahead": [*ahead(counted), *cheaper(rows, names)],
        "beaten": peers_right_alone(rows),
        "groups": groups(rows, names),
        "pairs": [found for name in names if name != LEAKCHECK and (found := pair(name, rows))],
        **about_functions(from_json(beside["functions"]), names),
        "arms": [{"name": arm, "kind": kind, "said": _signs(arm, rows, names)} for arm, kind in kinds.items()],
    }


def groups(rows: Sequence[Row], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the groups of arms whose costs are compared: every tool is right about all of a group."""
    chosen = (
        ("Arms without a leak, about which all tools are right", [Kind.NOTHING]),
        ("Leaks that all tools find", [Kind.MEMORY, Kind.OTHER]),
    )
    return [
        {
            "title": title,
            "costs": [found for name in names if (found := cost(name, rows, right_with_all(rows, kinds)))],
        }
        for title, kinds in chosen
    ]


def about_functions(functions: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Return what it costs each tool to be right about the small functions, and what is said of the one apart."""
    from functions import APART, TRUTH

    tried = attempts(functions, [f"{name}-function" for name in TRUTH])
    apart = {row.tool: row for row in functions if row.arm in [f"{name}-function" for name in APART]}
    finders = [name for name in names if name in apart and apart[name].standing is Standing.RIGHT]
    found = f"found by {', '.join(finders)}" if finders else "found by none of them"
    by_tool = [[one for one in tried if one.tool == name] for name in names]
    return {"attempts": [_attempt(mine) for mine in by_tool if mine], "apart": found if apart else ""}


def _attempt(mine: Sequence[Attempt]) -> dict[str, str]:
    last = mine[-1]
    usual = "with the calls that it chose" if last.tool == LEAKCHECK else "with its usual calls"
    mistakes = dict.fromkeys(mistake for one in mine if not one.right for mistake in one.mistakes)
    if last.right:
        when = usual if last.factor == 1 else f"with {last.factor} times as many"
    else:
        when = "never" if last.tool == LEAKCHECK else f"never, up to {last.factor} times as many"
    return {
        "tool": last.tool,
        "when": when,
        "calls": f"{last.calls:,}" if last.right else "",
        "cpu_seconds": f"{last.cpu_seconds:.1f}" if last.right else "",
        "mistakes": "; ".join(mistakes),
    }


def documented_limit(rows: Sequence[Row]) -> str:
    """Return what `limit_leaks` would find with the limit of its documentation's example: all stacks are known."""
    mine = [row for row in rows if row.facts.get("over_documented_limit")]
    if not any("largest_stack_bytes" in row.facts for row in rows):
        return ""
    found = sum(row.kind is Kind.MEMORY for row in mine)
    alarms = sum(row.kind is Kind.NOTHING for row in mine)
    would = f"would find {found} of the leaks, with false alarms: {alarms}"
    return f"With 1 MB, as in its documentation's example, `limit_leaks` {would}."


def _signs(arm: str, rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    mine = {row.tool: row for row in rows if row.arm == arm}
    return [_SIGNS[mine[name].standing] if name in mine else "" for name in names]


def whole(figures: Spread) -> str:
    """Return a median and its ends as whole numbers."""
    return f"{figures.median:,.0f} ({figures.low:,.0f} to {figures.high:,.0f})"


def two(figures: Spread) -> str:
    """Return a median and its ends with two places, or none where they are large."""
    return f"{_short(figures.median)} ({_short(figures.low)} to {_short(figures.high)})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}"


def cell(text: str) -> str:
    """Return a text that a table's cell can hold."""
    return text.replace("|", "\\|").replace("\n", " ")


def _without_blank_runs(text: str) -> str:
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
