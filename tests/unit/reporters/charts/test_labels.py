"""Labels are apart, names are cut in their middle, and what is left out is counted."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.reporters.charts.labels import left_out, short_name, spread


@given(st.lists(st.floats(-5, 30), max_size=12), st.integers(12, 40))
def test_positions_are_spread_a_gap_apart_and_inside(ends: list[float], high: int) -> None:
    positions = spread(sorted(ends), high)
    assert len(positions) == len(ends)
    assert all(after - before >= 1 - 1e-9 for before, after in pairwise(positions))
    assert all(-1e-9 <= position <= high for position in positions)


@given(st.text(max_size=90), st.integers(2, 40))
def test_a_name_is_cut_in_its_middle(name: str, longest: int) -> None:
    short = short_name(name, longest)
    assert len(short) == min(len(name), longest)
    if len(name) > longest:
        head, _, tail = short.partition("…") if "…" not in name else (short[:1], "", short[-1:])
        assert name.startswith(head)
        assert name.endswith(tail)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((3, 3, 3), ""),
        ((3, 3, 4), "1 result without a peak is left out."),
        ((3, 3, 5), "2 results without a peak are left out."),
        ((3, 4, 4), "The 3 highest of 4."),
        ((3, 4, 5), "The 3 highest of 4. 1 result without a peak is left out."),
    ],
)
def test_what_is_left_out_is_counted_with_the_reason(counts: tuple[int, int, int], text: str) -> None:
    assert left_out(*counts, drawn_first="highest", missing="a peak") == text
