"""The command line: a file for each verb, and the one place where an error is printed."""

import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from types import FrameType

import typer

from leakcheck.cli.inert import inert_streams
from leakcheck.errors import ExitCode, LeakcheckError
from leakcheck.surroundings import own_this_process

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
    """Run the command line and return the exit code; every LeakcheckError ends here, printed once."""
    own_this_process()
    signal.signal(signal.SIGTERM, _interrupt)
    # of a terminal that is closed; `nohup` has it ignored, and that is to stay
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    with inert_streams():
        return _run()


def _run() -> int:
    try:
        command_line(_verbs_of(sys.argv[1:]))()
    except LeakcheckError as error:
        from leakcheck.reporters.plain import plain

        print(f"leakcheck: {plain(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else ExitCode.WITHIN
    return ExitCode.WITHIN


def _interrupt(number: int, frame: FrameType | None) -> None:
    # a job that CI cancels keeps what it had, as one that a person interrupts
    raise KeyboardInterrupt
