"""Markdown and pictures of what `cost.py` measured. The same document gives the same bytes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cost_figures import LEAKCHECK, Cost, Fleet, costs, fleets, rows_of
from page_plots import number_axis

from leakcheck.reporters.plots.canvas import COLOURS, DASHES, Drawing, new_figure, note, only_grid, render

_WORDS = {"call": "cost of a call", "heap": "objects alive before the first call"}
_LOADS, _FLEETS = "cost-loads", "cost-scenarios"

_HEAD = """\
## Overhead

Clean functions, each measured by `leakcheck run --no-peak --no-report` and replayed in a plain loop (*bare replay*)
in the same minute; the other tools neither measure peaks nor write reports. CPU and wall seconds are those of the
whole command with all its processes. *Bare replay* is the ratio of its CPU to that of a process which imports the
file, sets up and makes as many calls. *User's code* is the share of wall time in the user's calls: first of the
growth pass from its first call to the verdict, then of the whole growth pass with its set-up. That process is the one
that collected the file; further scenarios of a file get their own process, whose start and imports come on top.

Measured on {started} with leakcheck {leakcheck}, {python}, {system}, {cores} cores, {repetitions} times each (slow
ones once). Figures are medians. Times depend on the machine and its load, ratios much less.
"""

_FLEET_HEAD = """\
### By the number of scenarios

A file of scenarios that each sort a hundred numbers, with the report. Seconds are those of the whole command, per
scenario. *Bare replay* is the ratio of its CPU per scenario to that of a process which makes as many calls of one of
them. *Parent* is the peak memory of leakcheck's own process, which keeps the results for the report.
"""


def sections(document: Mapping[str, Any], images: Path) -> str:
    """Return the sections, and write their pictures into a folder, which the page shows as `images/<its name>`."""
    rows = rows_of(document)
    by_part = {part: costs(rows, part) for part in _WORDS}
    many = fleets(rows)
    images.mkdir(parents=True, exist_ok=True)
    texts = [_head(document)]
    if any(by_part.values()):
        texts.append(_draw(_LOADS, lambda: loads_figure(by_part), images))
    texts += [_part(part, found) for part, found in by_part.items() if found]
    if many:
        texts += [_FLEET_HEAD, _draw(_FLEETS, lambda: fleets_figure(many), images), _fleet_table(many)]
    return "\n".join(texts)


def _head(document: Mapping[str, Any]) -> str:
    return _HEAD.format(
        started=document["started"][:10],
        leakcheck=document["leakcheck"],
        repetitions=document["repetitions"],
        **document["machine"],
    )


def _part(part: str, found: Sequence[Cost]) -> str:
    rows = [
        (
            one.case,
            one.tool,
            one.verdicts,
            "" if one.calls is None else f"{one.calls:,.0f}",
            f"{one.cpu_seconds:.2f}",
            f"{one.wall_seconds:.2f}",
            "" if one.times_bare is None else f"{one.times_bare:.2f} ×",
            "" if one.own_share is None else f"{one.own_share_of_calls:.0%}, {one.own_share:.0%}",
        )
        for one in found
    ]
    head = (_WORDS[part], "tool", "verdict", "calls", "CPU s", "wall s", "bare replay", "user's code")
    return f"### By the {_WORDS[part]}\n\n{_table(head, rows, texts=3)}"


def _fleet_table(found: Sequence[Fleet]) -> str:
    rows = [
        (
            f"{one.scenarios:,}",
            f"{one.jobs}",
            "yes" if one.peaks else "no",
            f"{one.wall_seconds_each:.2f}",
            f"{one.cpu_seconds_each:.2f}",
            f"{one.times_bare:.1f} ×",
            "" if one.peak_mib is None else f"{one.peak_mib:.1f} MiB",
        )
        for one in found
    ]
    head = ("scenarios", "`--jobs`", "peaks", "wall s each", "CPU s each", "bare replay", "parent")
    return _table(head, rows, texts=0)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> str:
    """Return a table whose first so many columns are words, and the others figures."""
    rules = ["---" if number < texts else "---:" for number in range(len(head))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rules, *rows))


def _draw(name: str, draw: Callable[[], Drawing], images: Path) -> str:
    drawn: list[Drawing] = []

    def once() -> Drawing:
        drawn.append(draw())  # within `render`: how pictures look is set there
        return drawn[0]

    for file, content in render(name, once, ["svg"]):
        (images / file).write_bytes(content)
    return f"![{drawn[0].description}](images/{images.name}/{name}.svg)\n"


def loads_figure(by_part: Mapping[str, Sequence[Cost]]) -> Drawing:
    """Return a line a tool: its CPU over that of the bare replay, by the cost of a call and by the heap."""
    parts = {part: found for part, found in by_part.items() if found}
    figure = new_figure(8, 3.4)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    tools = list(dict.fromkeys(one.tool for found in parts.values() for one in found))
    for axes, (part, found) in zip(panels, parts.items(), strict=True):
        cases = list(dict.fromkeys(one.case for one in found))
        for number, tool in enumerate(tools):
            mine = [one for one in found if one.tool == tool and one.times_bare is not None]
            axes.plot(
                [cases.index(one.case) for one in mine],
                [one.times_bare for one in mine],
                color=COLOURS[number % len(COLOURS)],
                linestyle=DASHES[number % len(DASHES)],
                marker="o",
                markersize=4,
                label=tool,
            )
        axes.set_xticks(range(len(cases)), cases)
        if any(one.times_bare is not None for one in found):  # a logarithm of nothing is an error
            axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} ×")
        only_grid(axes, "y")
        axes.set_title(f"By the {_WORDS[part]}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=6, frameon=False, fontsize=8)
    note(figure, "CPU of the whole command over that of a bare replay of as many calls, logarithmic.")
    said = "; ".join(
        f"{one.case} {one.times_bare:.2f}"
        for found in parts.values()
        for one in found
        if one.tool == LEAKCHECK and one.times_bare is not None
    )
    return Drawing(figure=figure, description=f"CPU over a bare replay of the same calls, leakcheck: {said}.")


def fleets_figure(found: Sequence[Fleet]) -> Drawing:
    """Return the seconds that each scenario takes, and the memory of the parent, by the number of scenarios."""
    figure = new_figure(8, 3.2)
    seconds, memory = figure.subplots(1, 2)
    for number, (jobs, peaks) in enumerate(dict.fromkeys((one.jobs, one.peaks) for one in found)):
        mine = [one for one in found if (one.jobs, one.peaks) == (jobs, peaks)]
        look: dict[str, Any] = {
            "color": COLOURS[number],
            "linestyle": DASHES[number % len(DASHES)],
            "marker": "o",
            "markersize": 4,
            "label": f"--jobs {jobs}{'' if peaks else ', no peaks'}",
        }
        seconds.plot([one.scenarios for one in mine], [one.wall_seconds_each for one in mine], **look)
        memory.plot([one.scenarios for one in mine], [one.peak_mib or 0.0 for one in mine], **look)
    for axes, title, unit in ((seconds, "Wall time for each scenario", "s"), (memory, "Memory of the parent", "MiB")):
        axes.set_title(title)
        axes.set_ylabel(unit)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("scenarios in one command")
        axes.set_ylim(bottom=0)
        number_axis(axes, "y")
        only_grid(axes, "y")
    figure.legend(*seconds.get_legend_handles_labels(), loc="outside lower right", ncols=4, frameon=False, fontsize=8)
    last = max(found, key=lambda one: (one.scenarios, one.jobs, one.peaks))
    said = f"with {last.scenarios} and --jobs {last.jobs} {last.wall_seconds_each:.2f} s each"
    return Drawing(figure=figure, description=f"Wall time and memory by the number of scenarios: {said}.")
