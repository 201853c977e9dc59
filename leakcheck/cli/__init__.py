"""The command line: a file for each verb, and the one place where an error is printed."""

import signal
import sys
from types import FrameType

import typer

from leakcheck.cli import baseline as baseline_verbs
from leakcheck.cli import check as check_verb
from leakcheck.cli import compare as compare_verb
from leakcheck.cli import demo as demo_verb
from leakcheck.cli import django as django_verb
from leakcheck.cli import doctor as doctor_verb
from leakcheck.cli import export as export_verb
from leakcheck.cli import history as history_verb
from leakcheck.cli import http as http_verb
from leakcheck.cli import limit as limit_verb
from leakcheck.cli import list as list_verb
from leakcheck.cli import merge as merge_verb
from leakcheck.cli import plot as plot_verb
from leakcheck.cli import report as report_verb
from leakcheck.cli import run as run_verb
from leakcheck.cli import schema as schema_verb
from leakcheck.cli import show as show_verb
from leakcheck.cli.inert import inert_streams
from leakcheck.errors import ExitCode, LeakcheckError

_EXIT_CODES = f"Exit codes: {' · '.join(f'{code:d} {code.meaning}' for code in ExitCode)}."

app = typer.Typer(
    name="leakcheck",
    help="Replay a piece of code, and learn whether memory grows with every call.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run_verb.run)
app.command("check")(check_verb.check)
app.add_typer(baseline_verbs.app, name="baseline", help="The accepted figures: update, diff, show.")
app.command("django")(django_verb.django)
app.command("http")(http_verb.http)
app.command("list")(list_verb.list_scenarios)
app.command("merge")(merge_verb.merge)
app.command("show")(show_verb.show)
app.command("compare")(compare_verb.compare)
app.command("limit")(limit_verb.limit)
app.command("report")(report_verb.report)
app.command("plot")(plot_verb.plot)
app.command("export")(export_verb.export)
app.command("history")(history_verb.history)
app.command("schema")(schema_verb.schema)
app.command("demo")(demo_verb.demo)
app.command("doctor")(doctor_verb.doctor)


def _version(value: bool) -> None:
    if value:
        from leakcheck import __version__

        typer.echo(f"leakcheck {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_version, is_eager=True, help="Say which version this is."
    ),
) -> None:
    """Replay a piece of code, and learn whether memory grows with every call."""


def main() -> int:
    """Run the command line and return the exit code; every LeakcheckError ends here, printed once."""
    signal.signal(signal.SIGTERM, _interrupt)
    with inert_streams():
        return _run()


def _run() -> int:
    try:
        app()
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
