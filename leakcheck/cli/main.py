"""The command line: a file for each verb, and the one place where an error is printed."""

import os
import signal
import sys
import time
from _thread import interrupt_main, start_new_thread
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

import typer

from leakcheck.cli.console import inert_streams
from leakcheck.model.errors import ExitCode, LeakcheckError
from leakcheck.runner.worker_limits import own_this_process

_VERBS: Mapping[str, str] = {
    "run": "run",
    "check": "check",
    "baseline": "app",
    "django": "django",
    "http": "http",
    "list": "list_scenarios",
    "merge": "merge",
    "show": "show",
    "compare": "compare",
    "limit": "limit",
    "report": "report",
    "plot": "plot",
    "export": "export",
    "history": "history",
    "schema": "schema",
    "demo": "demo",
    "doctor": "doctor",
}
"""Each verb, which is also its file's name, and what that calls it; in the order of --help, where groups come last."""

_SOON_SECONDS = 0.02
_MEASURING = ("run", "check", "django", "http", "compare", "limit", "demo", "baseline")
_NO_FOLDER = "the current folder does not exist any more; change into another"
_COMPLETION = "_LEAKCHECK_COMPLETE"
_EXIT_CODES = f"Exit codes: {' · '.join(f'{code:d} {code.meaning}' for code in ExitCode)}."


def _version(value: bool) -> None:
    if value:
        from leakcheck import __version__

        typer.echo(f"leakcheck {__version__}")
        raise typer.Exit


def command_line(verbs: Iterable[str] = _VERBS) -> typer.Typer:
    """Return the command line with these verbs."""
    made = typer.Typer(
        name="leakcheck",
        help="Replay a piece of code, and learn whether memory grows with every call.",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for verb in verbs:
        found = getattr(import_module(f"leakcheck.cli.{verb}"), _VERBS[verb])
        if isinstance(found, typer.Typer):
            made.add_typer(found, name=verb)
        else:
            made.command(verb)(found)
    return made


def _verbs_of(arguments: Sequence[str]) -> Iterable[str]:
    """Return the verb that is asked for, where one is: the others take longer to load than a small scenario."""
    if arguments and arguments[0] in _VERBS and _COMPLETION not in os.environ:
        return arguments[:1]
    return _VERBS


def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Say which version this is."
    ),
) -> None:
    """Replay a piece of code, and learn whether memory grows with every call."""


def main() -> int:
    """Run the command line and return the exit code; every error ends here, told once and in a sentence."""
    own_this_process()
    with inert_streams():
        return _run()


def _run() -> int:
    try:
        made = command_line(_verbs_of(sys.argv[1:]))
        _hear_interrupts()
        made()
    except LeakcheckError as error:
        return _told(_NO_FOLDER if _is_nowhere() else str(error), error.exit_code)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as done:
        return _code_of(done)
    except Exception as error:
        return _unforeseen(error)
    return ExitCode.WITHIN


def _code_of(done: SystemExit) -> int:
    """Return the code that a command ended with. Whatever else ends with 1 is not over budget."""
    by_typer = done.__context__
    if isinstance(by_typer, typer.Abort):
        return ExitCode.INTERRUPTED
    if done.code == ExitCode.OVER_BUDGET and not isinstance(by_typer, typer.Exit):
        return _unforeseen(by_typer or done)
    if isinstance(done.code, str):
        return _unforeseen(done)
    return done.code or ExitCode.WITHIN


def _unforeseen(error: BaseException) -> int:
    """Say that this is a bug of ours, unless it came of an interrupt, or of a folder that is gone."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return ExitCode.INTERRUPTED
        behind = behind.__cause__ or behind.__context__
    if _is_nowhere():
        return _told(_NO_FOLDER, ExitCode.USAGE)
    from leakcheck.model.failure import internal_error

    saved = "what was measured is saved" if sys.argv[1:2] and sys.argv[1] in _MEASURING else ""
    return _told(internal_error(error, saved), ExitCode.INTERNAL)


def _is_nowhere() -> bool:
    """Tell whether the folder that we were called in was deleted."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _told(sentence: str, code: int) -> int:
    from leakcheck.model.plain_text import plain

    print(f"leakcheck: {plain(sentence)}", file=sys.stderr)
    return code


def _hear_interrupts() -> None:
    """Let Ctrl-C and SIGTERM interrupt what is measured, wherever Python happens to be."""
    unraisable = sys.unraisablehook

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        # it came while an object was let go of, where exceptions get lost
        if isinstance(ignored.exc_value, KeyboardInterrupt):
            start_new_thread(_interrupt_soon, ())
        else:
            unraisable(ignored)

    sys.unraisablehook = again
    signal.signal(signal.SIGTERM, _interrupt)
    # of a terminal that is closed; `nohup` has it ignored, and that is to stay
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt_soon() -> None:
    time.sleep(_SOON_SECONDS)  # until the main thread has left what an exception cannot come out of
    interrupt_main()


def _interrupt(number: int, frame: FrameType | None) -> None:
    # a job that CI cancels keeps what it had, as one that a person interrupts
    raise KeyboardInterrupt
