"""Axes are honest at any number, and their ticks are round."""

from hypothesis import given
from hypothesis import strategies as st

from leakcheck.reporters.charts.axis import Axis, bytes_axis, count_axis, seconds_axis
from tests.unit.runs import KIB, MIB

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(NUMBERS, NUMBERS)
def test_an_axis_of_any_numbers_has_ticks_in_order_and_within_it(low: float, high: float) -> None:
    for make in (bytes_axis, count_axis, seconds_axis):
        axis = make("any", low, high)
        assert axis.low < axis.high
        positions = [axis.position(tick.value) for tick in axis.ticks]
        assert positions == sorted(positions)
        assert len(positions) <= 12
        assert all(-1e-6 <= position <= 1 + 1e-6 for position in positions)


def labels_of(axis: Axis) -> list[str]:
    return [tick.label for tick in axis.ticks]


def test_ticks_are_round_numbers_of_one_unit() -> None:
    assert labels_of(bytes_axis("", 0, 93 * MIB)) == ["0", "20 MiB", "40 MiB", "60 MiB", "80 MiB"]
    assert labels_of(bytes_axis("", -3 * KIB, 3 * KIB)) == ["−2 KiB", "0", "2 KiB"]
    assert labels_of(seconds_axis("", 0, 0.0019)) == ["0", "0.5 ms", "1 ms", "1.5 ms"]
    assert labels_of(count_axis("", -400, 1600)) == ["0", "500", "1,000", "1,500"]
    assert [bytes_axis("", 0, 2 * MIB).unit, seconds_axis("", 0, 2).unit] == ["MiB", "s"]


def test_a_position_on_an_axis_is_linear_from_low_to_high() -> None:
    axis = bytes_axis("", -100, 300)
    assert [axis.position(value) for value in (-100, 0, 100, 300)] == [0, 0.25, 0.5, 1]
