"""Step detection: at the run whose bounds leave the level, and nowhere else."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.compare.step_detection import find_regressions, find_steps
from leakcheck.model.history import HistoryEntry
from leakcheck.model.result import Meter
from leakcheck.model.tolerance import Figure, Tolerance
from leakcheck.model.verdict import Verdict
from tests.unit.records import record
from tests.unit.runs import KIB, MIB, TOLERANCE


def exactly(*values: float) -> list[Figure | None]:
    return [Figure.exact(value) for value in values]


def between(low: float, high: float) -> Figure:
    return Figure(value=(low + high) / 2, low=low, high=high)


def steps_of(figures: Sequence[Figure | None]) -> list[tuple[int, int]]:
    return [(before, after) for before, after, _, _ in find_steps(figures, TOLERANCE)]


values = st.floats(0, 1e12)
bounds = st.tuples(values, values).map(lambda pair: between(min(pair), max(pair)))
series = st.lists(st.none() | bounds, max_size=12)


def test_a_step_has_the_run_that_rose_and_the_one_before_it() -> None:
    assert steps_of(exactly(0, 0, 0, 8 * MIB, 8 * MIB)) == [(2, 3)]


def test_a_fixed_leak_is_a_step_too() -> None:
    assert steps_of(exactly(8 * MIB, 8 * MIB, 0, 0)) == [(1, 2)]


def test_a_leak_after_a_larger_one_was_fixed_is_found() -> None:
    assert steps_of(exactly(0, 9 * MIB, 0, 2 * MIB)) == [(0, 1), (1, 2), (2, 3)]


def test_a_change_within_the_tolerance_is_no_step() -> None:
    assert steps_of(exactly(100 * KIB, 116 * KIB)) == []
    assert steps_of(exactly(100 * KIB, 116 * KIB + 1)) == [(0, 1)]
    assert find_steps(exactly(100 * KIB, 116 * KIB + 1), Tolerance(share=0.2, bytes=0)) == []


def test_a_creeping_growth_is_found_with_all_runs_on_the_way() -> None:
    """WHEN each run is 3 % above the one before THEN the third is a step from the first."""
    assert steps_of(exactly(100 * MIB, 103 * MIB, 106 * MIB)) == [(0, 2)]


def test_bounds_that_overlap_are_no_step() -> None:
    assert steps_of([between(0, 9 * MIB), between(8 * MIB, 12 * MIB)]) == []


def test_a_run_without_a_figure_is_skipped() -> None:
    assert steps_of([*exactly(0), None, *exactly(MIB), None]) == [(0, 2)]


@given(series)
def test_a_step_separates_two_levels_in_order(figures: list[Figure | None]) -> None:
    steps = steps_of(figures)
    for before, after in steps:
        first, second = figures[before], figures[after]
        assert before < after
        assert first is not None
        assert second is not None
        assert second.low > first.high or second.high < first.low
    assert all(first[1] <= second[0] for first, second in pairwise(steps))


@given(series)
def test_the_first_run_above_all_before_it_is_never_missed(figures: list[Figure | None]) -> None:
    ends = {after for _, after in steps_of(figures)}
    level: list[Figure] = []
    for index, figure in enumerate(figures):
        if index in ends:
            level = []
        if figure is None:
            continue
        if level and index not in ends:
            assert figure.low <= TOLERANCE.upper_limit(max(other.high for other in level))
        level.append(figure)


@given(bounds, st.integers(1, 12))
def test_without_a_change_there_is_no_step(figure: Figure, count: int) -> None:
    assert steps_of([figure] * count) == []


def numbered_steps(*records: HistoryEntry) -> list[tuple[str, int, int]]:
    numbered = {entry.started: index for index, entry in enumerate(records)}
    return [
        (step.metric, numbered[step.before.started], numbered[step.after.started])
        for step in find_regressions(records, TOLERANCE)
    ]


def test_growth_and_peak_step_independently_in_order_of_time() -> None:
    runs = [record(0), record(1, growth=MIB), record(2, growth=MIB, peak=9 * MIB)]
    assert numbered_steps(*runs) == [("growth", 0, 1), ("peak", 1, 2)]
    growth, peak = find_regressions(runs, TOLERANCE)
    assert growth.rose
    assert (growth.before_bytes, growth.after_bytes) == (0, MIB)
    assert (peak.before_bytes, peak.after_bytes) == (1000_000, 9 * MIB)


def test_a_bounded_run_is_no_step_and_uncertain_runs_are_skipped() -> None:
    filling = record(1, growth=500 * KIB, verdict=Verdict.BOUNDED)
    unsure = record(2, growth=500 * KIB, verdict=Verdict.INCONCLUSIVE)
    unknown = replace(record(3, growth=MIB), growth=Figure(value=MIB, low=-1e15, high=1e15))
    pages = replace(record(4, growth=MIB), meter=Meter.RSS.value)
    failed = record(5, growth=None, peak=None)
    assert numbered_steps(record(0), filling, unsure, unknown, pages, failed, record(6)) == []


@given(series)
def test_every_run_of_a_level_is_compared_with_the_next(figures: list[Figure | None]) -> None:
    expected, level = [], list[int]()
    for index, figure in enumerate(figures):
        if figure is None:
            continue
        left = [other for other in level if steps_of([figures[other], figure])]
        if left:
            expected.append((left[-1], index))
            level = []
        level.append(index)
    assert steps_of(figures) == expected
