"""`leakcheck baseline`: accept figures, look at them, and hold a saved run to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.options import BaselineFile, BaselineOptions, Targets

if TYPE_CHECKING:
    from leakcheck.config.settings import Settings
    from leakcheck.model.baseline import BaselineEntry
    from leakcheck.model.run import Run
    from leakcheck.runner.session import RunRequest

app = typer.Typer(help="The accepted figures: update, diff, show.", no_args_is_help=True, rich_markup_mode="rich")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOptions(TargetOptions):
    """What is measured for an update: nothing, where a saved run is taken."""

    targets: Targets = field(default_factory=list)


@app.command("update")
@flat
def update(
    measuring: UpdateOptions,
    against: BaselineOptions,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why this is accepted; it is kept in the file.")
    ] = None,
    from_run: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Accept a saved run, and measure nothing.")
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Accept also what was measured with uncommitted changes.")
    ] = False,
) -> None:
    """Measure, and write the figures down as accepted: for this Python, platform and allocator.

    Only what is the same in each run is kept: the verdict, the growth and the peak. What failed or is inconclusive
    is not accepted, and what -k leaves out stays as it is. Scenarios that the targets no longer hold are removed.

    [bold]Examples[/bold]

      leakcheck baseline update scenarios

      leakcheck baseline update scenarios -k retained --reason "ticket 12: kept until the audit log moves"

      leakcheck baseline update --from reports/2026-11-24T10-12-07
    """
    from leakcheck.compare.baseline_update import refuse_dirty_run, refuse_dirty_tree
    from leakcheck.model.errors import UsageError
    from leakcheck.storage import baseline_file, run_file

    request = measuring.request(against)
    # one that is broken is better said before anything is measured
    baseline_file.load_baseline(request.settings.baseline)
    if from_run is not None:
        saved = run_file.load(from_run)
        if not allow_dirty:
            refuse_dirty_run(saved, from_run)
        _accept_saved(request, saved, reason)
    if not measuring.targets:
        raise UsageError("name what to measure, as in leakcheck baseline update scenarios, or a run with --from")
    if not allow_dirty:
        refuse_dirty_tree(request.settings)
    _accept_measured(request, reason)


def _accept_saved(request: "RunRequest", saved: "Run", reason: str | None) -> None:
    from leakcheck.compare.baseline_update import picked

    _accept(request.settings, picked(saved, request.settings, request.targets, request.matches), reason)


def _accept_measured(request: "RunRequest", reason: str | None) -> None:
    from leakcheck.cli.outputs import OutputOptions
    from leakcheck.cli.progress import watching
    from leakcheck.model.errors import ExitCode
    from leakcheck.runner import session
    from leakcheck.runner.baseline import gone
    from leakcheck.storage import baseline_file

    with watching() as observer:
        outcome = session.run(request, observer)
    OutputOptions().tell(outcome.run, outcome.folder)
    if outcome.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if outcome.lost is not None:
        raise outcome.lost
    removed: Sequence[str] = ()
    baseline = baseline_file.load_baseline(request.settings.baseline)
    if baseline is not None and outcome.found is not None and outcome.run.environment is not None:
        entries = baseline.environments.get(outcome.run.environment.key, {})
        folder = request.settings.baseline.parent
        removed = gone(entries, outcome.found, folder=folder, targets=request.targets, matches=request.matches)
    _accept(request.settings, outcome.run, reason, removed)


def _accept(settings: "Settings", run: "Run", reason: str | None, removed: Sequence[str] = ()) -> None:
    """Write what is accepted, say what changed, and end with the code for what is not accepted."""
    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.compare.baseline_update import updated, write
    from leakcheck.model.plain_text import plain
    from leakcheck.reporters.baseline import acceptance_sentences, render_steps
    from leakcheck.storage import baseline_file

    # read again: while this measured, another update may have written
    update = updated(baseline_file.load_baseline(settings.baseline), run, settings, gone=removed, reason=reason)
    write(update, settings)
    console, measured = make_console(), {result.id: result for result in run.results}
    for part in render_steps(update.steps):
        console.print(part)
    for step in update.steps:
        if step.after is not None:
            for line in acceptance_sentences(measured[step.scenario], step.after):
                console.print(Text(line))
    for one in update.refused:
        console.print(Text(plain(f"{one.id}: not accepted, because it is {_why(one.gate)}."), style="bold"))
    written = "written; commit it" if update.changes_anything else "not changed"
    console.print(Text(plain(f"{settings.baseline}: {written}.")))
    raise typer.Exit(update.exit_code(allow_inconclusive=settings.allow_inconclusive))


def _why(gate: str) -> str:
    return "an error" if gate == "error" else "inconclusive"


@app.command("diff")
@flat
def diff(
    against: BaselineOptions,
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run's folder, or its run.json. \\[default: the newest]")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the runs' folders are. \\[default: reports]")
    ] = None,
    allow_inconclusive: Annotated[
        bool | None, typer.Option("--allow-inconclusive", help="End with 0 where nothing can be said.")
    ] = None,
) -> None:
    """Hold a saved run to the baseline, measure nothing, and end as leakcheck check would.

    [bold]Examples[/bold]

      leakcheck baseline diff

      leakcheck baseline diff reports/2026-11-24T10-12-07 --change "+1 % and +1 KiB"
    """
    from datetime import date

    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.errors import ExitCode
    from leakcheck.reporters.baseline import render_comparison
    from leakcheck.reporters.messages.baseline import run_sentences
    from leakcheck.reporters.messages.verdict import sentences
    from leakcheck.runner.baseline import compared_run, load_against
    from leakcheck.runner.session import exit_code
    from leakcheck.storage import run_file

    settings = resolve(
        SettingsLayer(
            baseline=against.baseline, change=against.change, output=output, allow_inconclusive=allow_inconclusive
        )
    )
    held_to = load_against(settings)
    saved = run_file.load(run or run_file.newest_run(settings.output))
    compared = compared_run(saved, held_to, settings, date.today())
    entries: dict[str, BaselineEntry] = {}
    if compared.environment is not None:
        entries = {**held_to.entries(compared.environment)}
    console = make_console()
    for part in render_comparison(compared.results, entries):
        console.print(part)
    for line in (*(line for result in compared.results for line in sentences(result)), *run_sentences(compared)):
        console.print(Text(line))
    code = exit_code(compared.results, allow_inconclusive=settings.allow_inconclusive)
    if not saved.finished:
        console.print(Text("This run was not finished, so it can be red, and not green."))
        code = ExitCode.INTERRUPTED if code == ExitCode.WITHIN else code
    raise typer.Exit(code)


@app.command("show")
def show(baseline: BaselineFile = None) -> None:
    """Print what is accepted, environment by environment.

    [bold]Example[/bold]

      leakcheck baseline show
    """
    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.reporters.baseline import render_baseline
    from leakcheck.runner.baseline import load_against

    settings = resolve(SettingsLayer(baseline=baseline))
    console = make_console()
    for part in render_baseline(load_against(settings).baseline):
        console.print(part)
