"""Growth charts begin at zero at the end of warm-up, with the fitted line, its bounds and the budget."""

from dataclasses import replace

import pytest

from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget, Growth, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.charts.growth import GrowthChart, growth_chart, growth_chart_of_variants, growth_panels
from tests.unit.runs import BROKEN, CLEAN, KIB, growth
from tests.unit.shown import ITERATOR, NAIVE_SHOWN, QUERIES, RETAINED, readings


def chart_of(result: Result) -> GrowthChart:
    chart = growth_chart(result)
    assert chart is not None
    return chart


def variants_of(*results: Result) -> GrowthChart:
    chart = growth_chart_of_variants(results)
    assert chart is not None
    return chart


STEADY = replace(
    RETAINED, growth=replace(growth(1000 * 500.0, 0.0, calls=1600), from_call=401), readings=readings(500.0, 1600)
)
"""A steady growth, known exactly: 500 bytes a call."""


def test_the_fitted_line_lies_on_readings_that_grow_steadily() -> None:
    chart = chart_of(STEADY)
    [series] = chart.series
    # the origin is the first reading that counts
    assert series.origin == pytest.approx((401, STEADY.readings.heap_bytes[20]), abs=1)
    assert series.points[20] == pytest.approx((0, 0), abs=1)
    # AND the fitted line ends where the last reading is
    assert series.points[-1] == pytest.approx(series.fit[-1], abs=1)
    assert series.fit == ((0, 0), (1180, 1180 * 500))
    # AND the warm-up is drawn before zero
    assert (chart.x.low, chart.x.high) == (-400, 1180)
    assert chart.warm_up == pytest.approx(400 / 1580)
    assert chart.note.endswith("Shaded: the warm-up, which does not count.")


def test_the_axes_name_what_is_drawn() -> None:
    chart = chart_of(STEADY)
    assert chart.y.title == "memory growth relative to the end of warm-up"
    assert (chart.x.title, chart.x.unit, chart.y.unit) == ("calls after warm-up", "calls", "KiB")
    pages = chart_of(replace(STEADY, growth=replace(growth(5.0, meter=Meter.RSS), from_call=401)))
    assert pages.y.title == "growth of resident pages relative to the end of warm-up"
    assert pages.series[0].label == "5 B / 1000 calls, pages"


def test_the_budget_and_the_bounds_are_drawn_from_where_the_fitted_line_begins() -> None:
    allowed = Budget(growth_bytes_per_1000_calls=96 * KIB)
    bounds = replace(growth(64 * KIB, 32 * KIB, calls=1600), from_call=401)
    chart = chart_of(replace(STEADY, growth=bounds, budget=allowed, readings=readings(64 * KIB / 1000, 1600)))
    [series], [budget] = chart.series, chart.budgets
    start, high, low = series.band
    assert start == series.fit[0] == (0, 0)
    # the upper bound is the budget here
    assert high == budget.end == pytest.approx((1180, 1180 / 1000 * 96 * KIB))
    assert series.fit[1][1] == pytest.approx((high[1] + low[1]) / 2)
    assert budget.label == "budget: 96.0 KiB / 1000 calls"
    assert chart.y.low < 0 < budget.end[1] < chart.y.high


@pytest.mark.parametrize(
    ("from_call", "bounds", "origin", "is_fitted"),
    [(401, 5.0, 401, True), (None, 5.0, 401, True), (None, 1e15, 1, False), (10**18, 5.0, 1, False)],
    ids=["known", "an old document: the first quarter", "nothing was estimated", "beyond all readings"],
)
def test_the_origin_is_the_first_call_that_counts(
    from_call: int | None, bounds: float, origin: int, is_fitted: bool
) -> None:
    chart = chart_of(replace(STEADY, growth=replace(growth(5e5, bounds, calls=1600), from_call=from_call)))
    [series] = chart.series
    assert series.origin[0] == origin
    assert bool(series.fit) is bool(series.band) is is_fitted
    assert ("fitted slope" in chart.note) is is_fitted
    assert (series.label == "growth unknown") is (bounds > 1e14)
    assert chart.budgets


def test_blocks_are_drawn_as_blocks_and_without_budgets_of_bytes() -> None:
    chart = chart_of(replace(RETAINED, growth=replace(growth(5.0, meter=Meter.BLOCKS), from_call=401)))
    assert (chart.y.unit, chart.y.title) == ("blocks", "growth of Python's blocks relative to the end of warm-up")
    assert (chart.series[0].fit, chart.series[0].band, chart.budgets) == ((), (), ())


@pytest.mark.parametrize(
    ("over_budget", "gate", "role"),
    [
        (("growth",), Gate.OVER, "over"),
        (("growth",), Gate.WITHIN, "over"),  # a known leak: it does not fail, and is over budget
        (("peak",), Gate.OVER, "within"),
        ((), Gate.WITHIN, "within"),
        ((), Gate.INCONCLUSIVE, "unknown"),
        ((), Gate.ERROR, "unknown"),
    ],
)
def test_the_colour_of_one_result_is_whether_its_growth_is_over_budget(
    over_budget: tuple[str, ...], gate: Gate, role: str
) -> None:
    [series] = chart_of(replace(STEADY, over_budget=over_budget, gate=gate)).series
    assert series.role == role


def test_a_few_bytes_of_a_clean_scenario_do_not_look_like_growth() -> None:
    tiny = Budget(growth_bytes_per_1000_calls=1.0)
    chart = chart_of(replace(ITERATOR, budget=tiny, readings=readings(0.01, 480, warm_up=0)))
    assert 1024 <= chart.y.high - chart.y.low < 1200


@pytest.mark.parametrize(("verdict", "is_clipped"), [(Verdict.CLEAN, True), (Verdict.BOUNDED, False)])
def test_a_high_warm_up_is_clipped_unless_it_is_where_a_bounded_scenario_grew(
    verdict: Verdict, is_clipped: bool
) -> None:
    chart = chart_of(replace(ITERATOR, verdict=verdict))
    first = chart.series[0].points[0][1]
    assert (first < chart.y.low) is is_clipped
    # 1.5 heights of what counts, the budget at its end here, and a margin
    if is_clipped:
        assert chart.y.low == pytest.approx(-chart.budgets[0].end[1] * (1.5 + 0.06 * 2.5))


@pytest.mark.parametrize(
    "result",
    [replace(CLEAN, readings=Readings()), replace(RETAINED, growth=None), BROKEN],
    ids=["no readings", "no growth", "broken"],
)
def test_nothing_is_drawn_without_two_readings(result: Result) -> None:
    assert growth_chart(result) is None
    assert growth_panels([result]) is None
    assert growth_chart_of_variants([RETAINED]) is None
    assert growth_chart_of_variants([RETAINED, result]) is None


# --- variants -------------------------------------------------------------------------------------


def test_variants_begin_at_zero_leaks_first_each_with_its_colour_and_growth() -> None:
    chart = variants_of(NAIVE_SHOWN, ITERATOR, QUERIES, RETAINED)
    assert [series.name for series in chart.series] == ["retained", "debug_queries", "naive", "iterator"]
    assert [series.role for series in chart.series] == ["line-0", "line-1", "line-2", "line-3"]
    assert all(series.points[0] == pytest.approx((0, 0), abs=1) for series in chart.series)
    assert chart.series[0].label == "retained: 144 MiB / 1000 calls"
    assert chart.series[1].label == "debug_queries: 605 KiB / 1000 calls, bounded"
    assert (chart.x.low, chart.warm_up, chart.subject) == (0, 0, "newsletter")
    assert [budget.label for budget in chart.budgets] == ["budget: 64.0 KiB / 1000 calls"]


def with_budget(rate: float) -> Result:
    return replace(NAIVE_SHOWN, budget=Budget(growth_bytes_per_1000_calls=rate))


def test_a_higher_budget_ends_where_it_leaves_the_chart_and_the_lowest_is_in_it() -> None:
    chart = variants_of(with_budget(KIB), with_budget(1000 * KIB))
    low, high = chart.budgets
    last = chart.x.high
    assert low.end == pytest.approx((last, KIB * last / 1000))
    assert high.end[1] == chart.y.high
    assert high.end[0] == pytest.approx(chart.y.high / KIB)


def test_of_more_variants_than_there_are_colours_the_fastest_are_drawn() -> None:
    growths = [replace(RETAINED.growth or growth(), bytes_per_1000_calls=1e8 + number) for number in range(9)]
    chart = variants_of(
        *(replace(RETAINED, variant=f"v{number}", growth=growth) for number, growth in enumerate(growths))
    )
    assert [series.name for series in chart.series] == [f"v{number}" for number in range(8, 0, -1)]
    assert chart.note.endswith("The 8 that grow the fastest of 9.")


def in_blocks(result: Result) -> Result:
    measured = result.growth
    assert isinstance(measured, Growth)
    return replace(result, growth=replace(measured, meter=Meter.BLOCKS))


def test_what_is_counted_in_blocks_is_left_out_beside_bytes() -> None:
    chart = variants_of(RETAINED, in_blocks(NAIVE_SHOWN), ITERATOR, BROKEN)
    assert [series.name for series in chart.series] == ["retained", "iterator"]
    assert chart.left_out == "2 results without comparable readings are left out."
    assert variants_of(in_blocks(RETAINED), in_blocks(ITERATOR)).y.unit == "blocks"


# --- a run ----------------------------------------------------------------------------------------


def test_a_run_of_one_scenario_is_one_chart_and_of_several_a_panel_each() -> None:
    one = growth_panels([NAIVE_SHOWN, RETAINED])
    assert one is not None
    assert one.charts == (variants_of(NAIVE_SHOWN, RETAINED),)
    assert one.note == one.charts[0].note
    several = growth_panels([NAIVE_SHOWN, replace(RETAINED, scenario="search"), BROKEN])
    assert several is not None
    assert [chart.subject for chart in several.charts] == ["search[retained]", "newsletter[naive]"]
    assert several.note.endswith("Each panel has its own scale. 1 result without comparable readings is left out.")


def test_of_more_results_than_fit_nine_panels_are_drawn() -> None:
    panels = growth_panels([replace(RETAINED, scenario=f"s{number}") for number in range(10)])
    assert panels is not None
    assert len(panels.charts) == 9
    assert panels.left_out == "The 9 that grow the fastest of 10."
