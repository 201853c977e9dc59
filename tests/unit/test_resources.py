"""What is counted beside memory: what rises is listed at its rate, and pools, teeth and workers are left in peace."""

import asyncio
import gc
import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakcheck.analysis.resources import COLUMNS, gate_resources, is_enough, judge_resources
from leakcheck.config import Said, Settings, resolve
from leakcheck.errors import ConfigError
from leakcheck.explanation import Named, Resource, ResourceKind
from leakcheck.model import Gate, Readings, Verdict
from leakcheck.reporters.resources import resource_sentences
from leakcheck.worker import counts
from leakcheck.worker.grouped import grouped
from leakcheck.worker.resources import name_resources, snapshot
from tests.unit.runs import CLEAN
from tests.unit.scripted import Script, leak, simulate, still

NO_BUDGET = dict.fromkeys([kind.value for kind in ResourceKind], 0.0)
ALL_CALLS = np.arange(1, 1601)
Counts = NDArray[np.int64]


def read(count: Counts, *, every: int = 4, name: str = "open_files") -> Readings:
    calls = ALL_CALLS[every - 1 : len(count) : every]
    return Readings(calls=tuple(calls.tolist()), **{name: tuple((5 + count[calls - 1]).tolist())})


def judged(count: Counts, budget: float = 0.0) -> Resource | None:
    found = judge_resources(read(count), {**NO_BUDGET, "open files": budget})
    return found[0] if found else None


# --- what rises ------------------------------------------------------------------------------------


def test_one_per_call_is_told_exactly() -> None:
    found = judged(ALL_CALLS)
    assert found is not None
    assert (found.kind, found.verdict, found.gate, found.count) == (
        ResourceKind.OPEN_FILES,
        Verdict.LEAK,
        Gate.OVER,
        1605,
    )
    assert found.per_1000_calls == pytest.approx(1000, abs=1)
    assert 995 < found.low <= 1000 <= found.high < 1005


@given(every=st.integers(2, 100), seed=st.integers(0, 1000))
def test_what_leaks_in_few_calls_is_found_at_its_rate(every: int, seed: int) -> None:
    regular = judged(ALL_CALLS // every)
    assert regular is not None
    assert regular.low <= 1000 / every <= regular.high
    assert regular.gate is Gate.OVER
    if every <= 20:
        at_random = judged(np.cumsum(np.random.default_rng(seed).random(1600) < 1 / every))
        assert at_random is None or 0 < at_random.low <= at_random.per_1000_calls <= at_random.high


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_what_leaks_at_random_is_hardly_ever_missed(share: float) -> None:
    found = [judged(np.cumsum(np.random.default_rng(seed).random(1600) < share)) for seed in range(100)]
    assert sum(one is not None for one in found) >= 97


def test_a_leak_below_what_comes_and_goes_is_found() -> None:
    workers = np.random.default_rng(1).integers(0, 6, 1600)
    found = judged(ALL_CALLS // 10 + workers)
    assert found is not None
    assert found.low <= 100 <= found.high


# --- what does not ---------------------------------------------------------------------------------


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
    ids=["nothing", "a pool", "a slow pool", "a huge pool", "teeth", "big teeth", "falls", "late burst", "one step"],
)
def test_a_pool_a_tooth_or_a_burst_is_not_listed(count: Counts) -> None:
    assert judged(count) is None


@given(seed=st.integers(0, 10_000), most=st.integers(1, 200))
def test_workers_that_come_and_go_are_never_listed(seed: int, most: int) -> None:
    assert judged(np.random.default_rng(seed).integers(0, most + 1, 1600)) is None


@given(seed=st.integers(0, 10_000), size=st.integers(1, 250))
def test_a_pool_that_is_filled_at_random_is_never_listed(seed: int, size: int) -> None:
    slots = np.random.default_rng(seed).integers(0, size, 1600)
    seen: set[int] = set()
    count = np.array([len(seen) for slot in slots.tolist() if seen.add(slot) is None])  # type: ignore[func-returns-value]
    assert judged(count) is None


@pytest.mark.parametrize("lost", [7, 8])
def test_a_handful_that_is_late_is_not_a_leak(lost: int) -> None:
    # seen over the last three quarters of the calls, and floors leave out the newest stretch
    count = (ALL_CALLS - 400) * (lost / 1000) * (ALL_CALLS > 400)
    assert (judged(count.astype(np.int64)) is None) == (lost < 8)


def test_what_has_no_budget_or_no_column_is_not_looked_at() -> None:
    assert judge_resources(read(ALL_CALLS), {"threads": 0.0}) == ()
    assert judge_resources(Readings(calls=(1, 2, 3)), NO_BUDGET) == ()
    assert judge_resources(Readings(), NO_BUDGET) == ()


@pytest.mark.parametrize("kind", list(ResourceKind))
def test_each_kind_is_read_from_its_own_column(kind: ResourceKind) -> None:
    (found,) = judge_resources(read(ALL_CALLS, name=COLUMNS[kind]), NO_BUDGET)
    assert found.kind is kind


# --- the gate --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "gate"), [(0.0, Gate.OVER), (990.0, Gate.OVER), (1000.0, Gate.INCONCLUSIVE), (1010.0, Gate.WITHIN)]
)
def test_a_budget_is_broken_only_with_the_whole_interval(budget: float, gate: Gate) -> None:
    found = judged(ALL_CALLS, budget)
    assert found is not None
    assert (found.verdict, found.gate) == (Verdict.LEAK, gate)


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


# --- the whole road, scripted ----------------------------------------------------------------------


def lost(every: int) -> Callable[[Counts], Counts]:
    return lambda calls: 5 + calls // every


def test_a_leak_of_files_is_over_budget_though_memory_is_clean_and_is_named() -> None:
    said = {"open files": [{"what": "/tmp/a.log", "count": 200}]}
    result = simulate(Script(heap=still, counted={"open_files": lost(1)}, named=said))
    assert (result.verdict, result.gate, result.failures) == (Verdict.CLEAN, Gate.OVER, ("open files",))
    assert [resource.named for resource in result.resources] == [(Named(what="/tmp/a.log", count=200),)]


def test_a_sparse_leak_of_files_is_followed_beyond_what_memory_needs() -> None:
    result = simulate(Script(heap=still, counted={"threads": lost(50)}))
    assert result.failures == ("threads",)
    assert result.growth is not None
    assert result.growth.calls >= 1500


def test_what_stands_still_costs_no_call_more() -> None:
    plain = simulate(Script(heap=still))
    counted = simulate(Script(heap=still, counted={name: lambda calls: 5 + 0 * calls for name in COLUMNS.values()}))
    assert plain.growth is not None
    assert counted.growth is not None
    assert counted.growth.calls == plain.growth.calls
    assert (counted.resources, counted.gate) == ((), Gate.WITHIN)


def test_a_pool_that_fills_slowly_is_waited_for() -> None:
    result = simulate(Script(heap=still, counted={"open_files": lambda calls: np.minimum(calls // 8, 90)}))
    assert result.resources == ()


@pytest.mark.parametrize(("column", "most"), [("threads", 3000), ("children", 3000), ("open_files", 20_000)])
def test_a_machine_is_not_emptied_to_be_sure(column: str, most: int) -> None:
    # GIVEN a leak of memory, which is followed for 20 000 calls, and of what the machine has few of
    result = simulate(Script(heap=leak(64), counted={column: lost(1)}, seconds_per_call=1e-5))
    # THEN it ends early, and both are told
    assert result.verdict is Verdict.LEAK
    assert result.growth is not None
    assert result.growth.calls < most
    assert len(result.failures) == 2
    assert is_enough(result.readings, NO_BUDGET)


def test_of_a_replay_that_broke_off_what_rose_is_still_told() -> None:
    result = simulate(Script(heap=still, counted={"open_files": lost(1)}, fails_after=700))
    assert result.gate is Gate.ERROR
    assert [resource.kind for resource in result.resources] == [ResourceKind.OPEN_FILES]


# --- the sentences ---------------------------------------------------------------------------------


def said(resource: Resource) -> str:
    (sentence,) = resource_sentences(replace(CLEAN, resources=(resource,)))
    return sentence


def test_a_sentence_tells_the_rate_the_budget_and_what_it_is() -> None:
    named = replace(FILES, named=(Named(what="/tmp/a.log", count=1200), Named(what="a pipe", count=1)))
    assert said(named) == (
        "newsletter[iterator]: open files rise by 1,000 per 1000 calls; the budget is 0. (/tmp/a.log ×1,200, a pipe ×1)"
    )
    assert list(resource_sentences(CLEAN)) == []


def test_a_sentence_tells_what_is_allowed_what_is_unsure_and_what_is_left_out() -> None:
    assert said(replace(FILES, gate=Gate.WITHIN, budget_per_1000_calls=2000.0)).endswith(
        "the budget is 2,000, which is kept."
    )
    assert said(replace(FILES, gate=Gate.INCONCLUSIVE, low=0.5, high=2.5, budget_per_1000_calls=2.0)).endswith(
        "the truth lies between 0.5 and 2.5, and the budget of 2 in between."
    )
    many = tuple(Named(what=f"\x1b{number}", count=1) for number in range(5))
    assert said(replace(FILES, named=many)).endswith("(\\x1b0 ×1, \\x1b1 ×1, \\x1b2 ×1, and 2 more)")


# --- the settings ----------------------------------------------------------------------------------


def settings(folder: Path, table: str) -> Settings:
    (folder / "pyproject.toml").write_text(f"[tool.leakcheck.resources]\n{table}\n")
    return resolve(Said(), environment={}, folder=folder)


def test_without_a_word_nothing_may_stay(tmp_path: Path) -> None:
    assert settings(tmp_path, "").resource_budgets == NO_BUDGET


def test_a_budget_is_a_number_per_1000_calls_or_off(tmp_path: Path) -> None:
    said = settings(tmp_path, 'open_files = 5\nthreads = 0.5\nasyncio_tasks = "off"').resource_budgets
    assert said == {
        "open files": 5.0,
        "threads": 0.5,
        "child processes": 0.0,
        "uncollectable objects": 0.0,
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("open_flies = 1", "resources: there is no option 'open_flies'; did you mean open_files?"),
        ("open_files = -1", "resources: open_files is -1.0; write how many may stay of 1000 calls, or 'off'"),
        ("open_files = nan", "open_files is nan"),
        ("threads = inf", "threads is inf"),
        ('threads = "on"', "threads is 'on'"),
        ("threads = true", "got `bool`"),
    ],
)
def test_a_budget_that_cannot_be_used_is_refused(tmp_path: Path, table: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, table)
    assert says in str(caught.value)


# --- counting, in this process ---------------------------------------------------------------------


def gained(read: Callable[[], int] | None, before: int) -> int:
    assert read is not None
    return read() - before


def test_files_threads_and_children_are_counted() -> None:
    files, threads, children = counts.open_files(), counts.threads(), counts.children()
    assert files is not None
    assert children is not None
    before = files(), threads(), children()
    pipe = os.pipe()
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait)
    worker.start()
    # a zombie counts, and so does the child of another thread
    zombie = subprocess.Popen(["/bin/true"])
    started: list[subprocess.Popen[bytes]] = []

    def start_and_wait() -> None:
        started.append(subprocess.Popen(["sleep", "60"]))
        stop.wait()

    other = threading.Thread(target=start_and_wait)
    other.start()
    while not started:
        pass
    assert (files() - before[0], threads() - before[1], children() - before[2]) == (2, 2, 2)
    stop.set()
    worker.join()
    other.join()
    started[0].kill()
    started[0].wait()
    zombie.wait()
    for descriptor in pipe:
        os.close(descriptor)
    assert (files(), children()) == (before[0], before[2])


def test_tasks_are_counted_until_they_are_done_and_a_done_of_the_users_is_not_asked() -> None:
    read = counts.tasks()
    before = read()

    class Liar(asyncio.Task[None]):
        def done(self) -> bool:
            raise AssertionError("it was asked")

    async def main() -> tuple[int, int]:
        never = asyncio.Event()

        async def wait() -> None:
            await never.wait()

        kept: list[asyncio.Task[None]] = [asyncio.create_task(wait()), Liar(wait(), loop=asyncio.get_running_loop())]
        await asyncio.sleep(0)
        pending = read() - before
        never.set()
        await asyncio.wait_for(kept[0], 5)
        await asyncio.sleep(0)
        return pending, read() - before

    assert asyncio.run(main()) == (3, 1)  # main's own is one of them


def test_uncollectable_objects_are_counted() -> None:
    read = counts.uncollectable()
    before = read()
    gc.garbage.append(object())
    try:
        assert read() == before + 1
    finally:
        gc.garbage.pop()


# --- names, from this process ----------------------------------------------------------------------


def named(kind: str, before: Any) -> dict[str, int]:
    return {one["what"]: one["count"] for one in name_resources([kind], before)[kind]}


def test_files_are_named_by_what_they_are_and_what_was_there_before_is_left_out(tmp_path: Path) -> None:
    before = snapshot()
    files = [(tmp_path / f"{number}.log").open("w") for number in range(6)]
    same = [(tmp_path / "app.txt").open("w") for _ in range(3)]
    pipe = os.pipe()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        here, there = socket.socketpair()
        with closing(socket.create_connection(("127.0.0.1", port))) as client, closing(socket.socket()) as idle:
            found = named("open files", before)
            mine = client.getsockname()[1]
            assert idle.fileno() > 0
        here.close()
        there.close()
    for file in (*files, *same):
        file.close()
    for descriptor in pipe:
        os.close(descriptor)
    assert found == {
        f"{tmp_path}/[*].log": 6,
        f"{tmp_path}/app.txt": 3,
        "a pipe": 2,
        "Unix socket, unnamed": 2,
        f"TCP socket, not connected, on 127.0.0.1:{port}": 1,
        f"TCP socket 127.0.0.1:{mine} to 127.0.0.1:{port}": 1,
        "TCP socket, not connected": 1,
    }


def stand_still(stop: threading.Event) -> None:
    stop.wait()


def test_threads_are_named_by_name_target_and_where_they_stand() -> None:
    before, stop = snapshot(), threading.Event()
    threads = [threading.Thread(target=stand_still, args=(stop,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    found = named("threads", before)
    stop.set()
    for thread in threads:
        thread.join()
    [(what, count)] = found.items()
    assert count == 6
    assert what.startswith(f"Thread-[*] (stand_still), runs {__name__}.stand_still, stands at ")
    assert what.endswith(" stand_still")
    assert f"test_resources.py:{stand_still.__code__.co_firstlineno + 1}" in what


def test_tasks_are_named_by_their_coroutine_and_where_it_waits() -> None:
    async def innermost(never: asyncio.Event) -> None:
        await never.wait()

    async def poll(never: asyncio.Event) -> None:
        await innermost(never)

    async def main() -> dict[str, int]:
        before, never = snapshot(), asyncio.Event()
        kept = [asyncio.create_task(poll(never)) for _ in range(3)]
        await asyncio.sleep(0)
        fresh = asyncio.create_task(poll(never))
        found = named("asyncio tasks", before)
        never.set()
        await asyncio.wait([*kept, fresh])
        return found

    found = asyncio.run(main())
    waits, fresh = sorted(found, key=lambda what: -found[what])
    assert ".poll, waits at " in waits
    assert f"test_resources.py:{innermost.__code__.co_firstlineno + 1} " in waits
    assert found == {waits: 3, fresh: 1}


def test_children_are_named_by_their_command_and_what_became_of_them() -> None:
    before = snapshot()
    sleeper = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["/bin/true"])
    assert os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    found = named("child processes", before)
    sleeper.kill()
    sleeper.wait()
    zombie.wait()
    assert found == {"sleep 60 (still runs)": 1, "true (ended, and never waited for)": 1}


def test_garbage_is_named_by_type_and_an_unknown_kind_by_nothing() -> None:
    gc.garbage.append(Counter())
    try:
        assert named("uncollectable objects", {}) == {"collections.Counter": 1}
    finally:
        gc.garbage.pop()
    assert name_resources(["spoons"]) == {"spoons": []}


@pytest.fixture
def many_files(tmp_path: Path) -> Iterator[None]:
    files = [(tmp_path / f"{'abcdefghijkl'[number] * 3}{number}" / "x").parent for number in range(12)]
    opened = []
    for folder in files:
        folder.mkdir()
        opened.append((folder / "data").open("w"))
    yield
    for file in opened:
        file.close()


@pytest.mark.usefixtures("many_files")
def test_at_most_ten_are_named() -> None:
    assert len(name_resources(["open files"], {})["open files"]) <= 10


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/tmp/1.log", "/tmp/2.log"], {"/tmp/1.log": 1, "/tmp/2.log": 1}),
        ([f"/tmp/{n}.log" for n in range(9)], {"/tmp/[*].log": 9}),
        ([f"/run/7/{n}.log" for n in range(9)], {"/run/7/[*].log": 9}),
        ([f"/tmp/tmp{word}.txt" for word in ("xa", "yb", "zc", "wd", "ve")], {"/tmp/tmp[*].txt": 5}),
        ([f"TCP socket 10.0.0.1:{40_000 + n} to 10.0.0.5:5432" for n in range(7)], {
            "TCP socket 10.0.0.1:[*] to 10.0.0.5:5432": 7
        }),
        (["a pipe"] * 9, {"a pipe": 9}),
        ([], {}),
    ],
)  # fmt: skip
def test_names_that_differ_by_a_number_or_within_a_folder_are_put_together(
    names: list[str], expected: dict[str, int]
) -> None:
    assert grouped(Counter(names)) == expected


@given(st.lists(st.text(alphabet="ab/.0123456789", max_size=8), max_size=40))
def test_putting_together_loses_none(names: list[str]) -> None:
    assert sum(grouped(Counter(names)).values()) == len(names)
