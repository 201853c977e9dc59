"""`leakcheck run`, and the end of every command that measures: show progress, save, report, print, exit."""

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import typer

from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.options import flatten_options
from leakcheck.cli.report import RunOutputs

if TYPE_CHECKING:
    from leakcheck.runner.session import RunOutcome, RunRequest


@flatten_options
def run(measuring: TargetOptions, outputs: RunOutputs) -> None:
    """Measure scenarios, and fail when growth or peak is over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    measure_and_exit(measuring.request(), outputs)


def measure_and_exit(request: "RunRequest", outputs: RunOutputs, *, suggest_closer_look: bool = False) -> NoReturn:
    """Measure and write all outputs, then raise Exit with the exit code; or raise LeakcheckError.

    `suggest_closer_look` prints the command that measures again what is not within budget.
    """
    outcome = measure(request, outputs)
    if suggest_closer_look:
        import sys

        from leakcheck.reporters.messages.commands import closer_look_command

        suggestion = closer_look_command(outcome.run.results, outcome.run.command)
        if suggestion is not None:
            print(suggestion, file=sys.stderr)  # a document may be written to stdout
    raise typer.Exit(outcome.exit_code(allow_inconclusive=request.settings.allow_inconclusive))


def against_baseline(request: "RunRequest") -> "RunRequest":
    """Return the request with the baseline that its settings name. Raises BaselineMissing if there is none."""
    from leakcheck.runner.baseline import load_baseline_ref

    targets = [str(target) for target in request.targets]
    return replace(request, baseline=load_baseline_ref(request.settings, targets, request.command))


def measure(request: "RunRequest", outputs: RunOutputs) -> "RunOutcome":
    """Measure, write the report and all outputs, and return the outcome. Raises LeakcheckError."""
    from leakcheck.cli.progress import progress_observer
    from leakcheck.runner import session

    with progress_observer() as observer:
        outcome = session.run(request, observer)
    page = outputs.write_report(outcome.run, outcome.folder) if outcome.save_error is None else None
    outputs.write(outcome.run, outcome.folder, page, allow_inconclusive=request.settings.allow_inconclusive)
    for failure in (outcome.save_error, outcome.executor_error):
        if failure is not None:
            raise failure
    return outcome
