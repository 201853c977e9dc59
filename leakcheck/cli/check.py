"""`leakcheck check`: measure, compare with the baseline, and answer with the exit code."""

from dataclasses import replace

import typer

from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Measuring
from leakcheck.cli.options import Against
from leakcheck.cli.outputs import Outputs


@flat
def check(measuring: Measuring, against: Against, outputs: Outputs) -> None:
    """Replay scenarios, and fail when one is worse than what was accepted, or over its budget.

    What was accepted stands in leakcheck-baseline.json, which is committed: leakcheck baseline update writes it.
    A scenario that is not in it is NEW, and held to its budget alone. Without a baseline nothing is green.

    [bold]Examples[/bold]

      leakcheck check scenarios

      leakcheck check scenarios/newsletter -k "naive or iterator" --change "+10 % and +64 KiB"
    """
    from leakcheck import session
    from leakcheck.against import load_against
    from leakcheck.cli.progress import watching

    request = measuring.request(against)
    request = replace(request, against=load_against(request.settings, measuring.targets))
    with watching() as observer:
        outcome = session.run(request, observer)
    outputs.tell(outcome.run, outcome.folder)
    if outcome.unsaved is not None:
        raise outcome.unsaved
    raise typer.Exit(outcome.exit_code(allow_inconclusive=request.settings.allow_inconclusive))
