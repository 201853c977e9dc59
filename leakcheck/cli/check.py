"""`leakcheck check`: measure, compare with the baseline, and exit with the code."""

from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.options import BaselineOptions, flatten_options
from leakcheck.cli.report import RunOutputs
from leakcheck.cli.run import against_baseline, measure_and_exit


@flatten_options
def check(measuring: TargetOptions, baseline_options: BaselineOptions, outputs: RunOutputs) -> None:
    """Measure, and fail when worse than the baseline or over budget.

    The baseline is a committed file, leakcheck-baseline.json, which leakcheck
    baseline update writes. A scenario that is not in it is NEW, and is checked
    against its budget alone. Without a baseline the exit code is 4.

    [bold]Examples[/bold]

      leakcheck check scenarios

      leakcheck check scenarios/newsletter -k "naive or iterator" --change "+10 % and +64 KiB"

      leakcheck check django:mysite.settings GET:/newsletter/ --user editor
    """
    measure_and_exit(against_baseline(measuring.request(baseline_options)), outputs)
