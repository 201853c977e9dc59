"""No CI runner obeys what is printed, whatever the text is and wherever its lines break."""

import io
import sys
from pathlib import Path
from typing import IO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.cli.console import CiSafeStream, ci_safe_streams
from leakcheck.reporters.escape import escape_ci_commands
from tests.unit.ci_runner import obeyed
from tests.unit.hostile import run_with, text_of_others
from tests.unit.reported import RUNS
from tests.unit.reporters.test_terminal import page


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("::error::x", "\\x3a:error::x"),
        ("  \xa0::error::x", "  \xa0\\x3a:error::x"),
        ("a\n::set-env name=a::x\nb", "a\n\\x3a:set-env name=a::x\nb"),
        ("a\r::error::x", "a\r\\x3a:error::x"),
        ("a ##[group]x", "a \\x23#[group]x"),
        ("a ##vso[task.complete]", "a \\x23#vso[task.complete]"),
        ("###[x]", "#\\x23#[x]"),
        # what is no command to any runner is left alone
        ("a::error::x", "a::error::x"),
        ("bench.py::scenario", "bench.py::scenario"),
        ("# a heading [x]", "# a heading [x]"),
        (":x", ":x"),
    ],
)
def test_commands_of_ci_runners_are_escaped_once(text: str, escaped: str) -> None:
    assert escape_ci_commands(text) == escaped
    assert escape_ci_commands(escaped) == escaped


@given(text_of_others)
def test_no_escaped_text_is_a_command(text: str) -> None:
    assert obeyed(escape_ci_commands(text)) == []


@given(st.lists(text_of_others, max_size=4))
def test_no_stream_passes_on_a_command_however_it_is_written(parts: list[str]) -> None:
    below = io.StringIO(newline="")
    stream = CiSafeStream(below)
    for part in parts:
        stream.write(part)
        stream.flush()
    stream.release()
    assert obeyed(below.getvalue()) == []
    assert below.getvalue() == escape_ci_commands("".join(parts))


@given(text_of_others)
def test_a_printed_run_holds_no_command(text: str) -> None:
    below = io.StringIO()
    stream = CiSafeStream(below)
    stream.write(page(run_with(text), Path("reports")))
    stream.release()
    assert obeyed(below.getvalue()) == []


def test_without_the_stream_a_printed_run_would_hold_commands() -> None:
    assert obeyed(page(RUNS["hostile"]))


def test_bytes_pass_unchanged_and_in_order() -> None:
    raw = io.BytesIO()
    below = io.TextIOWrapper(raw, encoding="utf-8")
    stream = CiSafeStream(below)
    stream.write("::error::a")
    stream.buffer.write(b"\n::error::b\n")
    stream.write("c\n")
    stream.release()
    assert isinstance(below.buffer, io.BytesIO)
    assert raw.getvalue() == b"\\x3a:error::a\n::error::b\nc\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_left_alone_and_a_pipe_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, terminal = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(sys, "stderr", terminal)
    with ci_safe_streams():
        print("::error::half a line", end="")
        print("half", end="", file=sys.stderr, flush=True)
        assert terminal.getvalue() == "half"
        assert sys.stderr is terminal
    assert sys.stdout is pipe
    assert pipe.getvalue() == "\\x3a:error::half a line"


def test_a_broken_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    replacement = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Broken())
    with ci_safe_streams():
        sys.stdout.write("half a line")
        sys.stdout = replacement  # as click does
    assert sys.stdout is replacement


def test_a_path_can_be_echoed() -> None:
    import typer

    raw = io.BytesIO()
    below = io.TextIOWrapper(raw, encoding="utf-8")
    stream = CiSafeStream(below)
    typer.echo(Path("reports") / "report.html", file=cast("IO[str]", stream))
    stream.release()
    assert raw.getvalue() == b"reports/report.html\n"
