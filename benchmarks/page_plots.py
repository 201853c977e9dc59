"""The pictures of the page about peers: who is right, and what that costs."""

from collections.abc import Sequence
from pathlib import Path

from figures import accuracy
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from outcomes import Row, Standing

from leakcheck.reporters.plots.canvas import COLOURS, INK, QUIET, Drawing, new_figure, note, only_grid, render

SEGMENTS = (
    (Standing.RIGHT, COLOURS[0]),
    (Standing.UNDECIDED, COLOURS[5]),
    (Standing.MISSED, COLOURS[4]),
    (Standing.FALSE_ALARM, COLOURS[1]),
    (Standing.FAILED, COLOURS[7]),
)
DARK = (COLOURS[0], COLOURS[7])
"""What white can be read on."""

_ROW_INCHES = 0.34


def draw_all(rows: Sequence[Row], tools: Sequence[str], folder: Path) -> list[str]:
    """Write the pictures as SVG into a folder and return their names; the same rows give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, draw in (("peers-verdicts", verdicts_figure), ("peers-cpu", cpu_figure)):
        # bound now: the drawing is made before the next turn of the loop
        for file, content in render(name, lambda draw=draw: draw(rows, tools), ["svg"]):  # type: ignore[misc]
            (folder / file).write_bytes(content)
            names.append(file)
    return names


def number_axis(axes: Axes, which: str, most: int = 6) -> None:
    """Put round numbers on an axis, with thousands separators and without powers of ten."""
    numbered = axes.xaxis if which == "x" else axes.yaxis
    numbered.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10]))
    numbered.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))


def verdicts_figure(rows: Sequence[Row], tools: Sequence[str]) -> Drawing:
    """Return a bar a tool: the arms on which it was right, undecided, blind, alarmed for nothing, or failed."""
    figure = new_figure(8, 1.3 + _ROW_INCHES * len(tools))
    axes = figure.add_subplot()
    ordered = list(reversed(tools))
    left = [0] * len(ordered)
    for standing, colour in SEGMENTS:
        widths = [sum(row.tool == tool and row.standing is standing for row in rows) for tool in ordered]
        axes.barh(ordered, widths, left=left, color=colour, label=str(standing), height=0.7)
        for place, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width >= 3:
                ink = "white" if colour in DARK else INK
                axes.text(start + width / 2, place, str(width), ha="center", va="center", color=ink, fontsize=8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_title("Verdicts, arm by arm")
    number_axis(axes, "x")
    only_grid(axes, "x")
    axes.set_xlabel("arms")
    figure.legend(loc="outside lower right", ncols=len(SEGMENTS), frameon=False, fontsize=8)
    right = ", ".join(f"{tool} {accuracy(tool, rows).right}" for tool in tools)
    return Drawing(figure=figure, description=f"Arms on which each tool is right, of {max(left, default=0)}: {right}.")


def cpu_figure(rows: Sequence[Row], tools: Sequence[str]) -> Drawing:
    """Return a point an arm: CPU seconds of the whole command, where the verdict was right and where not."""
    figure = new_figure(8, 1.3 + _ROW_INCHES * len(tools))
    axes = figure.add_subplot()
    ordered = list(reversed(tools))
    for right, colour, label in ((True, COLOURS[0], "right"), (False, COLOURS[1], "not right")):
        chosen = [row for row in rows if (row.standing is Standing.RIGHT) is right]
        # spread by their order, not by chance: two renderings must be the same
        heights = [ordered.index(row.tool) + 0.3 * ((number * 7 % 11) / 5 - 1) for number, row in enumerate(chosen)]
        seconds = [row.cpu_seconds for row in chosen]
        axes.scatter(seconds, heights, s=9, color=colour, label=label, alpha=0.75, linewidths=0)
    axes.set_yticks(range(len(ordered)), ordered)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    only_grid(axes, "x")
    axes.set_title("CPU of the whole command, start-up and all its processes included")
    axes.set_xlabel("CPU seconds, logarithmic", color=QUIET)
    figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    note(figure, "A point an arm.")
    return Drawing(figure=figure, description="CPU seconds of each tool on each arm, on a logarithmic axis.")
