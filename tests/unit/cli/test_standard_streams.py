"""Streams that never fail, and what a command ends with where something of ours does."""

import errno
import os
import sys
from collections.abc import Sequence
from io import BufferedWriter, TextIOWrapper
from pathlib import Path

import pytest
import typer

from leakcheck.cli import main
from leakcheck.cli.standard_streams import StreamStatus, _Descriptor, _standing, standing_streams
from leakcheck.model.errors import ExitCode, UsageError, worst
from leakcheck.model.failure import VARIABLE, internal_error

# --- streams --------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_remembered_and_not_raised() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    descriptor = _Descriptor(full)
    stream = TextIOWrapper(BufferedWriter(descriptor), write_through=True)
    stream.write("a line\n" * 10_000)
    stream.flush()
    assert descriptor.failed is not None
    assert descriptor.failed.errno == errno.ENOSPC
    os.close(full)


def test_a_reader_that_went_away_is_no_failure() -> None:
    ours, its = os.pipe()
    os.close(ours)
    standing, descriptor = StreamStatus(), _Descriptor(its)
    descriptor.write(b"hello")
    os.dup2(its, its)
    standing.descriptors.append(descriptor)
    assert descriptor.failed is not None
    assert standing.failure == ""
    os.close(its)


def test_a_pipe_that_does_not_block_gets_all_of_it() -> None:
    # GIVEN a pipe that is full at first, and read by somebody who is slow
    ours, its = os.pipe()
    os.set_blocking(its, False)
    if (child := os.fork()) == 0:
        os.close(its)
        total = 0
        while data := os.read(ours, 4096):
            total += len(data)
        os._exit(total == 500_000)
    os.close(ours)
    # WHEN much is written
    with BufferedWriter(_Descriptor(its)) as stream:
        stream.write(b"x" * 500_000)
    os.close(its)
    # THEN it has come
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_what_an_encoding_has_no_letter_for_is_spelt_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as below:
        monkeypatch.setattr(sys, "stdout", below)
        monkeypatch.setattr(sys, "stderr", below)
        with standing_streams():
            print("1 KiB ± 2 B · caf\udce9 … 3 µs ✓")
    assert (tmp_path / "out").read_text(encoding="ascii") == "1 KiB +- 2 B - caf? ... 3 us ?\n"


def test_a_stream_that_was_closed_takes_everything() -> None:
    stream = _standing(None, StreamStatus())
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


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """Return what the command ends with where a verb raises something."""

    def verb() -> None:
        raise error

    made = typer.Typer(pretty_exceptions_enable=False)
    made.command()(verb)
    monkeypatch.setattr(main, "command_line", lambda verbs: made)
    monkeypatch.setattr(main, "_hear_interrupts", lambda: None)
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
        # whatever else would end with 1 is an error of ours
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
def test_only_over_budget_ends_with_1(monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: int) -> None:
    assert ends_with(monkeypatch, error) == expected


def test_an_internal_error_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends_with(monkeypatch, ValueError("two\nlines \x1b[31m")) == ExitCode.INTERNAL
    told = capsys.readouterr().err
    assert told.startswith("leakcheck: internal error in leakcheck: ValueError: two lines \\x1b[31m (leakcheck/cli/")
    assert told.endswith("); please report it with `leakcheck doctor --markdown`\n")
    assert told.count("\n") == 1


def test_its_traceback_is_printed_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    assert "LookupError" in internal_error(LookupError())
    assert capsys.readouterr().err == "LookupError\n"
