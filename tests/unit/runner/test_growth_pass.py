"""Whole measurements against a scripted process: the verdict, the accuracy of the rate, and the number of calls."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakcheck.model.answers import BoundedContainer
from leakcheck.model.result import Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.scripted import Column, Script, leak, recorded, simulate, still, total

MOST_CALLS = 200_000
TOOTH_BYTES = 1536 * 1024
MIB = 1024**2


def sawtooth(period: int, height: float) -> Column:
    """Rise evenly and fall back at once, again and again."""
    return lambda calls: (calls % period) * (height / period)


def full_at(length: int, bytes_per_entry: float) -> Column:
    """Keep an entry with each call, up to this many."""
    return lambda calls: bytes_per_entry * np.minimum(calls, length)


def table(entries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bytes of a dict's table for so many entries: it doubles."""
    return 36.0 * 2 ** np.ceil(np.log2(np.maximum(entries, 8) * 1.5))


def different_keys(keys: int) -> NDArray[np.float64]:
    """Return the number of different keys among the random draws so far, for each call."""
    first_draw = np.unique(np.random.default_rng(1).integers(0, keys, MOST_CALLS), return_index=True)[1]
    is_new = np.zeros(MOST_CALLS + 1)
    is_new[first_draw + 1] = 1
    return np.cumsum(is_new)


def random_cache(keys: int, bytes_per_entry: float, *, with_table: bool = False) -> Column:
    """Keep an entry for each new key."""
    entries = different_keys(keys)
    return recorded(bytes_per_entry * entries + (table(entries) if with_table else 0))


def noise(most_bytes: float, *, seed: int = 1) -> Column:
    """Vary by up to so many bytes from reading to reading."""
    return recorded(np.random.default_rng(seed).uniform(0, most_bytes, MOST_CALLS + 1))


def doubled(bytes_per_call: float, *, factor: float = 2, largest: float = np.inf) -> Column:
    """Fill a store that grows by a factor whenever it is full, up to the largest size."""

    def column(calls: NDArray[np.int64]) -> NDArray[Any]:
        used = np.minimum(bytes_per_call * calls, largest)
        stored: NDArray[Any] = 1024.0 * np.power(
            factor, np.ceil(np.log(np.maximum(used / 1024, 1)) / np.log(factor) - 1e-9)
        )
        return stored

    return column


def rate_of(result: Result) -> float:
    """Return the growth in bytes per call."""
    assert result.growth is not None
    return result.growth.bytes_per_1000_calls / 1000


def calls_of(result: Result) -> int:
    assert result.growth is not None
    return result.growth.calls


# --- leaks ----------------------------------------------------------------------------------------

LEAKS: dict[str, tuple[Script, float]] = {
    "an object": (Script(heap=leak(16)), 16),
    "an object, by cheap calls": (Script(heap=leak(16), seconds_per_call=1e-5), 16),
    "half a list's slot": (Script(heap=leak(4)), 4),
    "a queryset": (Script(heap=leak(144_000)), 144_000),
    "after a warm-up of 300 calls": (Script(heap=total(full_at(300, 5000), leak(97))), 97),
    "under small noise": (Script(heap=total(leak(200), noise(2048))), 200),
    "under a doubling table": (Script(heap=lambda calls: 100.0 * calls + table(calls.astype(np.float64))), 100),
    "under the sawtooth of sqlite's cursors, by cheap calls": (
        Script(heap=total(sawtooth(200, 10_240), leak(97)), seconds_per_call=1e-4),
        97,
    ),
    "under a large sawtooth, by cheap calls": (
        Script(heap=total(sawtooth(1000, TOOTH_BYTES), leak(97)), seconds_per_call=1e-4),
        97,
    ),
    "in pages alone": (Script(rss=leak(1024)), 1024),
    "in pages alone, with noise": (Script(rss=total(leak(4096), noise(64 * 1024))), 4096),
    "in blocks alone": (Script(heap=None, rss=still, blocks=leak(1)), 64),
    "by calls of 5 ms": (Script(heap=leak(16), seconds_per_call=0.005), 16),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_within_a_twentieth_of_its_rate(name: str) -> None:
    script, rate = LEAKS[name]
    result = simulate(script)
    assert result.verdict is Verdict.LEAK
    assert rate_of(result) == pytest.approx(rate, rel=0.05)
    assert result.growth is not None
    # the interval is one of 95 %, so where there is noise the truth may lie a little outside
    half = (result.growth.high - result.growth.low) / 2
    assert result.growth.low - half <= 1000 * rate <= result.growth.high + half
    assert result.stopped_by is None


@pytest.mark.parametrize("seconds_per_call", [0.001, 0.0012, 0.002, 0.005, 0.02])
def test_a_leak_of_one_small_object_is_found_within_2000_calls_of_a_millisecond_or_more(
    seconds_per_call: float,
) -> None:
    result = simulate(Script(heap=leak(16), seconds_per_call=seconds_per_call))
    assert result.verdict is Verdict.LEAK
    assert result.gate is Gate.OVER
    assert result.over_budget == ("growth",)
    assert calls_of(result) <= 2000


def test_cheap_calls_of_a_straight_line_are_followed_for_20000_calls_in_less_than_three_seconds() -> None:
    result = simulate(Script(heap=leak(16), seconds_per_call=5e-5))
    assert result.verdict is Verdict.LEAK
    assert calls_of(result) >= 20_000
    assert result.replay_seconds + result.watch_seconds < 3


@pytest.mark.parametrize(("rate", "meter"), [(leak(1024), Meter.RSS), (still, Meter.HEAP)])
def test_the_growth_names_the_meter_that_decided(rate: Column, meter: Meter) -> None:
    growth = simulate(Script(rss=rate)).growth
    assert growth is not None
    assert growth.meter is meter


@pytest.mark.parametrize(("heap", "error"), [(sawtooth(1000, TOOTH_BYTES), 0.15), (sawtooth(200, 10_240), 0.02)])
@pytest.mark.parametrize("seconds_per_call", [0.001, 0.005])
def test_a_leak_under_few_sawtooth_periods_is_found_more_accurately_where_they_are_small(
    heap: Column, error: float, seconds_per_call: float
) -> None:
    """GIVEN 97 bytes per call under a sawtooth as long as a chunk, and few calls: of a millisecond or more."""
    result = simulate(Script(heap=total(heap, leak(97)), seconds_per_call=seconds_per_call))
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.OVER)
    assert rate_of(result) == pytest.approx(97, rel=error)


def test_a_leak_under_a_sawtooth_of_a_thousand_times_its_size_is_never_called_clean() -> None:
    """GIVEN calls of 5 ms, so that few periods fit into the time."""
    result = simulate(Script(heap=total(sawtooth(250, 1_500_000), leak(97)), seconds_per_call=0.005))
    assert result.verdict in (Verdict.LEAK, Verdict.INCONCLUSIVE)


def test_a_sparse_leak_is_found_at_its_actual_random_rate() -> None:
    """GIVEN 5 KB in one call of fifty, at random."""
    live_bytes = np.cumsum((np.random.default_rng(1).random(MOST_CALLS + 1) < 0.02) * 5000.0)
    result = simulate(Script(heap=recorded(live_bytes)))
    assert result.verdict is Verdict.LEAK
    assert result.growth is not None
    calls = calls_of(result)
    rate = (live_bytes[calls] - live_bytes[calls // 4]) / (calls - calls // 4)
    assert rate_of(result) == pytest.approx(rate, rel=0.1)
    assert result.growth.low <= 1000 * rate <= result.growth.high


def test_with_only_pages_to_read_a_small_leak_has_no_certain_verdict() -> None:
    """GIVEN neither bytes nor blocks WHEN an object leaks THEN the bounds are as coarse as pages."""
    result = simulate(Script(heap=None, blocks=None, rss=leak(16)))
    assert result.growth is not None
    assert result.growth.meter is Meter.RSS
    assert result.gate is not Gate.WITHIN
    assert simulate(Script(heap=None, blocks=None, rss=leak(1024))).verdict is Verdict.LEAK


@pytest.mark.parametrize("factor", [1.25, 1.5, 2, 4])
@pytest.mark.parametrize("seconds_per_call", [1e-5, 0.001, 0.01])
def test_a_store_that_grows_by_a_factor_leaks_though_it_is_flat_for_most_of_the_calls(
    factor: float, seconds_per_call: float
) -> None:
    result = simulate(Script(heap=doubled(100, factor=factor), seconds_per_call=seconds_per_call))
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.OVER)
    assert result.growth is not None
    # the used part lies between the size of the store and a factor less
    assert 100_000 / factor <= result.growth.bytes_per_1000_calls <= 100_000 * factor


def test_two_stores_that_grow_in_turns_leak() -> None:
    both = total(doubled(70, factor=4), doubled(35))
    assert simulate(Script(heap=both, seconds_per_call=1e-5)).verdict is Verdict.LEAK


def test_a_leak_within_its_budget_is_still_a_leak() -> None:
    result = simulate(Script(heap=leak(16)), growth="16 B / call")
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.INCONCLUSIVE)
    result = simulate(Script(heap=leak(16)), growth="17 B / call")
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.WITHIN)
    result = simulate(Script(heap=leak(16)), growth="15 B / call")
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.OVER)


# --- no leaks -------------------------------------------------------------------------------------

NO_LEAKS: dict[str, Script] = {
    "flat": Script(),
    "flat, by cheap calls": Script(seconds_per_call=1e-6),
    "flat, with noise": Script(heap=noise(200)),
    "flat, with the noise of thread caches": Script(heap=noise(2048)),
    "flat, without an exact meter": Script(heap=None, rss=still),
    "the sawtooth of sqlite's cursors": Script(heap=sawtooth(200, 10_240)),
    "a large sawtooth": Script(heap=sawtooth(1000, TOOTH_BYTES)),
    "emptied every 700 calls": Script(heap=sawtooth(700, 700 * 1440)),
    "one step": Script(heap=lambda calls: MIB * (calls >= 300)),
    "one step in the middle of the first comparison of lengths": Script(heap=lambda calls: MIB * (calls >= 60)),
    "lru_cache(512)": Script(heap=full_at(512, 800)),
    "a small cache with random keys": Script(heap=random_cache(512, 100)),
    "a cache with random keys": Script(heap=random_cache(2000, 100)),
    "a doubling dict with random keys": Script(heap=random_cache(2000, 100, with_table=True)),
    "a large cache, by cheap calls": Script(heap=random_cache(6000, 320), seconds_per_call=1e-5),
    "a ring of 9000, by cheap calls": Script(heap=full_at(9000, 620), seconds_per_call=1e-4),
    "a store that is doubled until it is large enough": Script(heap=doubled(100, largest=100_000)),
    "a store that is doubled and emptied": Script(heap=lambda calls: doubled(100)(calls % 900)),
    "noisy pages": Script(rss=noise(400 * 1024)),
    "pages that fill once": Script(rss=full_at(300, 40_000)),
    "memory given back": Script(heap=lambda calls: 1e6 - 50.0 * np.minimum(calls, 1500)),
}


@pytest.mark.parametrize("name", NO_LEAKS)
def test_a_scenario_that_does_not_leak_is_clean_or_bounded(name: str) -> None:
    result = simulate(NO_LEAKS[name])
    assert result.verdict in (Verdict.CLEAN, Verdict.BOUNDED)
    assert result.gate is not Gate.OVER
    assert result.growth is not None
    assert result.growth.low <= 1000 * 4


@pytest.mark.parametrize("name", ["flat", "flat, by cheap calls", "flat, with noise"])
def test_a_quiet_clean_scenario_is_settled_within_1000_calls(name: str) -> None:
    result = simulate(NO_LEAKS[name])
    assert (result.verdict, result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert calls_of(result) <= 1000


def test_without_an_exact_meter_as_many_calls_are_replayed_as_pages_need() -> None:
    """GIVEN native memory read by pages alone, which may hide 256 KiB in the last three quarters of the calls."""
    slow = simulate(NO_LEAKS["flat, without an exact meter"])
    assert (slow.verdict, slow.gate) == (Verdict.CLEAN, Gate.INCONCLUSIVE)
    assert 256 * 1024 / 32 / 0.75 < calls_of(slow) <= 1.35 * 256 * 1024 / 32 / 0.75
    assert slow.growth is not None
    assert slow.growth.high <= 32_000
    fast = simulate(Script(heap=None, rss=still, seconds_per_call=1e-5))
    assert (fast.verdict, fast.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert 256 * 1024 / 4.096 / 0.75 < calls_of(fast) <= 1.5 * 256 * 1024 / 4.096 / 0.75


def test_where_pages_cannot_decide_in_time_the_verdict_is_inconclusive_after_few_calls() -> None:
    result = simulate(Script(heap=None, rss=still, seconds_per_call=0.01))
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert calls_of(result) <= 2000
    assert result.growth is not None
    assert result.growth.high >= 1000 * 256 * 1024 / calls_of(result)


def test_a_cache_that_stopped_growing_is_bounded_with_the_call_at_which_it_was_full() -> None:
    result = simulate(NO_LEAKS["lru_cache(512)"])
    assert result.verdict is Verdict.BOUNDED
    assert result.settled_after_calls == pytest.approx(512, abs=50)
    ring = simulate(NO_LEAKS["a ring of 9000, by cheap calls"])
    assert ring.settled_after_calls == pytest.approx(9000, rel=0.02)


def test_a_rise_below_the_smallest_rate_is_clean_and_not_bounded() -> None:
    result = simulate(Script(heap=leak(2.4), seconds_per_call=1e-5))
    assert result.verdict is Verdict.CLEAN
    assert result.settled_after_calls is None


# --- containers with a limit ----------------------------------------------------------------------

RING = Script(heap=full_at(9000, 620))
QUERIES = BoundedContainer(
    name="connection.queries_log",
    kind="deque(maxlen=9000)",
    limit=9000,
    length=5250,
    length_per_call=1.0,
    bytes_per_entry=620.0,
)


def test_a_ring_that_is_not_full_yet_is_told_from_a_leak_by_its_limit_alone() -> None:
    """GIVEN 5000 calls and a ring of 9000 WHEN a container with a limit explains it THEN it is bounded, else a leak."""
    assert simulate(RING, calls=5000).verdict is Verdict.LEAK
    bounded = simulate(replace(RING, limited=[QUERIES]), calls=5000)
    assert (bounded.verdict, bounded.gate) == (Verdict.BOUNDED, Gate.WITHIN)
    assert bounded.bounded_by == QUERIES
    assert rate_of(bounded) == pytest.approx(620, rel=0.01)


def test_a_leak_beside_a_ring_is_a_leak() -> None:
    """GIVEN a container that accounts for less than nine tenths of the growth."""
    beside = replace(RING, heap=total(full_at(9000, 620), leak(100)), limited=[QUERIES])
    assert simulate(beside, calls=5000).verdict is Verdict.LEAK


def test_no_limit_is_searched_for_where_nothing_rises_or_only_pages_do() -> None:
    assert simulate(Script(limited=[QUERIES])).verdict is Verdict.CLEAN
    pages = simulate(Script(rss=leak(1024), limited=[QUERIES]))
    assert (pages.verdict, pages.bounded_by) == (Verdict.LEAK, None)


# --- few calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"calls": 30}, {"seconds": 60.0}])
def test_as_many_slow_calls_as_fit_are_judged(limits: dict[str, float]) -> None:
    """GIVEN calls of two seconds WHEN thirty fit THEN a leak of 10 KB is found, and a flat scenario is clean."""
    calls = int(limits["calls"]) if "calls" in limits else None
    seconds = limits.get("seconds")
    leaking = simulate(Script(heap=leak(10_000), seconds_per_call=2.0), calls=calls, seconds=seconds)
    assert (leaking.verdict, leaking.gate) == (Verdict.LEAK, Gate.OVER)
    assert rate_of(leaking) == pytest.approx(10_000, rel=0.05)
    assert leaking.stopped_by == ("calls" if calls else "time")
    assert 28 <= calls_of(leaking) <= 30
    quiet = simulate(Script(seconds_per_call=2.0), calls=calls, seconds=seconds)
    assert (quiet.verdict, quiet.gate) == (Verdict.CLEAN, Gate.WITHIN)


@pytest.mark.parametrize("calls", [1, 2, 5])
@pytest.mark.parametrize("heap", [still, leak(10_000)])
def test_a_handful_of_calls_is_inconclusive(calls: int, heap: Column) -> None:
    result = simulate(Script(heap=heap), calls=calls)
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert result.stopped_by == "calls"
    assert calls_of(result) == calls


def test_fewer_calls_leave_wider_bounds() -> None:
    def width(calls: int) -> float:
        growth = simulate(Script(heap=total(leak(1000), noise(2048))), calls=calls).growth
        assert growth is not None
        return growth.high - growth.low

    assert width(50) > 2 * width(200) > 4 * width(1000)


def test_a_cache_that_is_still_filling_when_the_calls_are_exhausted_is_inconclusive() -> None:
    result = simulate(Script(heap=random_cache(2000, 100)), calls=3000)
    assert (result.verdict, result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert result.stopped_by == "calls"


# --- calls that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [1, 2, 700])
def test_a_call_that_raises_is_an_error_and_the_readings_before_it_are_kept(call: int) -> None:
    result = simulate(Script(heap=leak(100), fails_after=call - 1))
    assert result.gate is Gate.ERROR
    assert result.failure is not None
    assert result.failure.call == call
    assert (result.growth is not None) is (call == 700)
    assert max(result.readings.calls, default=0) <= call - 1


def test_a_replay_that_broke_off_is_inconclusive_though_it_was_flat_until_then() -> None:
    """GIVEN a budget so small that a plateau of 800 calls is not followed far enough, and a call that raises."""
    unbroken = simulate(Script(heap=still), growth="60 B / 1000 calls", calls=800)
    broken = simulate(Script(heap=still, fails_after=900), growth="60 B / 1000 calls")
    assert unbroken.verdict is Verdict.CLEAN
    assert (broken.verdict, broken.gate) == (Verdict.INCONCLUSIVE, Gate.ERROR)
    assert broken.growth is not None


# --- random figures -------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    rate=st.floats(16, 1e6),
    noise_bytes=st.floats(0, 2048),
    seed=st.integers(0, 2**32 - 1),
    seconds_per_call=st.floats(1e-5, 0.01),
)
def test_a_leak_of_an_object_per_call_is_never_called_clean(
    rate: float, noise_bytes: float, seed: int, seconds_per_call: float
) -> None:
    script = Script(heap=total(leak(rate), noise(noise_bytes, seed=seed)), seconds_per_call=seconds_per_call)
    result = simulate(script)
    assert result.verdict is Verdict.LEAK
    assert rate_of(result) == pytest.approx(rate, rel=0.05)


@settings(max_examples=40)
@given(
    ends=st.integers(1, 1000),
    most_bytes=st.floats(0, 1e9),
    shape=st.sampled_from([np.sqrt, np.square, lambda share: share]),
    seconds_per_call=st.floats(1e-5, 0.01),
)
def test_a_warm_up_of_at_most_a_thousand_calls_is_never_called_a_leak(
    ends: int,
    most_bytes: float,
    shape: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    seconds_per_call: float,
) -> None:
    script = Script(
        heap=lambda calls: most_bytes * shape(np.minimum(calls / ends, 1.0)), seconds_per_call=seconds_per_call
    )
    result = simulate(script)
    assert result.verdict in (Verdict.CLEAN, Verdict.BOUNDED)
    assert result.gate is not Gate.OVER
