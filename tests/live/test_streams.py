"""Nobody reads, the disk is full, a terminal has few letters, the folder is gone: a sentence, and never a traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from tests.live.beside import HEALTHY
from tests.live.command import Leakcheck, bare_environment

LEAKING = """
from leakcheck import scenario

KEPT = []

@scenario
def leaking():
    KEPT.append(bytes(1000))
"""

RUN = ("run", "leaking.py", "--no-peak", "--explain=never", "--no-report", "--calls=1500", "--output=out")
OTHERS = (("--help",), ("--version",))


@pytest.fixture
def folder(leakcheck: Leakcheck) -> Path:
    leakcheck.write("leaking.py", LEAKING)
    return leakcheck.folder


def ended(shell: str, folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Return how a command came out whose streams a shell has set up, as `"$@" >&-`."""
    return subprocess.run(
        ["bash", "-c", shell, "bash", sys.executable, "-m", "leakcheck", *arguments],
        cwd=folder,
        env={**bare_environment(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [RUN, *OTHERS], ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(
    "shell",
    ['"$@" | head -c 0; exit ${PIPESTATUS[0]}', '"$@" >&-', '"$@" >&- 2>&-', '"$@" 2>/dev/full'],
    ids=["nobody reads", "closed", "both closed", "stderr is full"],
)
def test_who_reads_along_changes_no_exit_code(folder: Path, shell: str, arguments: tuple[str, ...]) -> None:
    done = ended(shell, folder, *arguments)
    assert done.returncode == (ExitCode.OVER_BUDGET if arguments is RUN else ExitCode.WITHIN)
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("arguments", [RUN, *OTHERS], ids=lambda arguments: arguments[0])
def test_a_full_disk_is_a_sentence_and_no_verdict(folder: Path, arguments: tuple[str, ...]) -> None:
    done = ended('"$@" >/dev/full', folder, *arguments)
    assert done.returncode == ExitCode.USAGE
    assert (
        "leakcheck: standard output: cannot be written (No space left on device); free some disk space" in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize("arguments", [RUN, ("list", "leaking.py"), ("--help",)], ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "C"}],
    ids=["ascii", "C"],
)
def test_a_terminal_with_few_letters_gets_those(
    folder: Path, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    done = ended('"$@"', folder, *arguments, **environment)
    assert done.stdout.isascii()
    assert done.stderr.isascii() or "UTF" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (ExitCode.OVER_BUDGET if arguments is RUN else ExitCode.WITHIN)
    if arguments is RUN:
        assert "MiB +- " in done.stdout


@pytest.mark.parametrize("verb", ["run", "list", "check", "history", "compare"])
def test_a_folder_that_is_gone_is_a_sentence(folder: Path, verb: str) -> None:
    arguments = [verb, "a.py", "b.py"] if verb == "compare" else [verb, "a.py"]
    done = ended('mkdir gone; cd gone; rmdir ../gone; "$@"', folder, *arguments)
    assert done.stderr == "leakcheck: the current folder no longer exists; change to another\n"
    assert done.returncode == ExitCode.USAGE


def test_a_folder_that_goes_away_in_the_middle_costs_no_result(leakcheck: Leakcheck) -> None:
    # GIVEN a scenario that takes the folder away in which everybody works
    leakcheck.write("work/a_healthy.py", HEALTHY)
    leakcheck.write(
        "work/b_bad.py",
        """
        import os, shutil
        from leakcheck import scenario

        @scenario
        def bad():
            shutil.rmtree(os.path.dirname(os.path.abspath(__file__)), ignore_errors=True)
        """,
    )
    # WHEN it is run
    done = ended('cd work; "$@"', leakcheck.folder, "run", ".", "--no-peak", "--no-report", "--output=../out")
    # THEN what was measured is told
    assert "healthy  " in done.stdout
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide /proc")
def test_without_a_proc_growth_is_measured(folder: Path) -> None:
    hidden = 'mount -t tmpfs none /proc 2>/dev/null || exit 99; exec "$@"'
    done = ended(f"unshare -m bash -c '{hidden}' bash \"$@\"", folder, *RUN)
    if done.returncode in (99, 126, 127) or "unshare" in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert "Traceback" not in done.stderr
    assert done.returncode == ExitCode.OVER_BUDGET


# --- Ctrl-C ---------------------------------------------------------------------------------------


@contextmanager
def stopped_when_it_imports(module: str, folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a command that stops when it begins to import a module, until it is waited for."""
    (folder / "sitecustomize.py").write_text(
        f"""
import os, signal, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(1000))  # it is heard between two instructions

sys.meta_path.insert(0, Stop())
""",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "leakcheck", *arguments],
        cwd=folder,
        env={**bare_environment(), "PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        yield process


@pytest.mark.parametrize(
    "module",
    [
        "leakcheck.scenario",
        "leakcheck.cli.standard_streams",
        "typer",
        "leakcheck.cli.run",
        "leakcheck.runner.session",
        "psutil",
        "msgspec",
    ],
)
def test_an_interrupt_in_the_middle_of_an_import_is_no_traceback(folder: Path, module: str) -> None:
    with stopped_when_it_imports(module, folder, *RUN) as process:
        output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert "ignored" not in errors
    assert process.returncode == ExitCode.INTERRUPTED, output


# --- an error of our own --------------------------------------------------------------------------


def test_an_error_of_our_own_has_a_code_and_a_sentence(folder: Path) -> None:
    # GIVEN a leakcheck that is broken: a part of it cannot be loaded
    (folder / "sitecustomize.py").write_text(
        "import sys; sys.modules['leakcheck.runner.session'] = None  # its import raises", encoding="utf-8"
    )
    done = ended('"$@"', folder, *RUN, PYTHONPATH=str(folder))
    assert done.returncode == ExitCode.INTERNAL
    assert done.stderr.startswith("leakcheck: internal error in leakcheck: ")
    assert done.stderr.endswith("; please report it with `leakcheck doctor --markdown`\n")
    assert len(done.stderr.splitlines()) == 1
    # AND the traceback is to be had
    told = ended('"$@"', folder, *RUN, PYTHONPATH=str(folder), LEAKCHECK_TRACEBACK="1")
    assert "Traceback (most recent call last)" in told.stderr
