"""The command line: its commands, a file for each, and the one place where errors are printed."""

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

from leakcheck.cli.console import ci_safe_streams
from leakcheck.model.errors import ExitCode, LeakcheckError
from leakcheck.runner.child_process import declare_own_process

_HELP = "Replay code, and measure whether memory grows with every call."
_PANELS: Mapping[str, Sequence[str]] = {
    "Get started": ("demo", "doctor"),
    "Measure": ("list", "run", "check", "django", "http", "limit", "compare", "baseline"),
    "Saved runs": ("show", "report", "plot", "export", "history", "merge", "schema"),
}
"""The commands in the order of --help, by panel. Each is a module of this package."""
_COMMANDS = {name: panel for panel, names in _PANELS.items() for name in names}
_FUNCTIONS = {"list": "list_scenarios", "baseline": "app"}
"""What a module calls its command, where that is not the command's name."""

_MEASURING = ("run", "check", "django", "http", "compare", "limit", "demo", "baseline")
_NO_FOLDER = "the current folder no longer exists; change to another"
_EXIT_CODES = f"Exit codes: {' · '.join(f'{code:d} {code.meaning}' for code in ExitCode)}."
_COMPLETION = "_LEAKCHECK_COMPLETE"
_INTERRUPT_DELAY_SECONDS = 0.02


def _version(value: bool) -> None:
    if value:
        from leakcheck import __version__

        typer.echo(f"leakcheck {__version__}")
        raise typer.Exit


def command_line(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """Return the command line with the commands of these names."""
    app = typer.Typer(
        name="leakcheck",
        help=_HELP,
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        command = getattr(import_module(f"leakcheck.cli.{name}"), _FUNCTIONS.get(name, name))
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=_COMMANDS[name])
        else:
            app.command(name, rich_help_panel=_COMMANDS[name])(command)
    return app


def _needed_commands(arguments: Sequence[str]) -> Iterable[str]:
    """Return the command that is called, if one is: importing all others takes longer than a small scenario."""
    if arguments and arguments[0] in _COMMANDS and _COMPLETION not in os.environ:
        return arguments[:1]
    return _COMMANDS


def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


def main() -> int:
    """Run the command line and return the exit code. Every error ends here, and is printed once, in a sentence."""
    declare_own_process()
    with ci_safe_streams():
        return _run()


def _run() -> int:
    try:
        app = command_line(_needed_commands(sys.argv[1:]))
        _handle_interrupts()
        app()
    except LeakcheckError as error:
        return _print_error(_NO_FOLDER if _folder_is_gone() else str(error), error.exit_code)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as error:
        return _code_of(error)
    except Exception as error:
        return _unexpected(error)
    return ExitCode.WITHIN


def _code_of(error: SystemExit) -> int:
    """Return the code that a command exited with. Only typer.Exit means over budget with a code of 1."""
    cause = error.__context__
    if isinstance(cause, typer.Abort):
        return ExitCode.INTERRUPTED
    if error.code == ExitCode.OVER_BUDGET and not isinstance(cause, typer.Exit):
        return _unexpected(cause or error)
    if isinstance(error.code, str):
        return _unexpected(error)
    return error.code or ExitCode.WITHIN


def _unexpected(error: BaseException) -> int:
    """Print an internal error, unless the error came of an interrupt or of a deleted folder; return the exit code."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return ExitCode.INTERRUPTED
        cause = cause.__cause__ or cause.__context__
    if _folder_is_gone():
        return _print_error(_NO_FOLDER, ExitCode.USAGE)
    from leakcheck.model.failure import internal_error

    saved = "what was measured is saved" if sys.argv[1:2] and sys.argv[1] in _MEASURING else ""
    return _print_error(internal_error(error, saved), ExitCode.INTERNAL)


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _print_error(message: str, code: int) -> int:
    from leakcheck.model.plain_text import escape_control

    print(f"leakcheck: {escape_control(message)}", file=sys.stderr)
    return code


def _handle_interrupts() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP interrupt the measurement, wherever Python happens to be."""
    previous_hook = sys.unraisablehook

    def interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
        # an exception is lost if it is raised while an object is finalized
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            start_new_thread(_interrupt_soon, ())
        else:
            previous_hook(unraisable)

    sys.unraisablehook = interrupt_again
    signal.signal(signal.SIGTERM, _interrupt)
    # a closed terminal sends SIGHUP; `nohup` has it ignored, and so it must stay
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt_soon() -> None:
    time.sleep(_INTERRUPT_DELAY_SECONDS)  # until the main thread has left the code that exceptions cannot leave
    interrupt_main()


def _interrupt(number: int, frame: FrameType | None) -> None:
    # SIGTERM too: a job that CI cancels keeps what it has measured, as after Ctrl-C
    raise KeyboardInterrupt
