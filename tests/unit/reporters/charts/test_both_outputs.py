"""The HTML report and the plots show what the chart model says: the same series, labels, budgets, axes and colours."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from leakcheck.model.result import Result
from leakcheck.reporters.charts.axis import Axis
from leakcheck.reporters.charts.bars import peak_chart
from leakcheck.reporters.charts.growth import GrowthChart, growth_chart, growth_panels
from leakcheck.reporters.html.growth_svg import growth_svg
from leakcheck.reporters.plots.canvas import ROLE_COLOURS
from leakcheck.reporters.plots.figures import growth_figure, peak_figure
from tests.unit.pages import Element, page_of
from tests.unit.runs import BOUNDED, BROKEN, run_of
from tests.unit.shown import ITERATOR, LONELY, NAIVE_SHOWN, QUERIES, RETAINED, SHOWN

VARIANTS = [NAIVE_SHOWN, ITERATOR, RETAINED, QUERIES]
RUNS = {
    "variants": VARIANTS,
    "a variant is left out": [*VARIANTS, replace(BOUNDED, variant="unread")],
    "over budget": [RETAINED],
    "within budget": [QUERIES],
    "inconclusive": [LONELY],
    "several scenarios": [*SHOWN.results],
}


def drawn_lines(axes: Axes, role: str, style: dict[str, object]) -> list[list[tuple[float, float]]]:
    """Return the positions of each line of a colour with these properties."""
    return [
        [(float(x), float(y)) for x, y in np.asarray(line.get_xydata()).tolist()]
        for line in axes.get_lines()
        if to_hex(line.get_color()) == to_hex(ROLE_COLOURS[role])
        and all(getattr(line, f"get_{name}")() == value for name, value in style.items())
        and isinstance(line, Line2D)
    ]


def ticks_of(axes: Axes, which: str) -> list[tuple[float, str]]:
    axis = axes.xaxis if which == "x" else axes.yaxis
    labels = [label.get_text() for label in axis.get_ticklabels()]
    return [(float(position), label) for position, label in zip(axis.get_ticklocs(), labels, strict=True)]


def assert_axis(axes: Axes, which: str, axis: Axis) -> None:
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    assert (low, high) == pytest.approx((axis.low, axis.high))
    positions, labels = zip(*ticks_of(axes, which), strict=True)
    assert positions == pytest.approx([tick.value for tick in axis.ticks])
    assert list(labels) == [tick.label for tick in axis.ticks]


@pytest.mark.parametrize("results", RUNS.values(), ids=RUNS)
def test_a_plot_shows_the_growth_chart_as_the_model_has_it(results: Sequence[Result]) -> None:
    panels = growth_panels(results)
    assert panels is not None
    figure = growth_figure(panels).figure
    texts = {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}  # type: ignore[attr-defined]
    for axes, chart in zip(figure.axes, panels.charts, strict=False):
        assert_axis(axes, "x", chart.x)
        assert_axis(axes, "y", chart.y)
        labels = [line for one in axes.texts if isinstance(one, Annotation) for line in one.get_text().split("\n")]
        assert sorted(labels) == sorted([*(line.label for line in chart.series), *(one.label for one in chart.budgets)])
        for line in chart.series:
            assert [*line.points] in drawn_lines(axes, line.role, {"linewidth": 1.8})
            assert not line.fit or [*line.fit] in drawn_lines(axes, line.role, {"linewidth": 0.7, "alpha": 0.9})
        budgets = drawn_lines(axes, "budget", {"linestyle": ":"})
        assert budgets == [[(0, 0), pytest.approx(budget.end)] for budget in chart.budgets]
        assert {chart.x.title, chart.y.title} <= texts
    assert panels.note == " ".join(figure._supxlabel.get_text().split())  # type: ignore[attr-defined]


def shown(results: Sequence[Result]) -> dict[str, list[Element]]:
    """Return the elements of each growth chart in the report, by the name of the chart."""
    charts: dict[str, list[Element]] = {}
    name = ""
    for element in page_of(run_of(*results)).elements:
        if element.tag == "figure":
            name = element.attributes.get("data-chart", "")
        if name:
            charts.setdefault(name, []).append(element)
    return charts


def texts_of(elements: Sequence[Element], class_: str) -> list[str]:
    return [
        one.text.strip()
        for one in elements
        if class_ in one.within or class_ in one.attributes.get("class", "").split()
    ]


def assert_shown(elements: Sequence[Element], chart: GrowthChart) -> None:
    svg = growth_svg(chart)
    assert svg is not None
    paths = {(one.attributes["class"], one.attributes["d"]) for one in elements if one.tag == "path"}
    lines = {(f"line {line.role}", svg.path(line.points)) for line in chart.series}
    fits = {(f"fit {line.role}", svg.path(line.fit)) for line in chart.series if line.fit}
    bands = {(f"band {line.role}", f"{svg.path(line.band)}Z") for line in chart.series if line.band}
    assert paths == lines | fits | bands | {("budget", svg.path([(0, 0), budget.end])) for budget in chart.budgets}
    labels = {(one.attributes["class"], one.text) for one in elements if one.tag == "text" and "labels" in one.within}
    assert labels == {
        *((line.role, line.label) for line in chart.series),
        *(("budget", budget.label) for budget in chart.budgets),
    }
    assert [one.text for one in elements if one.tag == "text" and "y-axis" in one.within] == [
        tick.label for tick in chart.y.ticks
    ]
    assert [one.text for one in elements if one.tag == "text" and "x-axis" in one.within] == [
        *(tick.label for tick in chart.x.ticks),
        chart.x.title,
    ]
    assert chart.y.title in texts_of(elements, "unit")
    assert chart.note in texts_of(elements, "note")


@pytest.mark.parametrize("results", [RUNS["variants"], RUNS["a variant is left out"]])
def test_the_report_shows_the_growth_charts_as_the_model_has_them(results: Sequence[Result]) -> None:
    charts = shown(results)
    panels = growth_panels(results)
    assert panels is not None
    assert_shown(charts["s0"], panels.charts[0])
    for number, result in enumerate(results):
        chart = growth_chart(result)
        assert (chart is not None) is (f"r0-{number}" in charts)
        if chart is not None:
            assert_shown(charts[f"r0-{number}"], chart)


@pytest.mark.parametrize("results", [VARIANTS, [NAIVE_SHOWN, BROKEN]])
def test_the_report_and_the_plot_show_the_peaks_as_the_model_has_them(results: Sequence[Result]) -> None:
    chart = peak_chart([result for result in results if result.scenario == "newsletter"])
    assert chart is not None
    # the plot
    figure = peak_figure(chart).figure
    [axes] = figure.axes
    assert_axis(axes, "x", chart.axis)
    assert axes.get_xlabel() == chart.axis.title
    bars = [(patch.get_width(), to_hex(patch.get_facecolor())) for patch in axes.patches]  # type: ignore[attr-defined]
    assert bars == [(bar.peak, to_hex(ROLE_COLOURS[bar.role])) for bar in chart.bars]
    assert [label for _, label in ticks_of(axes, "y")] == [bar.name for bar in chart.bars]
    assert [text.get_text() for text in axes.texts] == [bar.label for bar in chart.bars]
    strokes = [line[0][0] for line in drawn_lines(axes, "budget", {"linestyle": ":"})]
    assert strokes == [bar.budget for bar in chart.bars if bar.budget is not None]
    # the report
    elements = [one for one in page_of(run_of(*results)).elements if "peaks" in one.within]
    rectangles = [one.attributes for one in elements if one.tag == "rect"]
    assert [(one["class"], one["width"]) for one in rectangles] == [
        (f"bar {bar.role}", f"{100 * chart.axis.position(bar.peak):.2f}%") for bar in chart.bars
    ]
    budgets = [one.attributes["x1"] for one in elements if one.attributes.get("class") == "budget"]
    assert budgets == [f"{100 * chart.axis.position(bar.budget):.2f}%" for bar in chart.bars if bar.budget is not None]
    assert [one.text for one in elements if one.attributes.get("class") == "tick"] == [
        tick.label for tick in chart.axis.ticks
    ]
    assert texts_of(elements, "name") == [*(bar.name for bar in chart.bars), ""]
    assert texts_of(elements, "value") == [*(bar.label for bar in chart.bars), ""]
    assert chart.axis.title in texts_of(elements, "unit")
