"""`leakcheck run`: measure, judge, print, and answer with the exit code."""

from typing import TYPE_CHECKING, NoReturn

import typer

from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Measuring
from leakcheck.cli.outputs import Outputs

if TYPE_CHECKING:
    from leakcheck.session import Request


@flat
def run(measuring: Measuring, outputs: Outputs) -> None:
    """Replay scenarios and fail when memory grows, or peaks, over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    carry_out(measuring.request(), outputs)


def carry_out(request: "Request", outputs: Outputs) -> NoReturn:
    """Measure what is requested, tell it, and end with the exit code."""
    from leakcheck import session
    from leakcheck.cli.progress import watching

    with watching() as observer:
        outcome = session.run(request, observer)
    outputs.tell(outcome.run, outcome.folder)
    if outcome.unsaved is not None:
        raise outcome.unsaved
    raise typer.Exit(outcome.exit_code(allow_inconclusive=request.settings.allow_inconclusive))
