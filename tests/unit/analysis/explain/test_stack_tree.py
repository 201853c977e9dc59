"""Trees of stacks: their bytes add up, light stacks are summed, and growing stacks add up to their lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.analysis.explain.allocation_sites import allocation_sites
from leakcheck.analysis.explain.line_slopes import grown_stacks
from leakcheck.analysis.explain.stack_tree import LEAST_SHARE, build_stack_tree
from leakcheck.analysis.latency import summarize_latency
from leakcheck.model.explanation import StackBytes, Window
from leakcheck.model.stacks import Frame, FrameKind, StackTree


def frame(name: str, kind: FrameKind = FrameKind.OWN) -> Frame:
    return Frame(function=name, file=f"{name}.py", line=1, kind=kind)


def stack(names: str, size: float, blocks: float = 2.0) -> StackBytes:
    """Return a stack of frames with one letter each, the outermost first."""
    return StackBytes(frames=tuple(frame(name) for name in reversed(names)), bytes=size, blocks=blocks)


def bytes_by_stack(tree: StackTree) -> dict[str, float]:
    """Return the bytes of each stack in a tree, by its letters."""
    names: list[str] = []
    for parent, number in zip(tree.parents, tree.frame_numbers, strict=True):
        names.append((names[parent] if parent >= 0 else "") + tree.frames[number].function)
    return {name: size for name, size in zip(names, tree.bytes, strict=True) if size}


def test_stacks_that_begin_alike_share_their_nodes() -> None:
    tree = build_stack_tree([stack("abc", 30), stack("abd", 20), stack("ab", 5), stack("e", 1)])
    assert bytes_by_stack(tree) == {"abc": 30, "abd": 20, "ab": 5, "e": 1}
    assert len(tree.parents) == 5
    assert len(tree.frames) == 5
    assert tree.total_bytes == 56


def test_a_recursion_is_as_deep_as_it_was_and_has_one_frame() -> None:
    tree = build_stack_tree([stack("aaaa", 8)])
    assert bytes_by_stack(tree) == {"aaaa": 8}
    assert len(tree.frames) == 1


@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=6), st.integers(1, 10**9)), max_size=40), st.integers(0, 9)
)
def test_a_tree_adds_up_to_all_that_its_stacks_hold(stacks: list[tuple[str, int]], most: int) -> None:
    tree = build_stack_tree([stack(names, size) for names, size in stacks], most=most)
    assert tree.total_bytes == sum(size for _, size in stacks)
    assert all(parent < row for row, parent in enumerate(tree.parents))
    assert sum(size > 0 for size in tree.bytes) <= most


def test_stacks_too_light_to_see_and_unknown_bytes_are_other_bytes() -> None:
    tree = build_stack_tree([stack("a", 9000), stack("b", 9000 * LEAST_SHARE / 2), stack("c", -50)], whole_bytes=10_000)
    assert bytes_by_stack(tree) == {"a": 9000}
    assert tree.total_bytes == 10_000


def test_without_stacks_the_tree_is_empty() -> None:
    assert build_stack_tree([]) == StackTree()


def test_parents_come_before_their_children_and_the_heaviest_stack_first() -> None:
    tree = build_stack_tree([stack("xy", 1), stack("xz", 9)])
    assert [tree.frames[number].function for number in tree.frame_numbers] == ["x", "z", "y"]


# --- growing stacks -------------------------------------------------------------------------------


def windows(*size: dict[str, float]) -> list[Window]:
    return [
        Window(calls=calls, stacks=tuple(stack(names, size, blocks=calls) for names, size in stacks.items()))
        for calls, stacks in zip((100, 200, 300), size, strict=True)
    ]


def test_only_growing_stacks_are_included_with_their_growth() -> None:
    traced = windows(
        {"ab": 1000, "ac": 500, "full": 9000},
        {"ab": 2000, "ac": 1000, "full": 9000},
        {"ab": 3000, "ac": 1500, "full": 9000},
    )
    grown = {"".join(frame.function for frame in stack.frames): stack.bytes for stack in grown_stacks(traced)}
    assert grown == pytest.approx({"ba": 10_000, "ca": 5000})


def test_the_stacks_of_a_line_add_up_to_its_growth() -> None:
    own, first, second = frame("own"), frame("first", FrameKind.LIBRARY), frame("second", FrameKind.LIBRARY)

    def window(calls: int, rare: float) -> Window:
        stacks = (
            StackBytes(frames=(first, own), bytes=10.0 * calls, blocks=calls),
            StackBytes(frames=(second, own), bytes=5.0 * calls + rare, blocks=calls),
        )
        return Window(calls=calls, stacks=stacks)

    traced = [window(100, 3.0), window(200, -2.0), window(300, 8.0)]
    [site] = allocation_sites(traced, 15_000)
    assert sum(stack.bytes for stack in grown_stacks(traced)) == pytest.approx(site.bytes_per_1000_calls)


def test_rare_stacks_without_a_slope_share_the_growth_of_their_line() -> None:
    # GIVEN a leak that takes a different path through a library each time
    own = frame("own")
    callers = [frame(name, FrameKind.LIBRARY) for name in "xyz"]
    traced = [
        Window(calls=calls, stacks=(StackBytes(frames=(caller, own), bytes=10.0 * calls, blocks=calls),))
        for calls, caller in zip((100, 200, 300), callers, strict=True)
    ]
    # THEN its whole growth is shared among them
    assert sum(stack.bytes for stack in grown_stacks(traced)) == pytest.approx(10_000)


# --- the spread of latencies-----------------------------------------------------------------------


def test_the_spread_of_latencies_is_their_deciles() -> None:
    latency = summarize_latency([number * 10**9 for number in range(100, -1, -1)])
    assert latency is not None
    assert latency.spread == tuple(range(0, 101, 10))


def test_the_spread_of_few_latencies_is_all_of_them() -> None:
    latency = summarize_latency([3 * 10**9, 1 * 10**9])
    assert latency is not None
    assert latency.spread == (1.0, 3.0)
