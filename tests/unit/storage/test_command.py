"""A command's output, and why it failed."""

import sys

import pytest

from leakcheck.storage.command import CommandFailed, run_command


def python(program: str, seconds: float = 60, error_lines: int = 1) -> str:
    return run_command([sys.executable, "-c", program], timeout_seconds=seconds, error_lines=error_lines)


def test_output_is_returned_without_its_last_line_feeds() -> None:
    assert python(r"print(' a\nb\n')") == " a\nb"
    assert python(r"import sys; sys.stdout.buffer.write(b'\xff')") == "\udcff"


def test_a_command_that_fails_is_quoted_with_the_end_of_its_errors() -> None:
    program = "import sys; sys.exit('first\\nsecond\\nthird')"
    with pytest.raises(CommandFailed, match=r"^third$"):
        python(program)
    with pytest.raises(CommandFailed, match=r"^second\nthird$"):
        python(program, error_lines=2)


def test_a_command_that_does_not_start_or_does_not_end_has_failed() -> None:
    with pytest.raises(CommandFailed, match="no/such/program"):
        run_command(["/no/such/program"], timeout_seconds=60)
    with pytest.raises(CommandFailed, match="timed out"):
        python("import time; time.sleep(60)", seconds=0.1)
