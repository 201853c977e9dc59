"""`leakcheck run`: measure, judge, print, and answer with the exit code."""

import typer

from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Measuring
from leakcheck.cli.outputs import Outputs
from leakcheck.cli.report import Reporting


@flat
def run(measuring: Measuring, outputs: Outputs, reporting: Reporting) -> None:
    """Replay scenarios and fail when memory grows, or peaks, over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    from leakcheck import session
    from leakcheck.cli.progress import watching

    request = measuring.request()
    with watching() as observer:
        outcome = session.run(request, observer)
    page = reporting.write(outcome.run, outcome.folder) if outcome.unsaved is None else None
    forgiving = request.settings.allow_inconclusive
    outputs.tell(outcome.run, outcome.folder, page, allow_inconclusive=forgiving)
    if outcome.unsaved is not None:
        raise outcome.unsaved
    raise typer.Exit(outcome.exit_code(allow_inconclusive=forgiving))
