"""`leakcheck baseline`: update the committed baseline, show it, and check a saved run against it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.options import AllowInconclusive, BaselineFile, BaselineOptions, Targets, flatten_options

if TYPE_CHECKING:
    from leakcheck.config.settings import Settings
    from leakcheck.model.run import Run
    from leakcheck.runner.session import RunRequest

app = typer.Typer(help="Manage the committed baseline.", no_args_is_help=True, rich_markup_mode="rich")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOptions(TargetOptions):
    """The options of an update, with targets that may be left out: a saved run can be accepted instead."""

    targets: Targets = field(default_factory=list)


@app.command("update")
@flatten_options
def update(
    *,
    from_run: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Accept a saved run instead of measuring.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why this is accepted; written to the baseline.")
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Accept figures measured with uncommitted changes.")
    ] = False,
    measuring: UpdateOptions,
    baseline_options: BaselineOptions,
) -> None:
    """Measure, and accept the figures as the baseline.

    Verdict, growth and peak are accepted, for this Python, platform and
    allocator. Failed and inconclusive scenarios are not accepted. Scenarios that
    -k does not select stay as they are; those that no longer exist in the targets
    are removed.

    [bold]Examples[/bold]

      leakcheck baseline update scenarios

      leakcheck baseline update scenarios -k retained --reason "ticket 12: kept until the audit log moves"

      leakcheck baseline update --from reports/2026-11-24T10-12-07
    """
    from leakcheck.compare.baseline_update import refuse_dirty_run, refuse_dirty_tree, select_results
    from leakcheck.model.errors import UsageError
    from leakcheck.storage import baseline_file, run_file

    request = measuring.request(baseline_options)
    baseline_file.load_baseline(request.settings.baseline)  # a broken file is reported before anything is measured
    if from_run is not None:
        saved = run_file.load(from_run)
        if not allow_dirty:
            refuse_dirty_run(saved, from_run)
        _accept(request.settings, select_results(saved, request.settings, request.targets, request.matches), reason)
    if not measuring.targets:
        raise UsageError(
            "nothing to accept: pass a target (leakcheck baseline update scenarios), or a saved run with --from RUN"
        )
    if not allow_dirty:
        refuse_dirty_tree(request.settings)
    _accept_measured(request, reason)


def _accept_measured(request: "RunRequest", reason: str | None) -> NoReturn:
    from leakcheck.cli.outputs import OutputOptions
    from leakcheck.cli.progress import progress_observer
    from leakcheck.model.errors import ExitCode
    from leakcheck.runner import session
    from leakcheck.runner.baseline import gone_entries
    from leakcheck.storage import baseline_file

    with progress_observer() as observer:
        outcome = session.run(request, observer)
    OutputOptions().write(outcome.run, outcome.folder)
    if outcome.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if outcome.executor_error is not None:
        raise outcome.executor_error
    removed: Sequence[str] = ()
    baseline = baseline_file.load_baseline(request.settings.baseline)
    if baseline is not None and outcome.collection is not None and outcome.run.environment is not None:
        entries = baseline.environments.get(outcome.run.environment.key, {})
        folder = request.settings.baseline.parent
        removed = gone_entries(
            entries, outcome.collection, folder=folder, targets=request.targets, matches=request.matches
        )
    _accept(request.settings, outcome.run, reason, removed)


def _accept(settings: "Settings", run: "Run", reason: str | None, removed: Sequence[str] = ()) -> NoReturn:
    """Write the baseline, print what changed, and exit with the code for what is not accepted."""
    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.compare.baseline_update import update_baseline, write
    from leakcheck.model.plain_text import escape_control
    from leakcheck.model.verdict import Gate
    from leakcheck.reporters.baseline import acceptance_notes, render_update
    from leakcheck.storage import baseline_file

    # read again: another update may have written it during the measurement
    update = update_baseline(baseline_file.load_baseline(settings.baseline), run, settings, gone=removed, reason=reason)
    write(update, settings)
    console, measured = make_console(), {result.id: result for result in run.results}
    for part in render_update(update.steps):
        console.print(part)
    for step in update.steps:
        if step.after is not None:
            for line in acceptance_notes(measured[step.scenario], step.after):
                console.print(Text(line))
    for result in update.refused:
        cause = "it failed" if result.gate is Gate.ERROR else "it is inconclusive"
        console.print(Text(escape_control(f"{result.id}: not accepted, because {cause}."), style="bold"))
    state = "written; commit it" if update.changes_anything else "unchanged"
    console.print(Text(escape_control(f"{settings.baseline}: {state}.")))
    raise typer.Exit(update.exit_code(allow_inconclusive=settings.allow_inconclusive))


@app.command("diff")
@flatten_options
def diff(
    baseline_options: BaselineOptions,
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Folder of a run, or its run.json. \\[default: the newest run]")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of saved runs. \\[default: reports]")
    ] = None,
    allow_inconclusive: AllowInconclusive = None,
) -> None:
    """Check a saved run against the baseline, without measuring.

    The exit code is that of leakcheck check.

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
    from leakcheck.runner.baseline import compare_run, load_baseline_ref
    from leakcheck.runner.session import exit_code
    from leakcheck.storage import run_file

    settings = resolve(
        SettingsLayer(
            baseline=baseline_options.baseline,
            change=baseline_options.change,
            output=output,
            allow_inconclusive=allow_inconclusive,
        )
    )
    reference = load_baseline_ref(settings)
    saved = run_file.load(run or run_file.newest_run(settings.output))
    compared = compare_run(saved, reference, settings, date.today())
    entries = {} if compared.environment is None else reference.entries(compared.environment)
    console = make_console()
    for part in render_comparison(compared, entries):
        console.print(part)
    code = exit_code(compared.results, allow_inconclusive=settings.allow_inconclusive)
    if not saved.finished:
        console.print(Text("This run was not finished: it can fail, but it cannot pass."))
        code = ExitCode.INTERRUPTED if code == ExitCode.WITHIN else code
    raise typer.Exit(code)


@app.command("show")
def show(baseline: BaselineFile = None) -> None:
    """Print the baseline, by environment.

    [bold]Example[/bold]

      leakcheck baseline show
    """
    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.reporters.baseline import render_baseline
    from leakcheck.runner.baseline import load_baseline_ref

    settings = resolve(SettingsLayer(baseline=baseline))
    console = make_console()
    for part in render_baseline(load_baseline_ref(settings).baseline):
        console.print(part)
