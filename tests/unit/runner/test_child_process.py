"""A process that leakcheck starts: how it ended, what it wrote last, and that nothing of it is left."""

import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leakcheck.runner.child_process import ChildProcess


def ended(program: str, *, output: Path | None = None) -> ChildProcess:
    """Return a Python process that has run a program to its end, and whose output is read."""
    process = ChildProcess([sys.executable, "-c", program], output=output)
    with selectors.DefaultSelector() as selector:
        process.read_output_in(selector)
        while selector.get_map():
            for key, _ in selector.select():
                key.data(key.fileobj)
    process.end(grace_seconds=60)
    return process


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("pass", "exited with status 0 and no output"),
        ("import sys; sys.exit(3)", "exited with status 3 and no output"),
        ("import sys; sys.exit('no such file')", "exited with status 1"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)", f"was killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_how_a_process_ended_is_described(program: str, expected: str) -> None:
    assert ended(program).describe_end() == expected


def test_a_running_process_has_not_ended() -> None:
    process = ChildProcess([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert (process.is_alive, process.describe_end()) == (True, "is still running")
    process.end()
    assert (process.is_alive, process.describe_end()) == (False, "was killed by SIGKILL")


def test_a_process_that_ends_with_its_input_is_not_killed() -> None:
    process = ChildProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    process.end(grace_seconds=60)
    assert process.describe_end() == "exited with status 0 and no output"


@pytest.mark.parametrize("to_file", [False, True], ids=["pipes", "file"])
def test_the_end_of_a_long_output_is_kept(to_file: bool, tmp_path: Path) -> None:
    program = "import sys; print('x' * 200_000); print('the last words', file=sys.stderr, flush=True)"
    tail = ended(program, output=tmp_path / "output.txt" if to_file else None).output_tail()
    assert "the last words" in tail
    assert len(tail) <= 4000


def test_of_a_stack_the_newest_frames_are_kept_without_ours() -> None:
    worker = Path(__file__).parents[3] / "leakcheck" / "worker" / "main.py"
    frames = [f'  File "{name}", line 1 in call' for name in (worker, *(f"shop_{n}.py" for n in range(20)))]
    tail = ended(f"print({chr(10).join(['Fatal Python error: Aborted', *frames])!r})").output_tail()
    assert [line for line in tail.splitlines() if "File" in line] == frames[1:8]


def test_sending_to_a_process_that_has_ended_raises_nothing() -> None:
    process = ChildProcess([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.send(b"job\n")
    process.signal(signal.SIGTERM)
    process.end(grace_seconds=60)
    process.signal(signal.SIGTERM)
    assert process.describe_end() == "exited with status 0 and no output"


def test_a_program_that_is_not_there_raises_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError, match="no such program"):
        ChildProcess(["no such program"], output=tmp_path / "output.txt")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
