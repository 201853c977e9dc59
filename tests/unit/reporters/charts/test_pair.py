"""Before and after: bars with bounds, and a change where one is known."""

from dataclasses import replace

import pytest

from leakcheck.analysis.compare.runs import compare_results
from leakcheck.model.result import Result
from leakcheck.reporters.charts.pair import PairChart, label_of, pair_chart
from tests.unit.runs import BROKEN, CLEAN, KIB, LEAK, MIB, NAIVE, TOLERANCE, UNSURE, growth


def chart_of(before: Result, after: Result) -> PairChart:
    comparison = compare_results(before.scenario, [before], [after], TOLERANCE, side_by_side=False)
    return pair_chart(before, after, comparison)


def growing(rate: float, doubt: float = 1.0) -> Result:
    return replace(LEAK, growth=growth(rate, doubt), peak_bytes=None)


@pytest.mark.parametrize(
    ("before", "after", "titles"),
    [
        (growing(100.0 * KIB), growing(150.0 * KIB), ["growth: +50 %", "peak", "latency"]),
        (growing(100.0 * KIB), growing(1001.0 * KIB), ["growth: × 10", "peak", "latency"]),
        (growing(100.0 * KIB), growing(104.0 * KIB), ["growth: ~", "peak", "latency"]),
        (growing(100.0 * KIB, 30.0 * KIB), growing(150.0 * KIB, 20.0 * KIB), ["growth: ~", "peak", "latency"]),
        (growing(0.0), growing(150.0 * KIB), ["growth", "peak", "latency"]),
        (NAIVE, CLEAN, ["growth: ~", "peak: −95 %", "latency"]),
        (NAIVE, NAIVE, ["growth: ~", "peak: ~", "latency"]),
        (NAIVE, BROKEN, ["growth", "peak", "latency"]),
    ],
)
def test_a_change_is_named_where_it_exceeds_the_tolerance(before: Result, after: Result, titles: list[str]) -> None:
    assert [panel.title for panel in chart_of(before, after).panels] == titles


def test_what_was_not_measured_is_named_so() -> None:
    chart = chart_of(BROKEN, NAIVE)
    assert [label_of(panel.bars[0]) for panel in chart.panels] == ["not measured"] * 3
    assert [panel.axis.title for panel in chart.panels] == [
        "growth per 1000 calls",
        "peak memory of one call",
        "time of one call, p50",
    ]
    assert chart.title == "parser → newsletter[naive]"


def test_two_runs_of_one_variant_are_before_and_after() -> None:
    assert chart_of(NAIVE, NAIVE).title == "newsletter: before → after"
    assert chart_of(NAIVE, CLEAN).title == "newsletter: naive → iterator"


def test_only_bounds_that_can_be_seen_are_drawn() -> None:
    panel, _, _ = chart_of(growing(100.0 * MIB, 1.0), growing(100 * MIB, 20 * MIB)).panels
    assert [panel.has_visible_bounds(bar) for bar in panel.bars if bar] == [False, True]
    assert panel.axis.low == 0
    assert chart_of(UNSURE, UNSURE).panels[0].axis.low < -20_000
