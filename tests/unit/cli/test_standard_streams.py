"""Streams that never fail, and the exit codes of errors."""

import errno
import os
import sys
from collections.abc import Sequence
from io import BufferedWriter, TextIOWrapper
from pathlib import Path

import pytest
import typer

from leakcheck.cli import main
from leakcheck.cli.standard_streams import StreamStatus, _Descriptor, _robust, robust_streams
from leakcheck.model.errors import ExitCode, UsageError, worst
from leakcheck.model.failure import TRACEBACK_VARIABLE, internal_error

# --- streams --------------------------------------------------------------------------------------


def test_an_error_is_remembered_and_not_raised() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    descriptor = _Descriptor(full)
    stream = TextIOWrapper(BufferedWriter(descriptor), write_through=True)
    stream.write("a line\n" * 10_000)
    stream.flush()
    assert descriptor.error is not None
    assert descriptor.error.errno == errno.ENOSPC
    os.close(full)


def test_a_reader_that_went_away_is_no_failure() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    status, descriptor = StreamStatus(), _Descriptor(write_end)
    descriptor.write(b"hello")
    os.dup2(write_end, write_end)
    status.descriptors.append(descriptor)
    assert descriptor.error is not None
    assert status.failure == ""
    os.close(write_end)


def test_a_nonblocking_pipe_receives_everything() -> None:
    # GIVEN a pipe that is full at first, and a slow reader
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    if (child := os.fork()) == 0:
        os.close(write_end)
        total = 0
        while data := os.read(read_end, 4096):
            total += len(data)
        os._exit(total == 500_000)
    os.close(read_end)
    # WHEN much is written
    with BufferedWriter(_Descriptor(write_end)) as stream:
        stream.write(b"x" * 500_000)
    os.close(write_end)
    # THEN all of it arrives
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_characters_that_an_encoding_lacks_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as below:
        monkeypatch.setattr(sys, "stdout", below)
        monkeypatch.setattr(sys, "stderr", below)
        with robust_streams():
            print("1 KiB ± 2 B · caf\udce9 … 3 µs ✓")
    assert (tmp_path / "out").read_text(encoding="ascii") == "1 KiB +- 2 B - caf? ... 3 us ?\n"


def test_a_closed_stream_accepts_everything() -> None:
    stream = _robust(None, StreamStatus())
    print("hello ±", file=stream, flush=True)
    stream.close()


# --- exit codes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((0, 6), 6),
        ((6, 1), 1),
        ((1, 4), 4),
        ((4, 5), 5),
        ((5, 3), 3),
        ((3, 2), 2),
        ((2, 130), 130),
        ((130, 70), 70),
        ((0, 1, 2, 3, 4, 5, 6, 70), 70),
    ],
)
def test_the_worst_wins(codes: Sequence[int], expected: int) -> None:
    assert worst(map(ExitCode, codes)) == expected
    assert worst(map(ExitCode, reversed(codes))) == expected


def exit_code_of(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """Return the exit code of a command that raises an error."""

    def command() -> None:
        raise error

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    monkeypatch.setattr(main, "command_line", lambda names: app)
    monkeypatch.setattr(main, "_handle_interrupts", lambda: None)
    monkeypatch.setattr(sys, "argv", ["leakcheck"])
    return main._run()


def _wrapped(error: BaseException, around: Exception) -> Exception:
    around.__context__ = error
    return around


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (typer.Exit(1), ExitCode.OVER_BUDGET),
        (typer.Exit(6), ExitCode.INCONCLUSIVE),
        (typer.BadParameter("no"), ExitCode.USAGE),
        (UsageError("no"), ExitCode.USAGE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (typer.Abort(), ExitCode.INTERRUPTED),
        (EOFError(), ExitCode.INTERRUPTED),
        # an interrupt in the middle of an import may come out as another error
        (_wrapped(KeyboardInterrupt(), ImportError("initialization failed")), ExitCode.INTERRUPTED),
        # anything else that exits with 1 is an internal error
        (ValueError("x"), ExitCode.INTERNAL),
        (MemoryError(), ExitCode.INTERNAL),
        (RecursionError(), ExitCode.INTERNAL),
        (OSError(errno.EPIPE, "Broken pipe"), ExitCode.INTERNAL),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.INTERNAL),
        (SystemExit(1), ExitCode.INTERNAL),
        (SystemExit("some words"), ExitCode.INTERNAL),
    ],
    ids=repr,
)
def test_only_over_budget_exits_with_1(monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: int) -> None:
    assert exit_code_of(monkeypatch, error) == expected


def test_an_internal_error_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(monkeypatch, ValueError("two\nlines \x1b[31m")) == ExitCode.INTERNAL
    errors = capsys.readouterr().err
    assert errors.startswith("leakcheck: internal error in leakcheck: ValueError: two lines \\x1b[31m (leakcheck/cli/")
    assert errors.endswith("); please report it with `leakcheck doctor --markdown`\n")
    assert errors.count("\n") == 1


def test_its_traceback_is_printed_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    assert "LookupError" in internal_error(LookupError())
    assert capsys.readouterr().err == "LookupError\n"
