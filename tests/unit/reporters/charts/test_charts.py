"""Charts: axes that are honest at any number, lines where the readings are, labels that can be read."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget, Latency, Meter
from leakcheck.reporters.charts.axis import bytes_axis, count_axis, seconds_axis
from leakcheck.reporters.charts.bars import bars_of, strips_of
from leakcheck.reporters.charts.growth import chart_of, chart_of_variants
from leakcheck.reporters.charts.svg import HEIGHT, ChartLabel, spread_labels, thinned
from tests.unit.runs import CLEAN, KIB, MIB, growth
from tests.unit.shown import ITERATOR, NAIVE_SHOWN, RETAINED, readings

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(NUMBERS, NUMBERS)
def test_an_axis_of_any_numbers_has_ticks_in_order_and_within_it(low: float, high: float) -> None:
    for axis in (bytes_axis(low, high), count_axis(low, high), seconds_axis(high)):
        assert axis.low < axis.high
        places = [tick.position for tick in axis.ticks]
        assert places == sorted(places)
        assert len(places) <= 12
        assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)


def test_ticks_are_round_numbers_of_one_unit() -> None:
    assert [tick.label for tick in bytes_axis(0, 93 * MIB).ticks] == ["0", "20 MiB", "40 MiB", "60 MiB", "80 MiB"]
    assert [tick.label for tick in bytes_axis(-3 * KIB, 3 * KIB).ticks] == ["-2 KiB", "0", "2 KiB"]
    assert [tick.label for tick in seconds_axis(0.0019).ticks] == ["0", "0.5 ms", "1 ms", "1.5 ms"]
    assert [tick.label for tick in count_axis(0, 1600).ticks] == ["0", "500", "1,000", "1,500"]


def test_a_position_on_an_axis_is_linear_from_low_to_high() -> None:
    axis = bytes_axis(-100, 300)
    assert [axis.position(value) for value in (-100, 0, 100, 300)] == [0, 0.25, 0.5, 1]


def ends_of(path: str) -> tuple[float, float]:
    """Return the heights at which a line begins and ends."""
    heights = [float(step.split(" ")[1]) for step in path.replace("Z", "").replace("M", "L").split("L")[1:]]
    return heights[0], heights[-1]


def test_the_fitted_line_lies_on_readings_that_grow_steadily() -> None:
    # GIVEN a steady growth, known exactly
    steady = replace(
        RETAINED, growth=replace(growth(1000 * 500.0, 0.0, calls=1600), from_call=401), readings=readings(500.0, 1600)
    )
    chart = chart_of(steady)
    assert chart is not None
    # THEN the fitted line begins at 0, where the first reading that counts is drawn, and ends where the last one is
    (line,) = chart.lines
    at_start = next(value for call, value in line.points if call >= 401)
    assert line.base == pytest.approx(at_start, abs=1)
    zero = HEIGHT * (1 - chart.y.position(0))
    assert ends_of(chart.fit) == pytest.approx((zero, ends_of(line.path)[1]), abs=0.2)
    # AND what does not count is shaded
    assert chart.warm_up == pytest.approx(401 / 1581, abs=0.01)


def test_the_budget_and_the_bounds_are_drawn_from_where_the_fitted_line_begins() -> None:
    bounded = replace(growth(64 * KIB, 32 * KIB, calls=1600), from_call=401)
    allowed = Budget(growth_bytes_per_1000_calls=96 * KIB)
    chart = chart_of(replace(RETAINED, growth=bounded, budget=allowed, readings=readings(64 * KIB / 1000, 1600)))
    assert chart is not None
    starts = [ends_of(path)[0] for path in (chart.fit, chart.band, chart.budget)]
    assert starts == [starts[0]] * 3
    steps = [float(step.split(" ")[1]) for step in chart.band.strip("Z").replace("M", "L").split("L")[1:]]
    # the upper bound is the budget here
    assert steps[1] == pytest.approx(ends_of(chart.budget)[1], abs=0.1)
    middle = (steps[1] + steps[2]) / 2
    assert ends_of(chart.fit)[1] == pytest.approx(middle, abs=0.2)


def test_an_old_document_without_the_end_of_the_warm_up_is_drawn_without_a_fit() -> None:
    chart = chart_of(replace(RETAINED, growth=replace(growth(5.0), from_call=None)))
    assert chart is not None
    assert (chart.fit, chart.band, chart.warm_up) == ("", "", 0)
    assert chart.budget


def test_blocks_are_drawn_as_blocks_and_without_budgets_of_bytes() -> None:
    counted = replace(growth(5.0, meter=Meter.BLOCKS), from_call=401)
    chart = chart_of(replace(RETAINED, growth=counted))
    assert chart is not None
    assert (chart.unit, chart.fit, chart.band, chart.budget) == ("blocks", "", "", "")


def test_nothing_is_drawn_without_two_readings() -> None:
    assert chart_of(replace(CLEAN, readings=Readings())) is None
    assert chart_of(replace(RETAINED, growth=None)) is None
    assert chart_of_variants([RETAINED]) is None
    assert chart_of_variants([RETAINED, replace(CLEAN, readings=Readings())]) is None


def test_variants_begin_at_the_same_height_where_they_begin_to_count() -> None:
    chart = chart_of_variants([NAIVE_SHOWN, ITERATOR, RETAINED])
    assert chart is not None
    naive, iterator, retained = chart.lines
    zero = HEIGHT * (1 - chart.y.position(0))
    assert ends_of(naive.path)[1] == ends_of(iterator.path)[1] == pytest.approx(zero, abs=0.1)
    assert ends_of(retained.path)[1] < zero / 2
    assert [line.number for line in chart.lines] == [0, 1, 2]
    assert {label.text for label in chart.labels} == {"naive", "iterator", "retained"}


@given(st.lists(st.floats(0, HEIGHT), max_size=14))
def test_labels_are_spread_in_the_order_of_their_lines(ends: list[float]) -> None:
    labels = spread_labels([ChartLabel(text=str(end), style="", end=end) for end in ends])
    assert [label.end for label in labels] == sorted(ends)
    heights = [label.y for label in labels]
    assert all(later - earlier > 14.9 for earlier, later in pairwise(heights))
    assert all(0 < height < HEIGHT for height in heights)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=3000))
def test_of_many_readings_highs_lows_and_both_ends_are_kept(values: list[int]) -> None:
    points = list(enumerate(values))
    drawn = list(thinned(points))
    assert drawn == sorted(set(drawn))
    assert {*drawn} <= {*points}
    assert len(drawn) <= 410
    assert (drawn[0], drawn[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {value for _, value in drawn}


def test_bars_begin_at_zero_and_are_as_long_as_their_peaks() -> None:
    bars = bars_of([NAIVE_SHOWN, ITERATOR])
    assert bars is not None
    naive, iterator = bars.rows
    assert bars.axis.low == 0
    assert naive.length / iterator.length == pytest.approx(93.1 / 4.7, rel=0.001)
    assert naive.budget == iterator.budget == pytest.approx(naive.length * 10 / 93.1, rel=0.001)
    assert (naive.is_over, iterator.is_over) == (True, False)


def test_a_budget_far_beyond_all_peaks_is_not_drawn() -> None:
    bars = bars_of([replace(ITERATOR, budget=Budget(growth_bytes_per_1000_calls=1.0, peak_bytes=1024.0 * MIB))])
    assert bars is not None
    assert bars.rows[0].budget is None
    assert bars.rows[0].length > 0.9


def test_a_strip_shows_deciles_of_many_calls_and_each_of_few() -> None:
    strips = strips_of([RETAINED, ITERATOR])
    assert strips is not None
    many, few = strips.rows
    assert (len(many.bands), many.dots) == (4, ())
    assert many.bands[0][0] < many.bands[-1][0] < many.median < many.bands[-1][1] < many.bands[0][1]
    assert (few.bands, len(few.dots), few.p95) == ((), 3, None)
    assert few.text == "1.2 s, 3 calls"


def test_one_slow_call_does_not_push_all_others_to_the_left() -> None:
    slow = Latency(p50=1.0, p95=1.2, samples=1000, spread=(0.9, *(1.0,) * 9, 500.0))
    strips = strips_of([replace(CLEAN, latency_seconds=slow)])
    assert strips is not None
    assert strips.rows[0].median > 0.5
