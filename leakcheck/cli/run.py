"""`leakcheck run`: measure, judge, print, and answer with the exit code."""

from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Measuring
from leakcheck.cli.outputs import Outputs
from leakcheck.cli.report import Reporting
from leakcheck.cli.telling import measure_and_tell


@flat
def run(measuring: Measuring, outputs: Outputs, reporting: Reporting) -> None:
    """Replay scenarios and fail when memory grows, or peaks, over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    measure_and_tell(measuring.request(), outputs, reporting)
