"""Text that others wrote comes out as text: no colours, no cursor movements, no reversed letters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.plain_text import escape_control


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("newsletter[naive]", "newsletter[naive]"),
        ("über · 日本語 · ± 3", "über · 日本語 · ± 3"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;https://evil.example\x07link", "\\x1b]8;;https://evil.example\\x07link"),
        ("\x9b31m", "\\x9b31m"),
        ("over\rwritten", "over\\rwritten"),
        ("back\x08space", "back\\x08space"),
        ("two\nlines", "two\\nlines"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("\u2066isolated\u2069", "\\u2066isolated\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028end", "line\\u2028end"),
        ("\ufeffbom", "\\ufeffbom"),
        ("half \ud83d of a pair", "half \\ud83d of a pair"),
        ("\U000e0041tag", "\\U000e0041tag"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert escape_control(text) == shown


def test_line_ends_are_kept_on_request_and_nothing_else_is() -> None:
    assert escape_control("a\nb\r\x1b\u2028", keep_lines=True) == "a\nb\\r\\x1b\\u2028"


@given(st.text(alphabet=st.characters()))
def test_no_control_or_format_character_remains(text: str) -> None:
    shown = escape_control(text)
    assert not [letter for letter in shown if unicodedata.category(letter)[0] == "C"]
    assert escape_control(shown) == shown
    shown.encode("utf-8")
