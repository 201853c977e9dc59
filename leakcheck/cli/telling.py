"""The end of every verb that measures: watch, save, report, tell, and answer with the exit code."""

from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from leakcheck.cli.outputs import Outputs
    from leakcheck.cli.report import Reporting
    from leakcheck.session import Outcome, Request


def measure_and_tell(request: "Request", outputs: "Outputs", reporting: "Reporting") -> NoReturn:
    """Measure what is requested, and tell it wherever it is wanted. Raises Exit with the code, or LeakcheckError."""
    outcome = told(request, outputs, reporting)
    raise typer.Exit(outcome.exit_code(allow_inconclusive=request.settings.allow_inconclusive))


def told(request: "Request", outputs: "Outputs", reporting: "Reporting") -> "Outcome":
    """Measure what is requested, tell it wherever it is wanted, and return how it came out. Raises LeakcheckError."""
    from leakcheck import session
    from leakcheck.cli.progress import watching

    with watching() as observer:
        outcome = session.run(request, observer)
    page, failed = None, None
    try:
        page = reporting.write(outcome.run, outcome.folder) if outcome.unsaved is None else None
    except Exception as error:  # the table is told all the same
        failed = error
    outputs.tell(outcome.run, outcome.folder, page, allow_inconclusive=request.settings.allow_inconclusive)
    if failed is not None:
        raise failed
    if outcome.unsaved is not None:
        raise outcome.unsaved
    if outcome.lost is not None:
        raise outcome.lost
    return outcome
