"""Resources other than memory: leaks are listed with their rate; pools, sawtooths and workers are not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.resources import are_settled, gate_resources, has_lost_enough, judge_resources
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import Readings
from leakcheck.model.errors import ConfigError
from leakcheck.model.explanation import NamedCount, Resource, ResourceKind
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.resources import resource_sentences
from tests.unit.runs import CLEAN
from tests.unit.scripted import Script, leak, simulate, still

NO_BUDGET = dict.fromkeys([kind.value for kind in ResourceKind], 0.0)
ALL_CALLS = np.arange(1, 1601)
Counts = NDArray[np.int64]


def read(count: Counts, *, every: int = 4, kind: ResourceKind = ResourceKind.OPEN_FILES) -> Readings:
    calls = ALL_CALLS[every - 1 : len(count) : every]
    return Readings(calls=tuple(calls.tolist()), counts={kind: tuple((5 + count[calls - 1]).tolist())})


def judged(count: Counts, budget: float = 0.0) -> Resource | None:
    resources = judge_resources(read(count), {**NO_BUDGET, "open files": budget})
    return resources[0] if resources else None


# --- leaks -----------------------------------------------------------------------------------------


def test_one_file_per_call_is_measured_exactly() -> None:
    resource = judged(ALL_CALLS)
    assert resource is not None
    assert (resource.kind, resource.verdict, resource.gate, resource.count) == (
        ResourceKind.OPEN_FILES,
        Verdict.LEAK,
        Gate.OVER,
        1605,
    )
    assert resource.per_1000_calls == pytest.approx(1000, abs=1)
    assert 995 < resource.low <= 1000 <= resource.high < 1005


@given(every=st.integers(2, 100), seed=st.integers(0, 1000))
def test_a_leak_in_few_calls_is_found_at_its_rate(every: int, seed: int) -> None:
    regular = judged(ALL_CALLS // every)
    assert regular is not None
    assert regular.low <= 1000 / every <= regular.high
    assert regular.gate is Gate.OVER
    if every <= 20:
        at_random = judged(np.cumsum(np.random.default_rng(seed).random(1600) < 1 / every))
        assert at_random is None or 0 < at_random.low <= at_random.per_1000_calls <= at_random.high


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_a_random_leak_is_hardly_ever_missed(share: float) -> None:
    runs = [judged(np.cumsum(np.random.default_rng(seed).random(1600) < share)) for seed in range(100)]
    assert sum(run is not None for run in runs) >= 96


def test_a_leak_under_fluctuating_counts_is_found() -> None:
    workers = np.random.default_rng(1).integers(0, 6, 1600)
    resource = judged(ALL_CALLS // 10 + workers)
    assert resource is not None
    assert resource.low <= 100 <= resource.high


# --- no leaks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count",
    [
        np.zeros(1600, dtype=np.int64),
        np.minimum(ALL_CALLS, 8),
        np.minimum(ALL_CALLS // 3, 100),
        np.minimum(ALL_CALLS, 1000),
        ALL_CALLS % 100,
        ALL_CALLS % 700,
        1600 - ALL_CALLS,
        np.where(ALL_CALLS > 1590, 50, 0),
        np.where(ALL_CALLS > 800, 50, 0),
    ],
    ids=[
        "nothing",
        "a pool",
        "a slow pool",
        "a huge pool",
        "sawtooth",
        "high sawtooth",
        "falls",
        "late burst",
        "one step",
    ],
)
def test_a_pool_a_sawtooth_or_a_burst_is_not_listed(count: Counts) -> None:
    assert judged(count) is None


@given(seed=st.integers(0, 10_000), most=st.integers(1, 200))
def test_workers_that_come_and_go_are_never_listed(seed: int, most: int) -> None:
    assert judged(np.random.default_rng(seed).integers(0, most + 1, 1600)) is None


def test_a_pool_that_is_filled_at_random_is_not_listed() -> None:
    # by chance its last slots could be taken as steadily as by a leak; in 1000 pools that does not happen
    for seed in range(1000):
        slots = np.random.default_rng(seed).integers(0, seed % 250 + 1, 1600)
        taken = np.zeros(1600, dtype=np.int64)
        taken[np.unique(slots, return_index=True)[1]] = 1
        assert judged(np.cumsum(taken)) is None, seed


@pytest.mark.parametrize("lost", [9, 11])
def test_a_late_rise_by_fewer_than_ten_is_not_a_leak(lost: int) -> None:
    # over the last three quarters of the calls, without the newest readings, which floors leave out
    count = (ALL_CALLS - 400) * (lost / 1000) * (ALL_CALLS > 400)
    assert (judged(count.astype(np.int64)) is None) == (lost < 10)


def stairs(*rises: int) -> Counts:
    """Return a count that rises by these numbers from chunk to chunk of the later three quarters."""
    chunk = np.clip((ALL_CALLS - 400) // 150, 0, len(rises))
    return np.cumsum([0, *rises])[chunk].astype(np.int64)


@pytest.mark.parametrize(
    ("rises", "is_listed"),
    [
        ((3, 2, 2, 1, 1, 1, 1), False),  # three in the later half may be the last slots of a pool
        ((3, 2, 2, 0, 1, 1, 2), True),
        ((5, 4, 4, 0, 1, 1, 2), False),  # and so may four, after thirteen in the earlier half
        ((14, 13, 13, 0, 5, 5, 6), False),  # of 40, a leak at random loses 30 ± 5.5 in so many calls
        ((14, 13, 13, 0, 7, 7, 7), True),
    ],
)
def test_the_later_half_of_a_leak_rises_as_the_earlier_within_chance_and_by_a_few(
    rises: tuple[int, ...], is_listed: bool
) -> None:
    assert (judged(stairs(*rises)) is not None) is is_listed


@pytest.mark.parametrize(
    ("risen", "seconds", "is_settled"), [(200, 2.0, False), (300, 2.0, True), (800, 1.0, False), (1200, 1.0, True)]
)
def test_a_pool_is_waited_for_until_it_would_be_too_large(risen: int, seconds: float, is_settled: bool) -> None:
    """GIVEN calls of which a rise takes more WHEN they are cheap THEN a pool of a thousand is waited for."""
    count = (risen / 1200 * np.maximum(ALL_CALLS - 400, 0)).astype(np.int64)
    replayed = ReplayProgress(readings=read(count), calls=1600, replay_seconds=seconds, seconds_per_call=1e-4)
    assert are_settled(replayed, NO_BUDGET) is is_settled


@pytest.mark.parametrize(
    ("kind", "lost", "is_enough"),
    [
        (ResourceKind.OPEN_FILES, 7000, False),
        (ResourceKind.OPEN_FILES, 9000, True),
        (ResourceKind.THREADS, 900, False),
        (ResourceKind.THREADS, 1100, True),
        (ResourceKind.CHILD_PROCESSES, 900, False),
        (ResourceKind.CHILD_PROCESSES, 1100, True),
        (ResourceKind.ASYNCIO_TASKS, 100_000, False),
    ],
)
def test_a_leak_is_certain_long_before_the_machine_runs_out(kind: ResourceKind, lost: int, is_enough: bool) -> None:
    """Processes are few by a machine's default limits (ulimit -u), and files are more; tasks cost memory alone."""
    count = (lost / 1200 * np.maximum(ALL_CALLS - 400, 0)).astype(np.int64)
    assert has_lost_enough(read(count, kind=kind), NO_BUDGET) is is_enough


def test_a_kind_without_a_budget_or_a_column_is_not_judged() -> None:
    assert judge_resources(read(ALL_CALLS), {"threads": 0.0}) == ()
    assert judge_resources(Readings(calls=(1, 2, 3)), NO_BUDGET) == ()
    assert judge_resources(Readings(), NO_BUDGET) == ()


@pytest.mark.parametrize("kind", list(ResourceKind))
def test_each_kind_is_read_from_its_own_column(kind: ResourceKind) -> None:
    (resource,) = judge_resources(read(ALL_CALLS, kind=kind), NO_BUDGET)
    assert resource.kind is kind


# --- the gate --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "gate"), [(0.0, Gate.OVER), (990.0, Gate.OVER), (1000.0, Gate.INCONCLUSIVE), (1010.0, Gate.WITHIN)]
)
def test_a_budget_is_broken_only_by_the_whole_interval(budget: float, gate: Gate) -> None:
    resource = judged(ALL_CALLS, budget)
    assert resource is not None
    assert (resource.verdict, resource.gate) == (Verdict.LEAK, gate)


FILES = Resource(
    kind=ResourceKind.OPEN_FILES,
    per_1000_calls=1000.0,
    low=999.0,
    high=1001.0,
    budget_per_1000_calls=0.0,
    verdict=Verdict.LEAK,
    gate=Gate.OVER,
)


@pytest.mark.parametrize(
    ("before", "resource", "after"),
    [
        ((Gate.WITHIN, ()), Gate.OVER, (Gate.OVER, ("open files",))),
        ((Gate.OVER, ("growth",)), Gate.OVER, (Gate.OVER, ("growth", "open files"))),
        ((Gate.INCONCLUSIVE, ()), Gate.OVER, (Gate.OVER, ("open files",))),
        ((Gate.ERROR, ()), Gate.OVER, (Gate.ERROR, ())),
        ((Gate.WITHIN, ()), Gate.INCONCLUSIVE, (Gate.INCONCLUSIVE, ())),
        ((Gate.OVER, ("peak",)), Gate.INCONCLUSIVE, (Gate.OVER, ("peak",))),
        ((Gate.WITHIN, ()), Gate.WITHIN, (Gate.WITHIN, ())),
    ],
)
def test_a_resource_over_its_budget_is_one_more_failure(
    before: tuple[Gate, tuple[str, ...]], resource: Gate, after: tuple[Gate, tuple[str, ...]]
) -> None:
    assert gate_resources(*before, (replace(FILES, gate=resource),)) == after
    assert gate_resources(*before, ()) == before


# --- scripted runs ---------------------------------------------------------------------------------


def lost(every: int) -> Callable[[Counts], Counts]:
    return lambda calls: 5 + calls // every


def test_a_leak_of_files_is_over_budget_though_memory_is_clean_and_is_named() -> None:
    names = {"open files": [{"what": "/tmp/a.log", "count": 200}]}
    result = simulate(Script(heap=still, counted={"open files": lost(1)}, named=names))
    assert (result.verdict, result.gate, result.over_budget) == (Verdict.CLEAN, Gate.OVER, ("open files",))
    assert [resource.named for resource in result.resources] == [(NamedCount(what="/tmp/a.log", count=200),)]


def test_a_sparse_leak_of_threads_is_followed_longer_than_memory_needs() -> None:
    result = simulate(Script(heap=still, counted={"threads": lost(50)}))
    assert result.over_budget == ("threads",)
    assert result.growth is not None
    assert result.growth.calls >= 1500


def test_constant_counts_cost_no_additional_call() -> None:
    plain = simulate(Script(heap=still))
    counted = simulate(Script(heap=still, counted={kind.value: lambda calls: 5 + 0 * calls for kind in ResourceKind}))
    assert plain.growth is not None
    assert counted.growth is not None
    assert counted.growth.calls == plain.growth.calls
    assert (counted.resources, counted.gate) == ((), Gate.WITHIN)


def test_a_pool_that_fills_slowly_is_waited_for() -> None:
    result = simulate(Script(heap=still, counted={"open files": lambda calls: np.minimum(calls // 8, 90)}))
    assert result.resources == ()


@pytest.mark.parametrize(("kind", "most"), [("threads", 3000), ("child processes", 3000), ("open files", 20_000)])
def test_a_certain_leak_ends_early_before_it_exhausts_the_machine(kind: str, most: int) -> None:
    # GIVEN a leak of memory, which is followed for 20 000 calls, and of a scarce resource
    result = simulate(Script(heap=leak(64), counted={kind: lost(1)}, seconds_per_call=1e-5))
    # THEN it ends early, and both are reported
    assert result.verdict is Verdict.LEAK
    assert result.growth is not None
    assert result.growth.calls < most
    assert len(result.over_budget) == 2
    assert has_lost_enough(result.readings, NO_BUDGET)


def test_after_an_aborted_replay_rising_resources_are_still_reported() -> None:
    result = simulate(Script(heap=still, counted={"open files": lost(1)}, fails_after=700))
    assert result.gate is Gate.ERROR
    assert [resource.kind for resource in result.resources] == [ResourceKind.OPEN_FILES]


# --- the sentences ---------------------------------------------------------------------------------


def sentence_of(resource: Resource) -> str:
    (sentence,) = resource_sentences(replace(CLEAN, resources=(resource,)))
    return sentence


def test_a_sentence_has_the_rate_the_budget_and_the_names() -> None:
    named = replace(
        FILES, count=1203, named=(NamedCount(what="/tmp/a.log", count=1200), NamedCount(what="a pipe", count=1))
    )
    assert sentence_of(named) == (
        "open files rise by 1,000 per 1000 calls to 1,203 (/tmp/a.log ×1,200, a pipe ×1); the budget is 0."
    )
    assert list(resource_sentences(CLEAN)) == []


def test_a_sentence_shows_an_allowed_rate_an_uncertain_rate_and_omitted_names() -> None:
    assert sentence_of(replace(FILES, gate=Gate.WITHIN, budget_per_1000_calls=2000.0)).endswith(
        "; this is within the budget of 2,000."
    )
    assert sentence_of(replace(FILES, gate=Gate.INCONCLUSIVE, low=0.5, high=2.5, budget_per_1000_calls=2.0)).endswith(
        "the rate is between 0.5 and 2.5, which includes the budget of 2."
    )
    close = replace(FILES, gate=Gate.INCONCLUSIVE, low=999.96, high=1000.04, budget_per_1000_calls=1000.0)
    assert sentence_of(close).endswith("the rate is between 999.96 and 1,000.04, which includes the budget of 1,000.")
    many = tuple(NamedCount(what=f"\x1b{number}", count=1) for number in range(5))
    assert "(\\x1b0 ×1, \\x1b1 ×1, \\x1b2 ×1, and 2 more); " in sentence_of(replace(FILES, named=many))


# --- the settings ----------------------------------------------------------------------------------


def settings(folder: Path, table: str) -> Settings:
    (folder / "pyproject.toml").write_text(f"[tool.leakcheck.resources]\n{table}\n")
    return resolve(SettingsLayer(), environment={}, folder=folder)


def test_the_default_budgets_are_zero(tmp_path: Path) -> None:
    assert settings(tmp_path, "").resource_budgets == NO_BUDGET


def test_a_budget_is_a_number_per_1000_calls_or_off(tmp_path: Path) -> None:
    budgets = settings(tmp_path, 'open_files = 5\nthreads = 0.5\nasyncio_tasks = "off"').resource_budgets
    assert budgets == {
        "open files": 5.0,
        "threads": 0.5,
        "child processes": 0.0,
        "uncollectable objects": 0.0,
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("open_flies = 1", "resources: there is no option 'open_flies'; did you mean open_files?"),
        ("open_files = -1", "resources: open_files is -1.0; write how many may be left per 1000 calls, or 'off'"),
        ("open_files = nan", "open_files is nan"),
        ("threads = inf", "threads is inf"),
        ('threads = "on"', "threads is 'on'"),
        ("threads = true", "resources: must be a number or text in quotes"),
    ],
)
def test_a_budget_that_cannot_be_used_is_refused(tmp_path: Path, table: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, table)
    assert says in str(caught.value)
