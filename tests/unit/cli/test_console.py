"""Consoles escape control characters, even if a reporter forgot to."""

import pytest
from rich.table import Table
from rich.text import Text

from leakcheck.cli.console import make_console
from leakcheck.model.errors import StoreError

CONTROL = "\x1b[2J\x9b31m\u202e\x07a"
ESCAPED = "\\x1b[2J\\x9b31m\\u202e"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_control_characters_are_escaped_and_our_own_colours_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    console = make_console()
    table = Table()
    table.add_column("name")
    table.add_row(Text(CONTROL, style="bold red"))
    console.print(Text(CONTROL))
    console.print(Text(CONTROL), soft_wrap=True)
    console.print(table)
    printed = capsys.readouterr().out
    assert printed.count(ESCAPED) == 3
    assert not {"\x9b", "\u202e", "\x07"} & {*printed}
    assert "\x1b[2J" not in printed
    assert ("\x1b[1;31m" in printed) == is_terminal


def test_a_name_between_colons_is_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print("a file called :bug:")
    assert capsys.readouterr().out == "a file called :bug:\n"


def test_the_message_of_an_error_is_escaped_wherever_it_is_printed() -> None:
    assert str(StoreError(f"{CONTROL}\n: cannot be read")) == f"{ESCAPED}\\x07a\n: cannot be read"
