"""Bars and strips begin at zero and are as long as what they show."""

from dataclasses import replace

import pytest

from leakcheck.model.result import Budget, Latency
from leakcheck.reporters.charts.bars import latency_chart, peak_chart
from tests.unit.runs import BROKEN, CLEAN, MIB
from tests.unit.shown import ITERATOR, NAIVE_SHOWN, RETAINED


def test_bars_begin_at_zero_and_are_as_long_as_their_peaks_the_highest_first() -> None:
    chart = peak_chart([ITERATOR, NAIVE_SHOWN])
    assert chart is not None
    naive, iterator = chart.bars
    assert (chart.axis.low, chart.axis.unit, chart.axis.title) == (0, "MiB", "peak memory of one call")
    assert [bar.name for bar in chart.bars] == ["naive", "iterator"]
    assert (naive.peak, iterator.peak) == (int(93.1 * MIB), int(4.7 * MIB))
    assert (naive.label, naive.budget, iterator.budget) == ("93.1 MiB", 10 * MIB, 10 * MIB)
    assert (naive.role, iterator.role) == ("over", "within")
    assert chart.note == "Dotted: the budget of 10.0 MiB."


def test_peaks_of_several_scenarios_have_their_ids_and_those_without_a_peak_are_counted() -> None:
    other = replace(ITERATOR, scenario="search", budget=Budget(growth_bytes_per_1000_calls=1, peak_bytes=20 * MIB))
    chart = peak_chart([NAIVE_SHOWN, other, BROKEN])
    assert chart is not None
    assert [bar.name for bar in chart.bars] == ["newsletter[naive]", "search[iterator]"]
    assert chart.subject == ""
    assert chart.note == "Dotted: the budgets. 1 result without a peak is left out."


def test_of_many_peaks_the_twenty_highest_are_drawn() -> None:
    chart = peak_chart([replace(NAIVE_SHOWN, peak_bytes=number * MIB) for number in range(1, 29)])
    assert chart is not None
    assert [bar.peak for bar in chart.bars] == [number * MIB for number in range(28, 8, -1)]
    assert chart.note.endswith("The 20 highest of 28.")


@pytest.mark.parametrize(("times", "is_drawn"), [(4, True), (4.01, False)])
def test_a_budget_far_beyond_all_peaks_is_not_drawn(times: float, is_drawn: bool) -> None:
    budget = Budget(growth_bytes_per_1000_calls=1.0, peak_bytes=times * MIB)
    chart = peak_chart([replace(ITERATOR, peak_bytes=MIB, budget=budget)])
    assert chart is not None
    assert (chart.bars[0].budget is not None) is is_drawn
    assert ("beyond the peaks" in chart.note) is not is_drawn
    assert chart.axis.position(MIB) > (0.2 if is_drawn else 0.9)


def test_nothing_measured_makes_no_chart() -> None:
    assert peak_chart([BROKEN]) is None
    assert latency_chart([BROKEN]) is None


def test_a_strip_shows_deciles_of_many_calls_and_each_of_few() -> None:
    chart = latency_chart([RETAINED, ITERATOR])
    assert chart is not None
    many, few = chart.strips
    assert (len(many.bands), many.calls) == (4, ())
    assert many.bands[0][0] < many.bands[-1][0] < many.median < many.bands[-1][1] < many.bands[0][1]
    assert (few.bands, len(few.calls), few.p95) == ((), 3, None)
    assert few.label == "1.2 s, 3 calls"


def test_one_slow_call_does_not_push_all_others_to_the_left() -> None:
    slow = Latency(p50=1.0, p95=1.2, samples=1000, spread=(0.9, *(1.0,) * 9, 500.0))
    chart = latency_chart([replace(CLEAN, latency_seconds=slow)])
    assert chart is not None
    assert chart.axis.position(chart.strips[0].median) > 0.5
