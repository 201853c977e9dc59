"""Child processes that outlive a call, with a scripted process: how their memory changes the verdict."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leakcheck.analysis.gate.explained import needs_explanation
from leakcheck.model.answers import BoundedContainer
from leakcheck.model.explanation import Explain
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.charts.growth import growth_chart
from tests.unit.scripted import PAGE, Column, Script, leak, recorded, simulate, still, total
from tests.unit.statements import lines, reasons_of

MIB = 1024**2
MOST_CALLS = 60_000


def pages(column: Column) -> Column:
    """Round up to whole pages, as the kernel does."""
    return lambda calls: np.ceil(column(calls) / PAGE) * PAGE


def noise(most_bytes: float) -> Column:
    return recorded(np.random.default_rng(1).uniform(0, most_bytes, MOST_CALLS + 1))


def sawtooth(period: int, height: float) -> Column:
    return pages(lambda calls: (calls % period) * (height / period))


def stair(calls: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rise in steps at growing distances."""
    return 2e6 * np.floor(np.sqrt(calls / 40.0))


def growth_of(result: Result) -> Growth:
    assert result.growth is not None
    return result.growth


@pytest.mark.parametrize("bytes_per_call", [300, 5_000, 100_000])
def test_a_child_process_that_keeps_memory_with_each_call_is_a_leak_of_that_size(bytes_per_call: float) -> None:
    # GIVEN a scenario that keeps nothing, and a pool whose workers do
    result = simulate(Script(children=pages(leak(bytes_per_call))))
    # THEN it leaks, on a meter of its own
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.OVER)
    growth = growth_of(result)
    assert growth.meter is Meter.CHILDREN
    assert growth.low <= 1000 * bytes_per_call <= growth.high
    assert growth.bytes_per_1000_calls == pytest.approx(1000 * bytes_per_call, rel=0.05)
    assert growth.heap_bytes_per_1000_calls == 0
    # AND the message says where
    assert "2 child processes outlive the calls" in reasons_of(result)[0]


def test_children_with_constant_memory_are_reported_and_the_verdict_is_clean() -> None:
    result = simulate(Script(children=still))
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert result.child_processes is not None
    assert (result.child_processes.processes, result.child_processes.verdict) == (2, Verdict.CLEAN)
    [line] = lines(result)
    assert "2 child processes outlive the calls; the memory there (16.0 MiB) is stable" in line


def test_children_with_constant_memory_are_followed_for_two_seconds_and_not_for_all_the_time() -> None:
    """A plateau of pages is accepted later than one of exact bytes, because freed memory is filled first, unseen."""
    alone, beside = simulate(Script()), simulate(Script(children=still))
    assert growth_of(alone).calls < 1000
    assert 1800 <= growth_of(beside).calls < 3000


def test_children_with_constant_memory_cost_no_additional_expensive_calls() -> None:
    result = simulate(Script(children=still, seconds_per_call=0.5))
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert growth_of(result).calls < 60


def test_without_children_nothing_is_reported() -> None:
    result = simulate(Script())
    assert result.child_processes is None
    assert lines(result) == []


@pytest.mark.parametrize("column", [noise(MIB), stair], ids=["noise", "a rise that slows down"])
def test_children_that_are_neither_flat_nor_rising_do_not_pass(column: Column) -> None:
    result = simulate(Script(children=pages(column)), seconds=4)
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert "2 child processes outlive the calls, and the memory there is neither stable" in reasons_of(result)[0]
    assert result.stopped_by == "time"


def test_children_that_cannot_be_measured_do_not_pass_and_are_not_waited_for() -> None:
    result = simulate(Script(children=still, unmeasured=1))
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert "the memory of 1 of them cannot be read here, so there is no verdict" in reasons_of(result)[0]
    assert growth_of(result).calls < 1000


def test_children_that_come_and_go_and_gain_nothing_are_clean() -> None:
    result = simulate(Script(children=pages(noise(8 * MIB)), children_gain=still))
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)


def test_children_that_are_replaced_now_and_then_are_clean() -> None:
    result = simulate(Script(children=sawtooth(period=50, height=500_000)))
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)


def test_a_limit_of_the_scenario_does_not_excuse_a_leak_in_its_children() -> None:
    # GIVEN a container that fills, with a limit that explains the scenario's own growth
    holder = BoundedContainer(
        name="shop.CACHE", kind="dict", limit=10**5, length=1500, length_per_call=1, bytes_per_entry=100
    )
    script = Script(heap=leak(100), limited=[holder])
    assert simulate(script).verdict is Verdict.BOUNDED
    # WHEN a child process leaks as well THEN that is the result
    result = simulate(replace(script, children=pages(leak(5000))))
    assert (result.verdict, result.gate, result.bounded_by) == (Verdict.LEAK, Gate.OVER, None)
    assert growth_of(result).meter is Meter.CHILDREN


def test_a_limit_of_the_scenario_does_not_excuse_children_that_cannot_be_measured() -> None:
    holder = BoundedContainer(
        name="shop.CACHE", kind="dict", limit=10**5, length=1500, length_per_call=1, bytes_per_entry=100
    )
    result = simulate(Script(heap=leak(100), limited=[holder], children=still, unmeasured=2))
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)


def test_of_two_leaks_the_larger_is_the_figure_and_the_other_is_mentioned() -> None:
    result = simulate(Script(heap=leak(9000), children=pages(leak(2000))))
    assert growth_of(result).meter is Meter.HEAP
    assert growth_of(result).bytes_per_1000_calls == pytest.approx(9e6, rel=0.01)
    assert any("the memory of 2 child processes grows by 1.9" in line for line in lines(result))


def settling(most_bytes: float) -> Column:
    """Add pages at a falling rate, for more than a thousand calls."""
    return pages(lambda calls: most_bytes * (1 - np.exp(-calls / 400)))


def test_a_server_that_settles_slowly_is_clean_and_its_bounds_are_reported() -> None:
    result = simulate(Script(children=settling(100_000), seconds_per_call=0.03))
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert result.child_processes is not None
    assert result.child_processes.high > 10_000
    assert "it grows by at most" in lines(result)[0]


def test_a_few_pages_that_are_added_at_a_constant_rate_are_no_plateau() -> None:
    """A leak of few bytes takes longer to be found, and is not called clean before."""
    script = Script(children=pages(leak(150)), seconds_per_call=0.03)
    assert simulate(script, seconds=20).verdict is Verdict.INCONCLUSIVE
    assert simulate(script, seconds=120).verdict is Verdict.LEAK


def test_a_leak_in_children_is_not_explained() -> None:
    result = simulate(Script(children=pages(leak(5000))))
    assert not needs_explanation(result, Explain.ALWAYS)


def test_the_chart_of_a_leak_in_children_shows_their_own_readings() -> None:
    result = simulate(Script(children=pages(total(leak(5000)))))
    chart = growth_chart(result)
    assert chart is not None
    assert "growth of child processes' pages" in chart.description


def test_a_call_that_fails_beside_children_claims_nothing_of_them() -> None:
    result = simulate(Script(children=pages(leak(5000)), fails_after=1000))
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.ERROR)
