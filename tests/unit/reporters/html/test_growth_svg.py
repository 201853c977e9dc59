"""A growth chart as SVG: paths through its positions, labels that can be read."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.reporters.charts.growth import growth_chart, growth_chart_of_variants
from leakcheck.reporters.html.growth_svg import HEIGHT, WIDTH, growth_svg
from tests.unit.shown import RETAINED, readings


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


@given(st.lists(st.floats(-(10**9), 10**9), min_size=2, max_size=8))
def test_labels_are_apart_in_the_order_of_their_lines_and_inside(rates: list[float]) -> None:
    variants = [
        replace(RETAINED, variant=f"v{number}", readings=readings(rate / 1000, 1600))
        for number, rate in enumerate(rates)
    ]
    svg = growth_svg(growth_chart_of_variants(variants))
    assert svg is not None
    assert len(svg.labels) == len(rates) + 1
    ends = [label.end for label in svg.labels]
    assert ends == sorted(ends)
    heights = [label.y for label in svg.labels]
    assert all(later - earlier > 14.9 for earlier, later in pairwise(heights))
    assert all(0 < height < HEIGHT for height in heights)


def test_a_label_with_room_stands_at_the_end_of_its_line() -> None:
    svg = growth_svg(growth_chart(RETAINED))
    assert svg is not None
    assert [(label.role, label.y) for label in svg.labels] == [(label.role, label.end) for label in svg.labels]
    assert [label.role for label in svg.labels] == ["over", "budget"]
    assert svg.labels[0].end == pytest.approx(svg.height(svg.chart.series[0].points[-1][1]))
