"""The history's chart: the newest runs, their bounds, and the steps between them."""

from dataclasses import replace

import pytest

from leakcheck.analysis.compare.step_detection import find_regressions
from leakcheck.reporters.charts.history import history_chart
from tests.unit.records import record
from tests.unit.runs import MIB, TOLERANCE

RUNS = [record(0), record(1), record(2, growth=MIB)]


def test_a_run_has_its_figures_its_bounds_and_the_colour_of_its_gate() -> None:
    chart = history_chart(RUNS, find_regressions(RUNS, TOLERANCE))
    growth, peak = chart.panels
    assert [(point.value, point.low, point.high) for point in growth.points][-1] == (MIB, MIB - 100, MIB + 100)
    assert [point.role for point in growth.points] == ["within", "within", "over"]
    assert [point.value for point in peak.points] == [1000_000] * 3
    assert [(step.value, step.label) for step in growth.steps] == [(1.5, "rose to 1.00 MiB")]
    assert peak.steps == ()
    assert [panel.axis.title for panel in chart.panels] == ["growth per 1000 calls", "peak memory of one call"]
    assert chart.description.endswith("of 3 runs.")


def test_a_step_is_drawn_though_the_entries_were_copied_since_it_was_found() -> None:
    copies = [replace(run) for run in RUNS]
    assert len(history_chart(copies, find_regressions(RUNS, TOLERANCE)).panels[0].steps) == 1


def test_unknown_growth_and_missing_peaks_leave_a_gap() -> None:
    chart = history_chart([record(0, growth=None), record(1, doubt=1e15), record(2, peak=None)], [])
    assert [[point.index for point in panel.points] for panel in chart.panels] == [[2], [0, 1]]


@pytest.mark.parametrize(("runs", "named", "newest"), [(20, 20, False), (60, 20, False), (61, 20, True)])
def test_of_many_runs_the_newest_are_drawn_and_some_are_named(runs: int, named: int, newest: bool) -> None:
    chart = history_chart([record(number % 60) for number in range(runs)], [])
    assert len(chart.x.ticks) == named
    assert len(chart.panels[0].points) == min(runs, 60)
    assert chart.note.startswith(f"The newest 60 of {runs} runs.") is newest
