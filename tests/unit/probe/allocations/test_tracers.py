"""In the process that is traced: what blocks hold, whose stacks are, what lines took and gave back."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.probe.allocations.frame_origin import LIBRARY, OWN, PACKAGE, kind_of
from leakcheck.probe.allocations.line_tracer import LineBalance
from leakcheck.probe.allocations.memray_tracer import holdings
from leakcheck.probe.allocations.native_frames import UNKNOWN, NativeLibraries, spread_over
from leakcheck.probe.allocations.stacks import FrameLine, StackHolding, held_bytes, shortened, written
from leakcheck.probe.allocations.tracemalloc_tracer import function_at

# --- sizes, stacks, files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "blocks", "pymalloc", "held"),
    [
        (1, 1, True, 16),
        (16, 1, True, 16),
        (17, 1, True, 32),
        (512, 1, True, 512),
        (513, 1, True, 528),
        (33 + 1000, 1, True, 1056),
        (100, 1, False, 112),
        (1, 1, False, 32),
        (24, 1, False, 32),
        (25, 1, False, 48),
        (320, 10, True, 320),
        (48 + 64 + 48, 3, True, 160 + 3 * 4),
        (3000, 2, True, 3040),
    ],
)
def test_what_is_held_is_what_the_allocator_hands_out(size: int, blocks: int, pymalloc: bool, held: int) -> None:
    assert held_bytes(size, blocks, pymalloc=pymalloc) == held


def place(line: int, kind: str = OWN) -> FrameLine:
    return FrameLine("f", "/x/views.py", line, kind)


def test_stacks_that_look_the_same_are_sent_once_and_the_light_ones_as_a_sum() -> None:
    holdings = [
        StackHolding((place(1),), 100, 1),
        StackHolding((place(1),), 50, 2),
        StackHolding((place(1),), 8, 1, realloc=True),
        StackHolding((place(2),), 30, 1),
        StackHolding((), 5, 1),
    ]
    rows, other = written(holdings, most=2)
    assert [(row["bytes"], row["blocks"]) for row in rows] == [(150, 3), (30, 1)]
    assert other == 8 + 5


def test_a_deep_recursion_keeps_the_users_line() -> None:
    deep = [place(line, LIBRARY) for line in range(60)] + [place(99)]
    assert len(shortened(deep)) == 40
    assert shortened(deep)[-1] == place(99)
    assert shortened(deep[:40]) == tuple(deep[:40])


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/home/me/shop/views.py", OWN),
        ("relative.py", OWN),
        ("/home/me/.venv/lib/python3.11/site-packages/django/db/models.py", LIBRARY),
        ("/usr/lib/python3/dist-packages/yaml.py", LIBRARY),
        ("/home/me/.venv/lib/python3.11/site-packages/memray/__init__.py", None),
        ("<frozen importlib._bootstrap>", LIBRARY),
        ("<string>", LIBRARY),
        (st.__file__, LIBRARY),
        (pytest.__file__, LIBRARY),
        (f"{PACKAGE}worker/load.py", None),
    ],
)
def test_whose_a_file_is(file: str, kind: str | None) -> None:
    assert kind_of(file) == kind


def test_the_standard_librarys_files_are_no_users() -> None:
    assert kind_of(json.__file__) == LIBRARY
    assert kind_of(tracemalloc.__file__) is None


def test_a_line_belongs_to_the_innermost_function_around_it() -> None:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    here = next(number for number, text in enumerate(lines, start=1) if text.startswith("def balance_of("))
    assert function_at(__file__, here + 1) == "balance_of"
    assert function_at(__file__, 1) == "<module>"
    assert function_at("/nowhere/at/all.py", 3) == ""


# --- what lines took and gave back ----------------------------------------------------------------


def balance_of(*changes: tuple[str | None, int]) -> dict[str, int]:
    balance: LineBalance[str] = LineBalance()
    for key, change in changes:
        balance.charge(key, change)
    return {key: change for key, change, _ in balance.left()}


def test_what_is_freed_elsewhere_is_taken_from_the_line_that_took_it() -> None:
    assert balance_of(("a", 1048), ("leak", 112), ("b", -1048)) == {"leak": 112}


def test_locals_that_are_freed_together_are_paired_by_their_sum() -> None:
    assert balance_of(("a", 1048), ("b", 2064), ("leak", 112), ("caller", -3112)) == {"leak": 112}


def test_what_cannot_be_paired_stays_where_it_is_seen() -> None:
    assert balance_of(("a", 100), ("b", -70)) == {"a": 100, "b": -70}


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(-500, 500).filter(bool)), max_size=40))
def test_no_byte_is_lost_or_made_up(changes: list[tuple[str | None, int]]) -> None:
    balance: LineBalance[str] = LineBalance()
    for key, change in changes:
        balance.charge(key, change)
    total = sum(change for _, change, _ in balance.left()) + balance.unplaced
    assert total == sum(change for _, change in changes)


# --- records that memray cannot resolve -----------------------------------------------------------

FAST, LEAK = ("make", "src/fast.c", 3), ("leak", "/home/me/shop/views.py", 7)
EVALUATOR = ("_PyEval_EvalFrameDefault", "Python/ceval.c", 1)


class Record:
    """What memray tells of one stack; `broken` are the questions that it fails on."""

    allocator, n_allocations, native_stack_id = 8, 1, 0

    def __init__(self, size: int, *broken: str) -> None:
        self.size = size
        self._broken = broken

    def _told(self, name: str, frames: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
        if name in self._broken:
            raise AssertionError
        return frames

    def stack_trace(self, max_stacks: int | None = None) -> list[tuple[str, str, int]]:
        return self._told("stack_trace", [LEAK])

    def native_stack_trace(self) -> list[tuple[str, str, int]]:
        return self._told("native_stack_trace", [FAST, EVALUATOR, ("run", "src/other.c", 1)])

    def hybrid_stack_trace(self) -> list[tuple[str, str, int]]:
        return self._told("hybrid_stack_trace", [FAST, LEAK, ("run", "src/other.c", 1)])


class Silent:
    """A memray that prints nothing of its captures."""

    def dump_all_records(self, capture: str) -> None:
        """Print nothing."""


def test_a_record_that_has_no_hybrid_stack_is_told_by_its_native_frames_and_pythons() -> None:
    libraries = NativeLibraries(Silent(), "capture")
    whole, _ = libraries.places(Record(100))
    told, by_interpreter = libraries.places(Record(100, "hybrid_stack_trace"))
    assert [place.function for place in whole] == ["make", "leak", "run"]
    assert [place.function for place in told] == ["make", "leak"]
    assert not by_interpreter


@pytest.mark.parametrize("broken", ["native_stack_trace", "stack_trace"])
def test_a_record_that_cannot_be_told_costs_itself_and_its_bytes_count(broken: str) -> None:
    libraries = NativeLibraries(Silent(), "capture")
    found = list(holdings([Record(4000, broken), Record(1000)], libraries))
    assert [(bool(one.places), one.bytes) for one in found] == [
        (True, held_bytes(1000, 1, pymalloc=False)),
        (False, 4000),
    ]


# --- which library a native frame is of -----------------------------------------------------------

EXTENSION = "_fast.cpython-311-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("libraries", "frames", "spread"),
    [
        ([EXTENSION, ""], [("make", UNKNOWN), ("PyObject_Call", "Objects/call.c")], [0, 1]),
        (
            [EXTENSION, ""],
            [("inner", "src/fast.c"), ("outer", "src/fast.c"), ("PyObject_Call", "Objects/call.c")],
            [0, 0, 1],
        ),
        (
            ["", EXTENSION],
            [("PyUnicode_New", "Objects/unicodeobject.c"), ("PyUnicode_New", "Objects/unicodeobject.c"), ("", UNKNOWN)],
            [0, 0, 1],
        ),
        (
            ["", "_asyncio.cpython-311-x86_64-linux-gnu.so", ""],
            [
                ("gen_send_ex2", "Objects/genobject.c"),
                ("gen_send", "Objects/genobject.c"),
                ("task_step", "Modules/_asynciomodule.c"),
                ("cfunction_call", "Objects/methodobject.c"),
            ],
            [0, 0, 1, 2],
        ),
    ],
)
def test_inlined_frames_are_of_the_library_they_look_like(
    libraries: list[str], frames: list[tuple[str, str]], spread: list[int]
) -> None:
    assert spread_over(libraries, frames) == spread


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.booleans()), min_size=1, max_size=60))
def test_every_frame_gets_an_address_in_order(shape: list[tuple[bool, int, bool]]) -> None:
    libraries, frames = [], []
    for interpreter, inlined, known in shape:
        libraries.append("" if interpreter else EXTENSION)
        file = ("Objects/call.c" if interpreter else "src/fast.c") if known else UNKNOWN
        frames += [("f", file)] * (inlined if known else 1)
    spread = spread_over(libraries, frames)
    assert len(spread) == min(len(frames), 100)
    assert spread[0] == 0
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(spread))
    if len(frames) <= 100:
        assert spread[-1] == len(libraries) - 1
