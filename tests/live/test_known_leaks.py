"""Leaks of known size, and what looks like one: found at their size, or left in peace, by the real command."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explain
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.result import Meter
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner import session
from leakcheck.runner.task import Task
from leakcheck.scenario import parse_target
from tests.live.command import Leakcheck
from tests.live.sizes import MALLOC_OF_100, OBJECT, OBJECT_IN_A_LIST, PAGE_PER_CALL, assert_leaks

# --- the size -------------------------------------------------------------------------------------


def test_a_leak_of_one_object_per_call_is_found_at_its_size(leakcheck: Leakcheck) -> None:
    # GIVEN a small leak, as people write it
    leakcheck.write(
        "leak.py",
        """
        from leakcheck import scenario

        KEPT = []

        @scenario
        def leak():
            KEPT.append(object())
        """,
    )
    # WHEN it is run under the default budget
    ran = leakcheck.run("leak.py")
    # THEN it is found, over budget, far enough out to see whether the line ends
    assert_leaks(ran.result, OBJECT_IN_A_LIST)
    assert (ran.result.gate, ran.result.over_budget) == (Gate.OVER, ("growth",))
    assert ran.result.growth is not None
    assert ran.result.growth.calls >= 20_000
    assert ran.result.growth.meter is Meter.HEAP
    assert ran.code == ExitCode.OVER_BUDGET


def test_one_object_per_call_is_found_within_2000_calls_where_a_call_takes_a_millisecond(leakcheck: Leakcheck) -> None:
    # GIVEN the smallest leak there is: an object in a slot that was there before
    leakcheck.write(
        "leak.py",
        """
        import itertools, time
        from leakcheck import scenario

        KEPT, COUNT = [None] * 100_000, itertools.count()

        @scenario
        def leak():
            time.sleep(0.001)
            KEPT[next(COUNT)] = object()
        """,
    )
    # WHEN it is run
    ran = leakcheck.run("leak.py")
    # THEN two seconds are enough
    assert_leaks(ran.result, OBJECT)
    assert ran.result.gate is Gate.OVER
    assert ran.result.growth is not None
    assert ran.result.growth.calls <= 2000


@pytest.mark.parametrize(
    ("statement", "bytes_per_call"),
    [
        ("KEPT.append(bytes(1000))", 33 + 1000 + 15 + 8),
        ("KEPT.append(bytes(100_000))", 100_048),
        ("LIBC.malloc(100)", MALLOC_OF_100),
        ("os.dup(0); KEPT.append(bytes(967))", 1000 + 8),
    ],
    ids=["1 kB of Python's", "100 kB of malloc's", "C code that forgets to free", "with an open file each"],
)
def test_a_leak_is_found_at_its_size_whoever_allocates_it(
    leakcheck: Leakcheck, statement: str, bytes_per_call: float
) -> None:
    leakcheck.write(
        "leak.py",
        f"""
        import ctypes, os, resource
        from leakcheck import scenario

        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        LIBC = ctypes.CDLL(None)
        LIBC.malloc.restype = ctypes.c_void_p
        KEPT = []

        @scenario
        def leak():
            {statement}
        """,
    )
    ran = leakcheck.run("leak.py", "--calls", "2000")
    assert_leaks(ran.result, bytes_per_call)
    assert ran.result.growth is not None
    assert ran.result.growth.meter is Meter.HEAP
    assert ran.code == ExitCode.OVER_BUDGET


def test_memory_that_is_mapped_past_the_allocators_is_found_by_its_pages(leakcheck: Leakcheck) -> None:
    # GIVEN a body that maps one page more with every call, and writes to it
    leakcheck.write(
        "leak.py",
        """
        import ctypes
        from leakcheck import scenario

        LIBC = ctypes.CDLL(None)
        LIBC.mmap.restype = ctypes.c_void_p
        LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        READ_WRITE, PRIVATE_ANONYMOUS = 3, 0x22

        @scenario
        def leak():
            ctypes.memset(LIBC.mmap(None, 4096, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0), 1, 4096)
        """,
    )
    # WHEN it is run
    ran = leakcheck.run("leak.py", "--calls", "4000")
    # THEN the pages decide, since the heap stands still
    assert_leaks(ran.result, PAGE_PER_CALL)
    assert ran.result.growth is not None
    assert ran.result.growth.meter is Meter.RSS
    assert ran.result.growth.heap_bytes_per_1000_calls == pytest.approx(0, abs=2000)
    assert "Only resident pages grow" in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


@pytest.mark.parametrize("allocator", ["pymalloc", "malloc"])
def test_the_size_is_what_the_allocator_takes_for_it(leakcheck: Leakcheck, allocator: str) -> None:
    # GIVEN strings of 100 letters, in steps of 16 bytes under both, and with 8 bytes more under malloc
    string_bytes = sys.getsizeof("x" * 100) + (8 if allocator == "malloc" else 0)
    leakcheck.write(
        "leak.py",
        """
        from leakcheck import scenario

        KEPT = []

        @scenario
        def leak():
            KEPT.append("x" * 99 + str(len(KEPT) % 10))
        """,
    )
    ran = leakcheck.run("leak.py", environment={"PYTHONMALLOC": allocator})
    assert_leaks(ran.result, math.ceil(string_bytes / 16) * 16 + 8)
    assert ran.document.environment is not None
    assert ran.document.environment.allocator == allocator
    assert (max(ran.result.readings.python_bytes) > 0) == (allocator == "pymalloc")


# --- what is no leak ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    ["pass", "json.loads('[' * 50 + ']' * 50)", "cycle = []; cycle.append(cycle)", "re.match('a*b', 'aaaab')"],
    ids=["nothing", "garbage", "cycles", "a warm cache"],
)
def test_a_quiet_scenario_is_clean_within_1000_calls(leakcheck: Leakcheck, statement: str) -> None:
    leakcheck.write(
        "quiet.py",
        f"""
        import json, re
        from leakcheck import scenario

        @scenario
        def quiet():
            {statement}
        """,
    )
    ran = leakcheck.run("quiet.py")
    assert (ran.result.verdict, ran.result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran.result.growth is not None
    assert ran.result.growth.calls <= 1000
    assert ran.code == ExitCode.WITHIN


@pytest.mark.parametrize(
    ("setup", "statement", "kind", "limit"),
    [
        ("LOG = collections.deque(maxlen=9000)", "LOG.append(object())", "deque(maxlen=9000)", 9000),
        (
            "LOG = functools.lru_cache(maxsize=7000)(lambda key: [key])",
            "LOG(next(COUNT))",
            "lru_cache(maxsize=7000)",
            7000,
        ),
    ],
    ids=["deque", "lru_cache"],
)
def test_a_straight_line_into_a_container_with_a_limit_is_bounded_by_it(
    leakcheck: Leakcheck, setup: str, statement: str, kind: str, limit: int
) -> None:
    # GIVEN calls that are too dear to wait until the container is full
    leakcheck.write(
        "fills.py",
        f"""
        import collections, functools, itertools, time
        from leakcheck import scenario

        COUNT = itertools.count(1000)
        {setup}

        @scenario
        def fills():
            time.sleep(0.001)
            {statement}
        """,
    )
    # WHEN it is run
    ran = leakcheck.run("fills.py")
    # THEN the container is named, and it is within budget whatever grows now
    assert ran.result.verdict is Verdict.BOUNDED
    holder = ran.result.bounded_by
    assert holder is not None
    assert (holder.kind, holder.limit) == (kind, limit)
    assert 1000 < holder.length < limit
    assert holder.length_per_call == pytest.approx(1, rel=0.05)
    assert "fills.LOG" in ran.output or "fills.<lambda>" in ran.output
    assert ran.result.gate is Gate.WITHIN
    assert ran.code == ExitCode.WITHIN


def test_a_leak_beside_a_container_that_fills_is_a_leak(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "both.py",
        """
        import collections, time
        from leakcheck import scenario

        LOG, KEPT = collections.deque(maxlen=9000), []

        @scenario
        def both():
            time.sleep(0.001)
            LOG.append(object())
            KEPT.append(object())
        """,
    )
    ran = leakcheck.run("both.py")
    assert ran.result.verdict is Verdict.LEAK
    assert ran.result.bounded_by is None


def test_a_dict_that_meets_5000_keys_is_no_leak(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "cache.py",
        """
        import itertools
        from leakcheck import scenario

        CACHE, COUNT = {}, itertools.count()

        @scenario
        def cache():
            CACHE[next(COUNT) % 5000] = object()
        """,
    )
    ran = leakcheck.run("cache.py")
    assert ran.result.verdict in (Verdict.BOUNDED, Verdict.CLEAN)
    assert ran.result.gate is Gate.WITHIN
    assert ran.result.growth is not None
    assert ran.result.growth.calls > 5000
    assert ran.code == ExitCode.WITHIN


# --- platforms with fewer meters ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meters", "decides"),
    [(("python", "rss"), Meter.HEAP), (("rss",), Meter.BLOCKS), ((), Meter.BLOCKS)],
    ids=["no native meter", "no heap meter", "blocks alone"],
)
def test_with_fewer_meters_a_leak_is_found_by_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meters: tuple[str, ...], decides: Meter
) -> None:
    # GIVEN a measured process that has only some of the meters, as on another platform
    plan = Task.pass_request

    def plan_with_few_meters(task: Task, work: Pass, capture: Path | None = None) -> PassRequest:
        return replace(plan(task, work, capture), meters=meters)

    monkeypatch.setattr(Task, "pass_request", plan_with_few_meters)
    (tmp_path / "leaks.py").write_text(
        "import itertools\n"
        "from leakcheck import scenario\n"
        "KEPT, COUNT = [None] * 100_000, itertools.count()\n"
        "@scenario\n"
        "def leak(): KEPT[next(COUNT)] = object()\n"
        "@scenario\n"
        "def quiet(): pass\n"
    )
    # WHEN a leak and a quiet scenario are measured
    said = SettingsLayer(output=str(tmp_path / "out"), calls=20_000, explain=Explain.NEVER)
    settings = resolve(said, environment={}, folder=tmp_path)
    request = session.RunRequest(
        targets=[parse_target(str(tmp_path / "leaks.py"))], settings=settings, measure_peak=False
    )
    leak, quiet = session.run(request, Mock()).run.results
    # THEN the verdicts are the same, and the bounds of the growth are as wide as the meter is coarse
    assert (leak.verdict, quiet.verdict) == (Verdict.LEAK, Verdict.CLEAN)
    assert leak.growth is not None
    assert leak.growth.meter is decides
    assert leak.growth.low <= 1000 * OBJECT <= leak.growth.high
    assert (leak.readings.native_bytes, leak.readings.rss_bytes == ()) == ((), "rss" not in meters)
