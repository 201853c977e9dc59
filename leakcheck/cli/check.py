"""`leakcheck check`: measure, compare with the baseline, and answer with the exit code."""

from dataclasses import replace

from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Measuring
from leakcheck.cli.options import Against
from leakcheck.cli.outputs import Outputs
from leakcheck.cli.report import Reporting
from leakcheck.cli.telling import measure_and_tell


@flat
def check(measuring: Measuring, against: Against, outputs: Outputs, reporting: Reporting) -> None:
    """Replay scenarios, and fail when one is worse than what was accepted, or over its budget.

    What was accepted stands in leakcheck-baseline.json, which is committed: leakcheck baseline update writes it.
    A scenario that is not in it is NEW, and held to its budget alone. Without a baseline nothing is green.

    [bold]Examples[/bold]

      leakcheck check scenarios

      leakcheck check scenarios/newsletter -k "naive or iterator" --change "+10 % and +64 KiB"
    """
    from leakcheck.against import load_against

    request = measuring.request(against)
    measure_and_tell(replace(request, against=load_against(request.settings, measuring.targets)), outputs, reporting)
