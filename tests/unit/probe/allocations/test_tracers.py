"""Sizes of blocks, kinds of files, frames of stacks, and changes per line."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.probe.allocations.line_tracer import LineBalance
from leakcheck.probe.allocations.memray_tracer import holdings_of_records
from leakcheck.probe.allocations.native_frames import UNKNOWN_NAME, NativeLibraries, assign_addresses
from leakcheck.probe.allocations.stacks import (
    LIBRARY,
    OWN,
    PACKAGE,
    FrameLine,
    StackHolding,
    frame_kind,
    held_bytes,
    serialize_stacks,
    truncate_stack,
)
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
def test_held_bytes_are_those_of_the_allocators_blocks(size: int, blocks: int, pymalloc: bool, held: int) -> None:
    assert held_bytes(size, blocks, pymalloc=pymalloc) == held


def frame(line: int, kind: str = OWN) -> FrameLine:
    return FrameLine("f", "/x/views.py", line, kind)


def test_stacks_that_look_the_same_are_merged_and_the_lightest_are_summed() -> None:
    holdings = [
        StackHolding((frame(1),), 100, 1),
        StackHolding((frame(1),), 50, 2),
        StackHolding((frame(1),), 8, 1, realloc=True),
        StackHolding((frame(2),), 30, 1),
        StackHolding((), 5, 1),
    ]
    rows, other = serialize_stacks(holdings, most=2)
    assert [(row["bytes"], row["blocks"]) for row in rows] == [(150, 3), (30, 1)]
    assert other == 8 + 5


def test_a_deep_recursion_keeps_the_users_innermost_frame() -> None:
    deep = [frame(line, LIBRARY) for line in range(60)] + [frame(99)]
    assert len(truncate_stack(deep)) == 40
    assert truncate_stack(deep)[-1] == frame(99)
    assert truncate_stack(deep[:40]) == tuple(deep[:40])


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
def test_files_are_classified_as_own_library_or_hidden(file: str, kind: str | None) -> None:
    assert frame_kind(file) == kind


def test_files_of_the_standard_library_are_not_the_users() -> None:
    assert frame_kind(json.__file__) == LIBRARY
    assert frame_kind(tracemalloc.__file__) is None


def test_a_line_belongs_to_the_innermost_function_around_it() -> None:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line_number = next(number for number, text in enumerate(lines, start=1) if text.startswith("def net_changes_of("))
    assert function_at(__file__, line_number + 1) == "net_changes_of"
    assert function_at(__file__, 1) == "<module>"
    assert function_at("/nowhere/at/all.py", 3) == ""


# --- net changes per line -----------------------------------------------------------------------


def net_changes_of(*changes: tuple[str | None, int]) -> dict[str, int]:
    balance: LineBalance[str] = LineBalance()
    for key, change in changes:
        balance.charge(key, change)
    return {key: change for key, change, _ in balance.net_changes()}


def test_memory_freed_on_another_line_is_subtracted_where_it_was_allocated() -> None:
    assert net_changes_of(("a", 1048), ("leak", 112), ("b", -1048)) == {"leak": 112}


def test_blocks_freed_together_are_matched_by_their_sum() -> None:
    assert net_changes_of(("a", 1048), ("b", 2064), ("leak", 112), ("caller", -3112)) == {"leak": 112}


def test_an_unmatched_loss_is_charged_to_its_own_line() -> None:
    assert net_changes_of(("a", 100), ("b", -70)) == {"a": 100, "b": -70}


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(-500, 500).filter(bool)), max_size=40))
def test_net_changes_add_up_to_all_changes(changes: list[tuple[str | None, int]]) -> None:
    balance: LineBalance[str] = LineBalance()
    for key, change in changes:
        balance.charge(key, change)
    total = sum(change for _, change, _ in balance.net_changes()) + balance.untraced_bytes
    assert total == sum(change for _, change in changes)


# --- records that memray cannot resolve -----------------------------------------------------------

FAST, LEAK = ("make", "src/fast.c", 3), ("leak", "/home/me/shop/views.py", 7)
EVALUATOR = ("_PyEval_EvalFrameDefault", "Python/ceval.c", 1)


class Record:
    """A memray record; methods listed in `broken` fail."""

    allocator, n_allocations, native_stack_id = 8, 1, 0

    def __init__(self, size: int, *broken: str) -> None:
        self.size = size
        self._broken = broken

    def _answer(self, method: str, frames: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
        if method in self._broken:
            raise AssertionError
        return frames

    def stack_trace(self, max_stacks: int | None = None) -> list[tuple[str, str, int]]:
        return self._answer("stack_trace", [LEAK])

    def native_stack_trace(self) -> list[tuple[str, str, int]]:
        return self._answer("native_stack_trace", [FAST, EVALUATOR, ("run", "src/other.c", 1)])

    def hybrid_stack_trace(self) -> list[tuple[str, str, int]]:
        return self._answer("hybrid_stack_trace", [FAST, LEAK, ("run", "src/other.c", 1)])


class Silent:
    """A memray that prints nothing about its captures."""

    def dump_all_records(self, capture: str) -> None:
        """Print nothing."""


def test_a_record_without_a_hybrid_stack_falls_back_to_its_native_and_python_frames() -> None:
    libraries = NativeLibraries(Silent(), "capture")
    whole, _ = libraries.frames(Record(100))
    without_hybrid, by_interpreter = libraries.frames(Record(100, "hybrid_stack_trace"))
    assert [frame.function for frame in whole] == ["make", "leak", "run"]
    assert [frame.function for frame in without_hybrid] == ["make", "leak"]
    assert not by_interpreter


@pytest.mark.parametrize("broken", ["native_stack_trace", "stack_trace"])
def test_a_record_that_memray_cannot_resolve_counts_in_the_sum(broken: str) -> None:
    libraries = NativeLibraries(Silent(), "capture")
    result = list(holdings_of_records([Record(4000, broken), Record(1000)], libraries))
    assert [(bool(holding.frames), holding.bytes) for holding in result] == [
        (True, held_bytes(1000, 1, pymalloc=False)),
        (False, 4000),
    ]


# --- addresses of native frames -------------------------------------------------------------------

EXTENSION = "_fast.cpython-311-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("libraries", "frames", "addresses"),
    [
        ([EXTENSION, ""], [("make", UNKNOWN_NAME), ("PyObject_Call", "Objects/call.c")], [0, 1]),
        (
            [EXTENSION, ""],
            [("inner", "src/fast.c"), ("outer", "src/fast.c"), ("PyObject_Call", "Objects/call.c")],
            [0, 0, 1],
        ),
        (
            ["", EXTENSION],
            [
                ("PyUnicode_New", "Objects/unicodeobject.c"),
                ("PyUnicode_New", "Objects/unicodeobject.c"),
                ("", UNKNOWN_NAME),
            ],
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
def test_inlined_frames_are_assigned_to_the_library_they_look_like(
    libraries: list[str], frames: list[tuple[str, str]], addresses: list[int]
) -> None:
    assert assign_addresses(libraries, frames) == addresses


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.booleans()), min_size=1, max_size=60))
def test_every_frame_gets_an_address_in_order(shapes: list[tuple[bool, int, bool]]) -> None:
    libraries, frames = [], []
    for interpreter, inlined, has_source in shapes:
        libraries.append("" if interpreter else EXTENSION)
        file = ("Objects/call.c" if interpreter else "src/fast.c") if has_source else UNKNOWN_NAME
        frames += [("f", file)] * (inlined if has_source else 1)
    addresses = assign_addresses(libraries, frames)
    assert len(addresses) == min(len(frames), 100)
    assert addresses[0] == 0
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(addresses))
    if len(frames) <= 100:
        assert addresses[-1] == len(libraries) - 1
