"""A growth chart as SVG: paths through its positions, labels that can be read."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.reporters.charts.growth import growth_chart
from leakcheck.reporters.html.growth_svg import HEIGHT, WIDTH, SvgLabel, growth_svg, spread_labels
from tests.unit.shown import RETAINED


def test_a_path_goes_from_where_its_first_position_is_to_its_last() -> None:
    svg = growth_svg(growth_chart(RETAINED))
    assert svg is not None
    x, y = svg.chart.x, svg.chart.y
    assert svg.path([(x.low, y.low), (x.high, y.high)]) == f"M0.0 {HEIGHT}.0L{WIDTH}.0 0.0"
    assert svg.height(0) == pytest.approx(HEIGHT * (1 - y.position(0)))


def test_a_position_far_outside_is_clipped() -> None:
    svg = growth_svg(growth_chart(RETAINED))
    assert svg is not None
    assert svg.path([(1e300, -1e300)]) == f"M{9 * WIDTH}.0 {10 * HEIGHT}.0"


def test_there_is_no_svg_without_a_chart() -> None:
    assert growth_svg(None) is None


@given(st.lists(st.floats(0, HEIGHT), max_size=14))
def test_labels_are_spread_in_the_order_of_their_lines(ends: list[float]) -> None:
    labels = spread_labels([SvgLabel(text=str(end), role="", end=end) for end in ends])
    assert [label.end for label in labels] == sorted(ends)
    heights = [label.y for label in labels]
    assert all(later - earlier > 14.9 for earlier, later in pairwise(heights))
    assert all(0 < height < HEIGHT for height in heights)
