"""Of many readings those are drawn that show all highs and lows."""

from hypothesis import given
from hypothesis import strategies as st

from leakcheck.reporters.charts.readings import thinned


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=3000))
def test_of_many_readings_highs_lows_and_both_ends_are_kept(values: list[int]) -> None:
    points = list(enumerate(values))
    drawn = list(thinned(points))
    assert drawn == sorted(set(drawn))
    assert {*drawn} <= {*points}
    assert len(drawn) <= 410
    assert (drawn[0], drawn[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {value for _, value in drawn}
