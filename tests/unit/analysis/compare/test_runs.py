"""Two sides compared: which changes are claimed, which are not, and how they are shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.compare.runs import compare_results
from leakcheck.analysis.latency import summarize_latency
from leakcheck.model.comparison import (
    COMPARISON_SCHEMA,
    Comparison,
    Metric,
    MetricComparison,
    ScenarioComparison,
    Side,
    Unit,
)
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Latency, Result
from leakcheck.model.tolerance import ChangeVerdict, Figure
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.comparison import (
    change_text,
    csv_table,
    figure_text,
    markdown,
    render_comparison,
    verdict_text,
)
from tests.unit.ci_runner import obeyed
from tests.unit.rendered import rendered
from tests.unit.runs import TOLERANCE, limit_of
from tests.unit.runs import growth as growth_of


def result(
    *,
    growth: float | None = 0.0,
    doubt: float = 100.0,
    peak: int | None = 1_000_000,
    milliseconds: float = 5.0,
    spread: float = 0.1,
    failure: Failure | None = None,
    name: str = "send",
    verdict: Verdict | None = None,
) -> Result:
    latency = Latency(
        p50=milliseconds / 1e3,
        p95=milliseconds / 500,
        samples=200,
        p50_low=(milliseconds - spread) / 1e3,
        p50_high=(milliseconds + spread) / 1e3,
        p95_low=milliseconds / 505,
        p95_high=milliseconds / 495,
    )
    return Result(
        scenario=name,
        variant=None,
        target="shop.py::send",
        verdict=verdict or (Verdict.LEAK if growth else Verdict.CLEAN),
        gate=Gate.WITHIN,
        over_budget=(),
        budget=Budget(growth_bytes_per_1000_calls=4096),
        growth=None if growth is None else growth_of(growth, doubt),
        peak_bytes=peak,
        latency_seconds=latency,
        failure=failure,
    )


def rows(before: list[Result], after: list[Result], *, side_by_side: bool = True) -> dict[Metric, MetricComparison]:
    compared = compare_results("send", before, after, TOLERANCE, side_by_side=side_by_side)
    return {row.metric: row for row in compared.rows}


@given(
    growth=st.floats(-1e6, 1e9),
    doubt=st.floats(0, 1e6),
    peak=st.integers(0, 10**10),
    milliseconds=st.floats(0.1, 1e4),
    rounds=st.integers(1, 5),
)
def test_a_side_compared_with_itself_has_no_change(
    growth: float, doubt: float, peak: int, milliseconds: float, rounds: int
) -> None:
    side = [result(growth=growth, doubt=doubt, peak=peak, milliseconds=milliseconds, spread=0.01)] * rounds
    compared = rows(side, side)
    assert not {row.verdict for row in compared.values()} & {ChangeVerdict.BETTER, ChangeVerdict.WORSE}
    assert compared[Metric.PEAK].verdict is ChangeVerdict.SAME


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.0, 16_484.0, ChangeVerdict.INCONCLUSIVE),
        (0.0, 16_485.0, ChangeVerdict.WORSE),  # the lower bound is one byte above 16 KiB
        (0.0, 16_283.0, ChangeVerdict.SAME),
        (1e6, 1e6, ChangeVerdict.SAME),
        (1e6, 0.0, ChangeVerdict.BETTER),
        (1e6, 949_900.0, ChangeVerdict.NOT_WORSE),
    ],
)
def test_growth_changes_if_the_whole_interval_is_beyond_the_tolerance(
    before: float, after: float, verdict: ChangeVerdict
) -> None:
    row = rows([result(growth=before)], [result(growth=after)])[Metric.GROWTH]
    assert row.verdict is verdict
    assert row.change is not None
    assert row.change.value == after - before
    assert row.change.low == pytest.approx(after - before - 200)
    assert row.change.high == pytest.approx(after - before + 200)


def test_growth_that_has_a_limit_counts_as_none() -> None:
    filling = result(growth=1e6, verdict=Verdict.BOUNDED)
    row = rows([result()], [filling])[Metric.GROWTH]
    assert (row.verdict, verdict_text(row)) == (ChangeVerdict.SAME, "growth that has a limit counts as none")
    assert rows([filling], [result(growth=1e6)])[Metric.GROWTH].verdict is ChangeVerdict.WORSE


def test_no_change_of_growth_is_claimed_while_a_verdict_is_inconclusive() -> None:
    unsure = result(growth=1e6, verdict=Verdict.INCONCLUSIVE)
    for before, after in (([result()], [unsure]), ([unsure] + [result(growth=1e6)] * 2, [result()] * 3)):
        row = rows(before, after)[Metric.GROWTH]
        assert row.verdict is ChangeVerdict.INCONCLUSIVE
        assert verdict_text(row).startswith("the verdict of a side is inconclusive")


def test_a_latency_changes_if_rounds_and_calls_agree() -> None:
    # GIVEN three rounds that all say half, and three that contradict each other
    slow, fast = [result(milliseconds=10.0 + 0.1 * n) for n in range(3)], [result(milliseconds=5.0)] * 3
    noisy = [result(milliseconds=number) for number in (4.0, 11.0, 6.0)]
    # THEN the first is reported as a ratio, and the second is not
    row = rows(slow, fast)[Metric.P50]
    assert row.verdict is ChangeVerdict.BETTER
    assert row.change is not None
    assert row.change.low < 0.5 < row.change.high
    assert rows(slow, noisy)[Metric.P50].verdict is ChangeVerdict.INCONCLUSIVE


def test_a_latency_has_the_share_of_the_tolerance_and_no_size() -> None:
    fast, slower, slow = ([result(milliseconds=number, spread=0.001)] * 3 for number in (10.0, 10.3, 10.6))
    assert rows(fast, slower)[Metric.P50].verdict is ChangeVerdict.SAME
    assert verdict_text(rows(fast, slower)[Metric.P50]) == "within the tolerance of +5 %"
    assert rows(fast, slow)[Metric.P50].verdict is ChangeVerdict.WORSE


def test_timings_are_compared_only_side_by_side_in_three_rounds_of_calls_long_enough() -> None:
    slow, fast = [result(milliseconds=10)] * 3, [result(milliseconds=5)] * 3
    apart = rows(slow, fast, side_by_side=False)[Metric.P50]
    assert (apart.verdict, apart.note.partition(":")[0]) == (None, "measured at different times")
    assert change_text(apart) == "~"
    assert "three rounds" in rows(slow[:2], fast[:2])[Metric.P50].note
    short, enough = ([result(milliseconds=milliseconds, spread=0)] * 3 for milliseconds in (0.019, 0.021))
    for before, after in ((short, short), (short, enough), (enough, short)):
        assert "20 µs" in rows(before, after)[Metric.P50].note
    assert rows(enough, enough)[Metric.P50].note == ""


def test_a_metric_that_was_not_measured_has_a_note() -> None:
    died = Failure(kind=FailureKind.DIED, message="the process ended")
    metrics = rows([result(growth=None, peak=None, failure=died)], [result(peak=None)])
    assert metrics[Metric.GROWTH].verdict is None
    assert metrics[Metric.GROWTH].note == "not measured: it failed before"
    assert rows([result(peak=None)], [result()])[Metric.PEAK].note == "not measured: there was no peak pass"
    assert "leakcheck limit" in metrics[Metric.ERROR_RATE].note


def test_a_peak_that_could_not_be_measured_again_may_be_worse() -> None:
    died = Failure(kind=FailureKind.DIED, message="the process ended")
    lost = [replace(result(peak=None), peak_failure=died)]
    row = rows([result()], lost)[Metric.PEAK]
    assert row.verdict is ChangeVerdict.INCONCLUSIVE
    assert row.note == "not measured: it failed after"
    assert rows(lost, lost)[Metric.PEAK].verdict is None
    skipped = [replace(result(peak=None), peak_failure=Failure(kind=FailureKind.MISSING, message="no memray"))]
    row = rows([result()], skipped)[Metric.PEAK]
    assert row.verdict is ChangeVerdict.INCONCLUSIVE
    assert row.note == "not measured: there was no peak pass"
    assert rows([result()], [*lost, result()])[Metric.PEAK].verdict is ChangeVerdict.SAME


def served(errors: int, crashes: int) -> Result:
    return replace(result(), memory_limit=limit_of(errors, crashes))


@pytest.mark.parametrize(
    ("before", "after", "verdicts"),
    [
        ((30, 12), (2, 0), (ChangeVerdict.BETTER, ChangeVerdict.BETTER)),
        ((2, 0), (30, 12), (ChangeVerdict.WORSE, ChangeVerdict.WORSE)),
        ((2, 1), (4, 3), (ChangeVerdict.INCONCLUSIVE, ChangeVerdict.INCONCLUSIVE)),
    ],
)
def test_errors_and_crashes_of_limit_runs_change_if_their_intervals_separate(
    before: tuple[int, int], after: tuple[int, int], verdicts: tuple[ChangeVerdict, ChangeVerdict]
) -> None:
    metrics = rows([served(*before)], [served(*after)])
    assert (metrics[Metric.ERROR_RATE].verdict, metrics[Metric.CRASHES].verdict) == verdicts


def test_rounds_are_pooled_by_their_median_and_their_outermost_bounds() -> None:
    side = [result(growth=growth) for growth in (300.0, 100.0, 200.0)]
    assert rows(side, side)[Metric.GROWTH].before == Figure(value=200.0, low=0.0, high=400.0)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=300))
def test_the_bounds_of_a_latency_contain_it(samples: list[int]) -> None:
    latency = summarize_latency(samples)
    assert latency is not None
    assert latency.p50_low is not None
    assert latency.p50_high is not None
    assert min(samples) / 1e9 <= latency.p50_low <= latency.p50 <= latency.p50_high <= max(samples) / 1e9


@pytest.mark.parametrize(("count", "low", "high"), [(1, 0, 0), (5, 0, 4), (6, 0, 5), (9, 1, 7), (100, 39, 60)])
def test_the_bounds_of_a_median_are_those_of_the_tables(count: int, low: int, high: int) -> None:
    # Conover's table: of 9 samples the second and the eighth, of 100 the 40th and the 61st
    latency = summarize_latency([1_000_000_000 * number for number in range(count)])
    assert latency is not None
    assert (latency.p50_low, latency.p50_high) == (low, high)


# --- reports --------------------------------------------------------------------------------------


def comparison(name: str = "send") -> Comparison:
    before, after = result(name=name), result(name=name, growth=1e6, peak=2_000_000)
    return Comparison(
        schema=COMPARISON_SCHEMA,
        before=Side(label="main"),
        after=Side(label="HEAD", commit="0123456789abcdef"),
        scenarios=(compare_results(name, [before] * 3, [after] * 3, TOLERANCE, side_by_side=True),),
        notes=(f"{name} is in main alone",),
    )


def test_figures_and_changes_are_shown_with_their_uncertainty() -> None:
    growth = rows([result()], [result(growth=1e6)])[Metric.GROWTH]
    assert figure_text(growth.after, Unit.BYTES) == "977 KiB ± 100 B"
    assert change_text(growth) == "+977 KiB ± 200 B"
    assert change_text(rows([result()], [result(growth=-1e6)])[Metric.GROWTH]) == "-977 KiB ± 200 B"
    same = rows([result()], [result()])[Metric.PEAK]
    assert (change_text(same), verdict_text(same)) == ("~", "within the tolerance of +5 % and +16 KiB")
    unsure = rows([result()], [result(growth=16_400)])[Metric.GROWTH]
    assert (change_text(unsure), verdict_text(unsure)) == ("~", "not certain: between +15.8 KiB and +16.2 KiB")
    errors = rows([served(0, 0)], [served(0, 0)])[Metric.ERROR_RATE]
    assert verdict_text(errors) == "not certain: between -1.9% and +1.9%"
    assert figure_text(None, Unit.BYTES) == "-"
    assert figure_text(Figure(value=0, low=-1e15, high=1e15), Unit.BYTES) == "unknown"


@pytest.mark.parametrize(
    "name", ["a|b", "<script>x</script>", "`code`", "@everyone #1", "x\ny", "\u202eevil", "[a](b)"]
)
def test_untrusted_names_are_rendered_as_text(name: str) -> None:
    [(_, document)] = markdown(comparison(name))
    text = document.decode()
    heading = next(line for line in text.splitlines() if line.startswith("### "))
    assert heading[4] in "`<"
    assert heading.endswith(("`", "</code>"))
    assert obeyed(text) == []
    assert "\u202e" not in text
    page = rendered(text)
    assert "script" not in page.tags
    assert "@everyone" not in page.prose
    assert all(line.count("|") - line.count("\\|") == 6 for line in text.splitlines() if line.startswith("|"))


def test_a_name_is_not_a_formula_in_a_spreadsheet() -> None:
    [(_, document)] = csv_table(comparison("=1+1"))
    header, *lines = document.decode().splitlines()
    assert header.startswith("scenario,metric,unit,before_value")
    assert {line.split(",")[0] for line in lines} == {"'=1+1"}


def test_the_terminal_shows_each_metric_once() -> None:
    from rich.console import Console

    console = Console(width=160, record=True, force_terminal=False)
    for part in render_comparison(comparison()):
        console.print(part)
    shown = console.export_text()
    assert all(shown.count(f"  {metric.value} ") == 1 for metric in Metric)
    assert "commit 012345678" in shown


def test_a_page_shows_the_table_and_escapes_names() -> None:
    from leakcheck.reporters.html.page import render_comparison as render_page

    [(_, page)] = render_page(comparison("<script>alert(1)</script>\u202e"))
    text = page.decode()
    assert text.count("<script>") == 1  # our own
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "default-src &#39;none&#39;" in text
    assert "+977 KiB ± 200 B" in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_comparison_has_the_number_of_its_rounds() -> None:
    compared: ScenarioComparison = compare_results(
        "send", [result()] * 3, [replace(result(), scenario="other")] * 2, TOLERANCE, side_by_side=True
    )
    assert (compared.before, compared.after, compared.rounds) == ("send", "other", 2)
