"""-k expressions: words of an id with and, or, not and brackets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.config.expressions import parse_expression
from leakcheck.model.errors import UsageError

IDS = ("newsletter[naive]", "newsletter[iterator]", "digest", "import_names")


def matching_ids(expression: str) -> list[str]:
    matches = parse_expression(expression)
    return [name for name in IDS if matches(name)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("naive", ["newsletter[naive]"]),
        ("NAIVE", ["newsletter[naive]"]),
        ("newsletter[naive]", ["newsletter[naive]"]),
        ("letter and not naive", ["newsletter[iterator]"]),
        ("naive or digest", ["newsletter[naive]", "digest"]),
        ("not newsletter", ["digest", "import_names"]),
        ("not not digest", ["digest"]),
        # and binds closer than or
        ("digest or newsletter and naive", ["newsletter[naive]", "digest"]),
        ("(digest or newsletter) and naive", ["newsletter[naive]"]),
        ("newsletter and not (naive or values)", ["newsletter[iterator]"]),
        ("not(naive)and newsletter", ["newsletter[iterator]"]),
        # "import" contains "or", and is one word all the same
        ("import", ["import_names"]),
        ("nothing", []),
    ],
)
def test_an_expression_selects_ids(expression: str, expected: list[str]) -> None:
    assert matching_ids(expression) == expected


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "incomplete"),
        ("  ", "incomplete"),
        ("naive and", "incomplete"),
        ("not", "incomplete"),
        ("(naive", "incomplete"),
        ("naive)", "unexpected '\\)'"),
        ("()", "unexpected '\\)'"),
        ("or naive", "unexpected 'or'"),
        ("naive and or digest", "unexpected 'or'"),
        ("naive digest", "unexpected 'digest'"),
    ],
)
def test_the_error_for_a_broken_expression_says_where_it_breaks(expression: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f": {problem}; "):
        parse_expression(expression)


@given(left=st.sampled_from(IDS), right=st.sampled_from(IDS), name=st.sampled_from(IDS))
def test_not_of_both_is_not_the_left_or_not_the_right(left: str, right: str, name: str) -> None:
    both = parse_expression(f"not ({left} and {right})")
    either = parse_expression(f"not {left} or not {right}")
    assert both(name) == either(name)


@given(st.text(alphabet="ab ()", max_size=30) | st.text(max_size=10))
def test_any_text_is_either_an_expression_or_a_usage_error(text: str) -> None:
    try:
        assert parse_expression(text)("newsletter") in (True, False)
    except UsageError:
        pass
