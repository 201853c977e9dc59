"""Leaks of known size, and what looks like one: found at their size, or left in peace, by the real command."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leakcheck import session
from leakcheck.config import Said, resolve
from leakcheck.errors import ExitCode
from leakcheck.explanation import Explain
from leakcheck.model import Gate, Meter, Result, Verdict
from leakcheck.plan import Pass, Plan
from leakcheck.scenario import parse_target
from leakcheck.task import Task
from tests.live.command import Leakcheck

OBJECT = 16
"""`object()` takes one of pymalloc's 16-byte steps."""

OBJECT_IN_A_LIST = OBJECT + 8
"""And its slot in a list that grows 8 bytes, an eighth of the list at a time."""

MALLOC_OF_100 = 112
"""glibc hands out 100 bytes as a chunk of 112."""

PAGE_PER_CALL = 4096


def assert_leaks(result: Result, bytes_per_call: float, *, within: float = 0.05) -> None:
    """The verdict is leak, at the known size, and the bounds hold the truth as long as they are not exact."""
    assert (result.verdict, result.trouble) == (Verdict.LEAK, None)
    assert result.growth is not None
    assert result.growth.bytes_per_1000_calls == pytest.approx(1000 * bytes_per_call, rel=within)
    assert result.growth.low <= result.growth.bytes_per_1000_calls <= result.growth.high
    assert result.growth.low <= 1000 * bytes_per_call * (1 + within)
    assert result.growth.high >= 1000 * bytes_per_call * (1 - within)


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
    assert (ran.result.gate, ran.result.failures) == (Gate.OVER, ("growth",))
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
    assert "Only the resident pages show it" in ran.output
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


# --- the forms a scenario has ---------------------------------------------------------------------

FORMS = """
import asyncio
from leakcheck import scenario

KEPT, TORN_DOWN = [], []

@scenario
async def coroutine():
    await asyncio.sleep(0)
    KEPT.append(bytes(967))

@scenario
def generator():
    kept = []
    yield lambda: kept.append(bytes(967))
    print(TORN_DOWN)
    open("generator-torn-down.txt", "w").close()

@scenario
async def async_generator():
    kept = []
    async def call():
        await asyncio.sleep(0)
        kept.append(bytes(967))
    yield call
    await asyncio.sleep(0)
    open("async-generator-torn-down.txt", "w").close()

@scenario
async def quiet_coroutine():
    await asyncio.sleep(0)

@scenario(variants={"keeps": "A list keeps what each call made.", "drops": ""})
def varied(variant, size=67):
    if variant == "keeps":
        KEPT.append(bytes(size))
"""


def test_each_form_of_a_scenario_leaks_at_its_size_and_is_torn_down(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py", "-k", "coroutine or generator", "--calls", "2000")
    for name in ("coroutine", "generator", "async_generator"):
        assert_leaks(ran[name], 1008)
    assert ran["quiet_coroutine"].verdict is Verdict.CLEAN
    assert (leakcheck.folder / "generator-torn-down.txt").exists()
    assert (leakcheck.folder / "async-generator-torn-down.txt").exists()


def test_each_variant_is_measured_for_itself(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py::varied", "--calls", "2000")
    assert [result.id for result in ran.document.results] == ["varied[keeps]", "varied[drops]"]
    assert_leaks(ran["varied[keeps]"], 112 + 8)
    assert ran["varied[keeps]"].lesson == "A list keeps what each call made."
    assert ran["varied[drops]"].verdict is Verdict.CLEAN
    assert "1 of 2 within budget" in ran.output


def test_one_variant_alone_is_measured_with_the_options_given(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py::varied[keeps]", "--calls", "2000", "-o", "size=9967")
    assert ran.result.id == "varied[keeps]"
    assert ran.result.growth_options == {"size": 9967}
    assert_leaks(ran.result, 10_000 + 8)


def test_an_option_of_one_pass_leaves_the_other_alone(leakcheck: Leakcheck) -> None:
    # GIVEN a scenario that allocates as much as it is told to, and says so
    leakcheck.write(
        "sized.py",
        """
        from leakcheck import scenario

        @scenario(growth_options={"size": 1}, peak_options={"size": 1000})
        def sized(size):
            bytearray(size)
        """,
    )
    # WHEN the peak's size is given
    ran = leakcheck.run("sized.py", "--peak-pass", "-o", "peak.size=30_000_000", "-o", "peak.size=20000000")
    # THEN the last word holds, and in the peak pass alone
    assert (ran.result.growth_options, ran.result.peak_options) == ({"size": 1}, {"size": 20_000_000})
    assert ran.result.peak_bytes == pytest.approx(20_000_000, rel=0.01)


def test_two_hundred_calls_are_enough_to_see_a_leak_and_are_not_exceeded(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "few.py",
        """
        import ctypes
        from leakcheck import scenario

        LIBC = ctypes.CDLL(None)

        @scenario
        def leak():
            LIBC.malloc(100)

        @scenario
        def quiet():
            pass
        """,
    )
    ran = leakcheck.run("few.py", "--calls", "200")
    for result in ran.document.results:
        assert result.growth is not None
        assert result.growth.calls == 200
    assert_leaks(ran["leak"], MALLOC_OF_100)
    assert ran["quiet"].verdict is Verdict.CLEAN


SHOP = """
PREPARED, KEPT = [], []

def prepare():
    PREPARED.append(True)

class Cart:
    @staticmethod
    def checkout():
        if not PREPARED:
            raise RuntimeError("nobody prepared the shop")
        KEPT.append(bytes(967))
"""


def test_a_callable_of_the_current_folder_needs_no_mark_and_may_need_a_setup(leakcheck: Leakcheck) -> None:
    # GIVEN a package that knows nothing of leakcheck
    leakcheck.write("store/__init__.py", "")
    leakcheck.write("store/shop.py", SHOP)
    # WHEN it is run without what it needs, THEN it fails
    ran = leakcheck.run("store.shop:Cart.checkout")
    assert "store.shop:Cart.checkout: raised on call 1: RuntimeError: nobody prepared the shop" in ran.output
    # WHEN it is prepared, THEN it is measured
    ran = leakcheck.run("store.shop:Cart.checkout", "--setup", "store.shop:prepare", "--calls", "2000")
    assert ran.result.id == "store.shop:Cart.checkout"
    assert_leaks(ran.result, 1008)


def test_another_interpreter_is_measured_with_nothing_of_ours_installed(
    leakcheck: Leakcheck, bare_python: Path
) -> None:
    leakcheck.write("forms.py", FORMS)
    leakcheck.write("where.py", "import sys\n\ndef is_bare():\n    assert sys.prefix.endswith('venv'), sys.prefix\n")
    ran = leakcheck.run("forms.py::varied", "where:is_bare", "--python", str(bare_python), "--calls", "2000")
    assert_leaks(ran["varied[keeps]"], 112 + 8)
    assert ran["varied[drops]"].verdict is Verdict.CLEAN
    assert ran["where:is_bare"].verdict is Verdict.CLEAN
    assert ran.document.environment is not None
    assert ran.document.environment.executable == str(bare_python)
    assert ran.document.environment.packages == {}


# --- budgets --------------------------------------------------------------------------------------


@pytest.fixture
def hundred_and_twelve(leakcheck: Leakcheck) -> Leakcheck:
    """A leak of exactly 112 bytes a call."""
    leakcheck.write(
        "leak.py",
        """
        import ctypes
        from leakcheck import scenario

        LIBC = ctypes.CDLL(None)

        @scenario(growth="100 GiB / 1000 calls", variants=("a", "b"))
        def leak(variant):
            LIBC.malloc(100)
        """,
    )
    return leakcheck


@pytest.mark.parametrize(
    ("growth", "gate"),
    [("111 B / call", Gate.OVER), ("112 B / call", Gate.INCONCLUSIVE), ("113 B / call", Gate.WITHIN)],
)
def test_the_gate_flips_at_the_leaks_own_size_and_says_neither_at_it(
    hundred_and_twelve: Leakcheck, growth: str, gate: Gate
) -> None:
    ran = hundred_and_twelve.run("leak.py::leak[a]", "--calls", "4000", "--growth", growth)
    assert (ran.result.verdict, ran.result.gate) == (Verdict.LEAK, gate)
    assert (
        ran.code
        == {
            Gate.OVER: ExitCode.OVER_BUDGET,
            Gate.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
            Gate.WITHIN: ExitCode.WITHIN,
        }[gate]
    )


def test_a_budget_is_the_marks_then_the_patterns_then_the_flags(hundred_and_twelve: Leakcheck) -> None:
    # GIVEN a mark that allows everything, and an override that forbids a leak to one variant
    (hundred_and_twelve.folder / "pyproject.toml").write_text(
        "[tool.leakcheck]\ncalls = 2000\ngrowth = '1 B / call'\n\n"
        "[[tool.leakcheck.overrides]]\nmatch = '*[b]'\ngrowth = '100 B / call'\n"
    )
    # WHEN it is run, THEN the mark holds for one and the override for the other
    ran = hundred_and_twelve.run("leak.py")
    assert [(result.gate, result.failures) for result in ran.document.results] == [
        (Gate.WITHIN, ()),
        (Gate.OVER, ("growth",)),
    ]
    assert ran["leak[b]"].budget.growth_bytes_per_1000_calls == 100_000
    assert ran.code == ExitCode.OVER_BUDGET
    # WHEN a flag is given, THEN it holds for both
    ran = hundred_and_twelve.run("leak.py", "--growth", "200 B / call")
    assert [result.gate for result in ran.document.results] == [Gate.WITHIN, Gate.WITHIN]
    assert ran.code == ExitCode.WITHIN


def test_a_peak_over_its_budget_fails_a_clean_scenario(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "dear.py",
        """
        from leakcheck import scenario

        @scenario(peak="10 MiB")
        def dear():
            bytearray(20 << 20)

        @scenario(peak="30 MiB")
        def allowed():
            bytearray(20 << 20)
        """,
    )
    ran = leakcheck.run("dear.py", "--peak-pass", "--calls", "200")
    assert (ran["dear"].verdict, ran["dear"].gate, ran["dear"].failures) == (Verdict.CLEAN, Gate.OVER, ("peak",))
    assert (ran["allowed"].verdict, ran["allowed"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran["dear"].peak_bytes == pytest.approx(20 << 20, rel=0.001)
    assert "dear: one call peaks at 20.0 MiB; the budget is 10.0 MiB." in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


# --- what cannot be said --------------------------------------------------------------------------

CLIMBS_AND_RESTS = """
import itertools
from leakcheck import scenario

KEPT, COUNT = [], itertools.count()

@scenario
def climbs():
    call = next(COUNT)
    if call < 60 or 100 <= call < 140:
        KEPT.append(bytes(10_000))
"""


def test_what_cannot_be_said_is_inconclusive_and_green_only_where_that_was_asked_for(leakcheck: Leakcheck) -> None:
    # GIVEN a memory that climbs, rests and climbs, looked at for too short a time
    leakcheck.write("climbs.py", CLIMBS_AND_RESTS)
    # WHEN it is run
    ran = leakcheck.run("climbs.py", "--calls", "150")
    # THEN nothing is claimed, the remedy is named, and it is no success
    assert (ran.result.verdict, ran.result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert "raise --calls" in ran.output
    assert ran.code == ExitCode.INCONCLUSIVE
    # AND it is one where somebody said so
    assert leakcheck.run("climbs.py", "--calls", "150", "--allow-inconclusive").code == ExitCode.WITHIN


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
    plan = Task.plan

    def plan_with_few_meters(task: Task, work: Pass, capture: Path | None = None) -> Plan:
        return replace(plan(task, work, capture), meters=meters)

    monkeypatch.setattr(Task, "plan", plan_with_few_meters)
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
    said = Said(output=str(tmp_path / "out"), calls=2000, explain=Explain.NEVER)
    settings = resolve(said, environment={}, folder=tmp_path)
    request = session.Request(targets=[parse_target(str(tmp_path / "leaks.py"))], settings=settings, measure_peak=False)
    leak, quiet = session.run(request).run.results
    # THEN the verdicts are the same, and the bounds of the growth are as wide as the meter is coarse
    assert (leak.verdict, quiet.verdict) == (Verdict.LEAK, Verdict.CLEAN)
    assert leak.growth is not None
    assert leak.growth.meter is decides
    assert leak.growth.low <= 1000 * OBJECT <= leak.growth.high
    assert (leak.readings.native_bytes, leak.readings.rss_bytes == ()) == ((), "rss" not in meters)
