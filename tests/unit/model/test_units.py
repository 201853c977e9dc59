"""Sizes, rates, tolerances and durations: what is formatted can be parsed again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.errors import UsageError
from leakcheck.model.units import (
    format_change,
    format_difference,
    format_duration,
    format_growth,
    format_size,
    format_size_beside,
    parse_change,
    parse_growth,
    parse_size,
)

UNITS = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
SPACES = st.sampled_from(["", " ", "  ", "\t"])
SIZES = st.floats(min_value=0, max_value=1e15)


@given(number=st.integers(0, 10**9), unit=st.sampled_from(sorted(UNITS)), space=SPACES, around=SPACES)
def test_every_unit_is_parsed_with_and_without_spaces(number: int, unit: str, space: str, around: str) -> None:
    assert parse_size(f"{around}{number}{space}{unit}{around}") == number * UNITS[unit]


@given(number=st.integers(0, 10**6), calls=st.integers(1, 10**6), space=SPACES, plural=st.sampled_from(["", "s"]))
def test_a_growth_is_converted_to_1000_calls(number: int, calls: int, space: str, plural: str) -> None:
    text = f"{number}{space}KiB{space}/{space}{calls}{space}call{plural}"
    assert parse_growth(text) == pytest.approx(number * 1024 * 1000 / calls)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("10 MiB", 10 * 1024**2), ("1.5kB", 1500), (".5 KiB", 512), ("2. B", 2), ("10 MiB / call", 10 * 1024**2)],
)
def test_a_size_may_have_decimals_and_may_be_per_call(text: str, size_bytes: float) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "bytes_per_1000_calls"),
    [
        ("64 KiB", 65536),
        ("64 KiB / 1000 calls", 65536),
        ("64 KiB / calls", 65536 * 1000),
        ("16 B / call", 16000),
        ("1kB/10calls", 100_000),
    ],
)
def test_a_growth_without_calls_is_per_1000(text: str, bytes_per_1000_calls: float) -> None:
    assert parse_growth(text) == bytes_per_1000_calls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "64",
        "KiB",
        "-1 KiB",
        "+1 KiB",
        "1,5 KiB",
        "1 000 KiB",
        "1e3 B",
        "0x10 B",
        "nan B",
        "inf B",
        "1 KiB /",
        "1 KiB / s",
        "1 KiB / 1000",
        "1 KiB / 1000 callss",
        "1 KiB / 1.5 calls",
        "1 KiB / -1 calls",
        "1 KiB per call",
        "1 KiB / call please",
        "1..5 KiB",
        "9" * 400 + " KiB",
        "1 B / " + "9" * 5000 + " calls",
    ],
)
@pytest.mark.parametrize("parse", [parse_size, parse_growth])
def test_the_error_for_any_other_text_shows_the_grammar(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(UsageError, match=r"is not a size; write NUMBER \(B\|kB\|KiB"):
        parse(text)


@given(st.text(max_size=30))
def test_any_text_is_either_a_size_or_a_usage_error(text: str) -> None:
    try:
        assert math.isfinite(parse_growth(text))
    except UsageError:
        pass


@pytest.mark.parametrize(
    ("unit", "suggestion"),
    [("kib", "KiB"), ("KB", "kB"), ("mb", "MB"), ("Mib", "MiB"), ("K", "kB"), ("g", "GB"), ("b", "B")],
)
def test_a_unit_in_the_wrong_case_gets_a_hint(unit: str, suggestion: str) -> None:
    with pytest.raises(UsageError, match=rf"there is no unit '{unit}'.*; did you mean {suggestion}\?$"):
        parse_size(f"10 {unit}")


@pytest.mark.parametrize("unit", ["TiB", "bytes", "rows"])
def test_an_unknown_unit_gets_the_list_of_units_and_no_hint(unit: str) -> None:
    with pytest.raises(UsageError, match=rf"there is no unit '{unit}'; the units are B, kB, .*GiB$"):
        parse_size(f"10 {unit}")


def test_a_size_per_several_calls_is_refused_because_it_is_a_growth() -> None:
    with pytest.raises(UsageError, match="'10 MiB / 2 calls' is a growth"):
        parse_size("10 MiB / 2 calls")


def test_a_growth_per_0_calls_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be per 0 calls"):
        parse_growth("1 KiB / 0 calls")


@given(SIZES)
def test_a_formatted_size_is_parsed_again_to_three_digits(size_bytes: float) -> None:
    printed = format_size(size_bytes).replace(",", "")
    assert parse_size(printed) == pytest.approx(size_bytes, rel=0.006, abs=0.5)


@given(SIZES)
def test_a_formatted_growth_is_parsed_again_to_three_digits(bytes_per_1000_calls: float) -> None:
    printed = format_growth(bytes_per_1000_calls)
    assert parse_growth(printed) == pytest.approx(bytes_per_1000_calls, rel=0.006, abs=0.5)


def test_a_growth_of_a_thousand_kib_is_printed_without_a_comma() -> None:
    assert format_growth(1000 * 1024) == "1000 KiB / 1000 calls"


@given(SIZES)
def test_a_negative_size_is_printed_with_a_minus(size_bytes: float) -> None:
    assert format_size(-size_bytes) == f"-{format_size(size_bytes)}"


@pytest.mark.parametrize(
    ("size_bytes", "printed"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10 * 1024, "10.0 KiB"),
        (100 * 1024, "100 KiB"),
        (1024**2 - 1024, "1,023 KiB"),
        (1024**2, "1.00 MiB"),
        (97_622_426, "93.1 MiB"),
        (1024**3, "1.00 GiB"),
        (5000 * 1024**3, "5,000 GiB"),
        (math.inf, "unknown"),
        (math.nan, "unknown"),
    ],
)
def test_a_size_is_printed_with_three_digits_and_whole_bytes_below_a_kib(size_bytes: float, printed: str) -> None:
    assert format_size(size_bytes) == printed


@given(size_bytes=st.integers(0, 2**50), more=st.integers(1, 2**40))
def test_different_sizes_never_look_equal_side_by_side(size_bytes: int, more: int) -> None:
    larger = size_bytes + more
    assert format_size_beside(size_bytes, larger) != format_size_beside(larger, size_bytes)


def test_sizes_that_rounding_would_make_equal_are_shown_in_bytes() -> None:
    budget = 10 * 1024**2
    assert format_size_beside(budget + 1, budget) == "10,485,761 B"
    assert format_size_beside(budget, budget + 1) == "10,485,760 B"
    assert format_size_beside(budget, budget) == "10.0 MiB"
    assert format_size_beside(budget + 0.25, budget) == "10,485,760.2 B"


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        (0, "0 ns"),
        (5e-9, "5 ns"),
        (1.5e-6, "1.5 µs"),
        (340e-6, "340 µs"),
        (0.0099, "9.9 ms"),
        (1.94, "1.9 s"),
        (41, "41 s"),
        (60, "1 min 0 s"),
        (125, "2 min 5 s"),
    ],
)
def test_a_duration_is_printed_in_a_suitable_unit(seconds: float, printed: str) -> None:
    assert format_duration(seconds) == printed


@given(
    hundredths=st.integers(0, 10**6),
    number=st.integers(0, 10**5),
    unit=st.sampled_from(sorted(UNITS)),
    space=SPACES,
    plus=st.sampled_from(["", "+"]),
)
def test_a_tolerance_has_a_share_and_a_size_and_is_parsed_again_after_formatting(
    hundredths: int, number: int, unit: str, space: str, plus: str
) -> None:
    percent = f"{hundredths / 100:.2f}"
    share, size_bytes = parse_change(f"{plus}{percent}{space}% and {plus}{number}{space}{unit}")
    assert share == pytest.approx(hundredths / 10_000)
    assert size_bytes == number * UNITS[unit]
    assert parse_change(format_change(share, size_bytes)) == (share, size_bytes)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("+5 % and +16 KiB", "+5 % and +16 KiB"),
        ("5% and 16KiB", "+5 % and +16 KiB"),
        ("+2.5 % and +1000 B", "+2.5 % and +1000 B"),
        ("+0 % and +1.5 B", "+0 % and +1.5 B"),
        ("+100 % and +0 GiB", "+100 % and +0 B"),
        ("+1 % and +2048 MiB", "+1 % and +2 GiB"),
    ],
)
def test_a_tolerance_is_printed_without_rounding(text: str, printed: str) -> None:
    assert format_change(*parse_change(text)) == printed


@pytest.mark.parametrize(
    "text",
    ["", "+5 %", "+16 KiB", "5 and 16 KiB", "-5 % and -16 KiB", "+5 % and -1 B", "+5 % or +1 B", "+5 %and +1 B", "nan"],
)
def test_a_tolerance_of_one_part_or_below_0_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"\+5 % and \+16 KiB|is not a size"):
        parse_change(text)


@given(st.text(max_size=30))
def test_any_text_is_either_a_tolerance_or_a_usage_error(text: str) -> None:
    for tolerance in (text, f"+5 % and +{text}", f"+{text} % and +1 B"):
        try:
            assert all(part >= 0 and math.isfinite(part) for part in parse_change(tolerance))
        except UsageError:
            pass


@pytest.mark.parametrize(
    ("after", "before", "printed"),
    [
        (103.1, 100.0, "+3.1 %"),
        (88.0, 100.0, "-12.0 %"),
        (250.0, 100.0, "+150 %"),
        (2000.0, 100.0, "20 times"),
        (0.0, 100.0, "-100 %"),
        (16 * 1024.0, 0.0, "+16.0 KiB"),
    ],
)
def test_a_difference_is_a_percentage_or_a_size_if_the_old_value_is_0(
    after: float, before: float, printed: str
) -> None:
    assert format_difference(after, before) == printed
