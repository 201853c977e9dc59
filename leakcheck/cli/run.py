"""`leakcheck run`: measure, judge against the budgets, print, and exit with the code."""

from leakcheck.cli.dataclass_options import flatten_options
from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.measured_run import measure_and_exit
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption


@flatten_options
def run(measuring: TargetOptions, outputs: OutputOptions, reporting: ReportOption) -> None:
    """Measure scenarios, and fail when growth or peak is over budget.

    [bold]Examples[/bold]

      leakcheck run scenarios/newsletter

      leakcheck run scenarios/newsletter -k "naive or iterator" -o peak.rows=500000

      leakcheck run shop.cart:checkout --setup shop.testing:prepare --growth "16 KiB / 1000 calls"

      leakcheck run bench.py::parse --python ../service/.venv/bin/python
    """
    measure_and_exit(measuring.request(), outputs, reporting)
