"""Live bytes against calls: a line for each variant, its fitted slope, and its budget.

Each line begins at the end of its warm-up, at zero: so lines of different heaps and lengths share one
origin with the budgets. A run of several scenarios has a panel for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.charts.growth import fit_start, points_of, rise
from leakcheck.reporters.messages.cells import bounds_are_known
from leakcheck.reporters.plots.canvas import (
    BUDGET,
    COLOURS,
    DASHES,
    OVER,
    QUIET,
    UNKNOWN,
    WITHIN,
    Drawing,
    LineLabel,
    display_name,
    label_ends,
    new_figure,
    note,
    number_axis,
    unit_for,
)

_MOST_LINES = 8
_PANELS_ACROSS, _MOST_PANELS = 3, 9
_LEAST_SPAN_BYTES = 1024.0
"""The least height of an axis: the few bytes of a clean scenario must not look like growth."""

_LEGEND = "Dotted: the budget. Thin, with a band: the fitted slope and its bounds."
_GATE_COLOURS = {Gate.WITHIN: WITHIN, Gate.OVER: OVER, Gate.INCONCLUSIVE: UNKNOWN, Gate.ERROR: OVER}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotLine:
    """The line of one result: bytes gained against calls, both since the end of its warm-up."""

    result: Result
    growth: Growth
    calls: tuple[int, ...]
    gained: tuple[int, ...]

    @property
    def end(self) -> tuple[float, float]:
        """The last reading."""
        return self.calls[-1], self.gained[-1]

    def fitted(self, rate: float) -> tuple[float, float]:
        """Return both ends of a line with the slope `rate` (bytes per 1000 calls), from the start of the fitted one."""
        start = fit_start(list(zip(self.calls, self.gained, strict=True)), self.growth.bytes_per_1000_calls)
        return start, start + rise(rate, self.calls[-1])


def growth_lines(results: Sequence[Result]) -> list[PlotLine]:
    """Return the lines of the results with readings in bytes, leaks first, then the fastest growing."""
    lines = [line for result in results if (line := _line_of(result)) is not None]
    return sorted(lines, key=lambda line: (line.result.verdict is not Verdict.LEAK, -line.growth.bytes_per_1000_calls))


def growth_figure(results: Sequence[Result]) -> Drawing:
    """Return one chart for the variants of one scenario, or a panel for each result of several scenarios."""
    lines = growth_lines(results)
    is_one_scenario = len({line.result.scenario for line in lines}) == 1
    return _one_chart(lines, results) if is_one_scenario else _panels(lines, results)


def _one_chart(lines: Sequence[PlotLine], results: Sequence[Result]) -> Drawing:
    drawn = lines[:_MOST_LINES]
    figure = new_figure(8.6, 4.4)
    axes = figure.subplots()
    scale = _axes_of(axes, drawn)
    labels = [*_budget_rays(axes, drawn, scale)]
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        _draw_line(axes, line, scale, colour, DASHES[number // 4 % len(DASHES)])
        name = display_name(line.result.variant or line.result.scenario, 28)
        x, y = line.end
        axes.plot(x, y / scale, marker="o", markersize=4, color=colour, clip_on=False)
        labels.append(LineLabel(text=f"{name}: {rate_text(line)}", x=x, y=y / scale, colour=colour))
    axes.set_xlabel("calls after the warm-up")
    axes.set_title(f"{display_name(drawn[0].result.scenario)}: what stays alive, call by call", fontsize=12, pad=12)
    label_ends(axes, labels)
    note(figure, f"{_LEGEND} {_left_out(len(drawn), results, lines)}".strip())
    return Drawing(figure=figure, description=_description(drawn))


def _panels(lines: Sequence[PlotLine], results: Sequence[Result]) -> Drawing:
    drawn = lines[:_MOST_PANELS]
    across = min(_PANELS_ACROSS, len(drawn))
    down = -(-len(drawn) // across)
    figure = new_figure(3.4 * across, 2.5 * down + 0.6)
    panels = figure.subplots(down, across, squeeze=False).flatten().tolist()
    for axes, line in zip(panels, drawn, strict=False):
        colour = _GATE_COLOURS[line.result.gate]
        scale = _axes_of(axes, [line], most_ticks=4)
        list(_budget_rays(axes, [line], scale))
        _draw_line(axes, line, scale, colour, "-")
        axes.set_title(display_name(line.result.id, 34), fontsize=9, pad=16)
        axes.annotate(
            rate_text(line),
            xy=(0, 1),
            xytext=(0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            color=QUIET,
        )
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    for axes in panels[max(len(drawn) - across, 0) : len(drawn)]:
        axes.set_xlabel("calls after the warm-up")
    figure.suptitle("What stays alive, call by call", x=0.01, ha="left", fontweight="bold")
    note(figure, f"{_LEGEND} Each panel has its own scale. {_left_out(len(drawn), results, lines)}".strip())
    return Drawing(figure=figure, description=_description(drawn))


def _draw_line(axes: Axes, line: PlotLine, scale: float, colour: str, dashes: str) -> None:
    growth, span = line.growth, (0.0, line.calls[-1])
    if bounds_are_known(growth.low, growth.high):
        low, high = ([y / scale for y in line.fitted(bound)] for bound in (growth.low, growth.high))
        axes.fill_between(span, low, high, color=colour, alpha=0.15, linewidth=0)
        fit = [y / scale for y in line.fitted(growth.bytes_per_1000_calls)]
        axes.plot(span, fit, color=colour, linewidth=0.7, alpha=0.9)
    axes.plot(line.calls, [y / scale for y in line.gained], color=colour, linestyle=dashes, linewidth=1.8)


def _budget_rays(axes: Axes, lines: Sequence[PlotLine], scale: float) -> list[LineLabel]:
    """Draw a line for each budget, and return the labels."""
    last = max(line.calls[-1] for line in lines)
    labels = []
    for budget in sorted({line.result.budget.growth_bytes_per_1000_calls for line in lines}):
        end = rise(budget, last) / scale
        axes.plot((0, last), (0, end), color=BUDGET, linestyle=":", linewidth=1.2)
        top = axes.get_ylim()[1]
        # a budget that leaves the plot is labelled where it does
        x = last if end <= top else last * top / end
        text = f"budget: {format_size(budget)} / 1000 calls"
        labels.append(LineLabel(text=text, x=x, y=min(end, top), colour=BUDGET))
    return labels


def _axes_of(axes: Axes, lines: Sequence[PlotLine], most_ticks: int = 6) -> float:
    """Set up the axes for the lines, and return the bytes of their unit."""
    low = float(min(0, *(y for line in lines for y in line.gained)))
    high = max(low + _LEAST_SPAN_BYTES, *(y for line in lines for y in line.gained))
    unit, scale = unit_for(max(abs(low), high))
    margin = 0.04 * (high - low)
    axes.set_ylim((low - margin) / scale, (high + margin) / scale)
    axes.set_xlim(0, max(line.calls[-1] for line in lines))
    axes.set_ylabel(f"live bytes gained, {unit}" if unit != "B" else "live bytes gained")
    for which in ("x", "y"):
        number_axis(axes, which, most_ticks)
    return scale


def rate_text(line: PlotLine) -> str:
    """Return the growth for a line's label ("140 MiB / 1000 calls")."""
    growth = line.growth
    if not bounds_are_known(growth.low, growth.high):
        return "not known yet"
    pages = {Meter.RSS: ", pages", Meter.CHILDREN: ", child processes"}.get(growth.meter, "")
    bounded = ", bounded" if line.result.verdict is Verdict.BOUNDED else ""
    return f"{format_size(growth.bytes_per_1000_calls)} / 1000 calls{pages}{bounded}"


def _line_of(result: Result) -> PlotLine | None:
    growth = result.growth
    if growth is None or growth.meter is Meter.BLOCKS:
        return None
    # a run.json from before from_call existed: the warm-up was the first quarter
    from_call = growth.calls / 4 if growth.from_call is None else growth.from_call
    points = [point for point in points_of(result, growth.meter) if point[0] >= from_call]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    first, base = points[0]
    calls, gained = zip(*((call - first, value - base) for call, value in points), strict=True)
    return PlotLine(result=result, growth=growth, calls=calls, gained=gained)


def _left_out(drawn: int, results: Sequence[Result], lines: Sequence[PlotLine]) -> str:
    parts = []
    if drawn < len(lines):
        parts.append(f"The {drawn} that grow the fastest of {len(lines)}.")
    unread = len(results) - len(lines)
    if unread:
        parts.append(f"{unread} without readings in bytes {'is' if unread == 1 else 'are'} left out.")
    return " ".join(parts)


def _description(lines: Sequence[PlotLine]) -> str:
    growths = "; ".join(f"{display_name(line.result.id)}: {rate_text(line)}" for line in lines)
    return f"Live bytes gained against calls. {growths}."
