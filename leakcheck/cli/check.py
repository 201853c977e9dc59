"""`leakcheck check`: measure, compare with the baseline, and answer with the exit code."""

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.measured_run import against_baseline, measure_and_tell
from leakcheck.cli.options import BaselineOptions
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption


@flat
def check(measuring: TargetOptions, against: BaselineOptions, outputs: OutputOptions, reporting: ReportOption) -> None:
    """Replay scenarios, and fail when one is worse than what was accepted, or over its budget.

    What was accepted stands in leakcheck-baseline.json, which is committed: leakcheck baseline update writes it.
    A scenario that is not in it is NEW, and held to its budget alone. Without a baseline nothing is green.

    [bold]Examples[/bold]

      leakcheck check scenarios

      leakcheck check scenarios/newsletter -k "naive or iterator" --change "+10 % and +64 KiB"

      leakcheck check django:mysite.settings GET:/newsletter/ --user editor
    """
    measure_and_tell(against_baseline(measuring.request(against)), outputs, reporting)
